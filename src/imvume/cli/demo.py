"""`imvume demo`: a contact centre that does not exist, to try everything on."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from imvume.basics import clock
from imvume.cli import start
from imvume.cli.frame import Door, command

CALLS = 300
SEED = 20_261_123

_SETTINGS = """# The house of the demo. Remove the folder, and nothing of it is left.
settle_seconds = 1

[[watch]]
folder  = "pbx/monitor"
kind    = "asterisk"
records = "pbx/Master.csv"
cel     = "pbx/cel.csv"
name    = "demo-pbx"
zone    = "Africa/Johannesburg"
"""


@command("demo")
@click.option("--listen", metavar="HOST:PORT", help="Where the console answers, instead of the setting.")
@click.option("--fresh", is_flag=True, help="Throw the demo of last time away first.")
def demo(door: Door, listen: str | None, fresh: bool) -> None:
    """Start a fictional contact centre in a house of its own: a month of calls, with voices. Ctrl-C stops it.

    The calls are written as an Asterisk would leave them and come in through the ordinary import,
    while you watch. Nobody in them exists; their numbers are kept for fiction.
    """
    run(door, listen=listen, fresh=fresh)


def run(door: Door, *, listen: str | None, fresh: bool = False) -> None:
    """The demo beside the house that was named, never in it."""
    home = door.home.with_name(door.home.name + "-demo")
    if fresh and (home / _MARK).exists():
        shutil.rmtree(home)
    start.run(Door(home, door.json), listen=listen, prepare=lambda home: prepare(door, home))


_MARK = "this-is-a-demo"


def prepare(door: Door, home: Path) -> None:
    """The folder of the fictional PBX, and settings that watch it; only the first time."""
    if (home / _MARK).exists():
        return
    from imvume.demo import make

    if not door.json:
        click.echo(f"  Recording {CALLS} calls of people who do not exist …")
    shutil.rmtree(home / "pbx", ignore_errors=True)  # what a start that was ended half way left
    make(home / "pbx", calls=CALLS, until=clock.now(), seed=SEED)
    (home / "config.toml").write_text(_SETTINGS.replace('"pbx/', f'"{home}/pbx/'), encoding="utf-8")
    (home / _MARK).touch()


command = demo
