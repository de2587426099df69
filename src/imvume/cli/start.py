"""`imvume start`: the whole house, from nothing to a link to open."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

import click

from imvume import __version__
from imvume import config as settings
from imvume.app import first_tenant, open_house
from imvume.cli.frame import Door, command
from imvume.cli.migrate import bring_up
from imvume.cli.supervise import Child, Family
from imvume.config import Config
from imvume.errors import Conflict, ImvumeError, Unavailable
from imvume.keys.vault import Vault
from imvume.staff.actions import set_up_link
from imvume.store.embedded import Postgres
from imvume.web import serving

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
READY_SECONDS = 60.0  # for the console to answer; a slow disk may take ten


@command("start")
@click.option("--listen", metavar="HOST:PORT", help="Where the console answers, instead of the setting.")
def start(door: Door, listen: str | None) -> None:
    """Start Imvume: database, console and worker; make the house if there is none. Ctrl-C stops everything."""
    run(door, listen=listen)


def run(
    door: Door,
    *,
    listen: str | None,
    prepare: Callable[[Path], None] = lambda home: None,
) -> None:
    """Bring the house up and keep it up until SIGINT, SIGTERM or SIGHUP.

    prepare: called with the house once it is ours and before anything runs.
    Raises Conflict if this house runs already, or something else listens where the console would.
    """
    with ExitStack() as stack:
        _make(door.home)
        stack.enter_context(_alone(door.home))
        ending = stack.enter_context(_Ending())
        _say(door, click.style(f"Imvume {__version__}", bold=True) + "\n")
        prepare(door.home)
        config = settings.load(door.home)
        config = replace(config, listen=listen) if listen else config
        _free(config)
        with _step(door, "Database") as said:
            postgres = None if config.dsn else stack.enter_context(Postgres(door.home))
            said.append("your own" if config.dsn else "PostgreSQL, in this house")
            applied = bring_up(config, postgres)
            if applied:
                said.append("tables up to date")
        link = _first_link(door, config)
        family = Family(
            [_child(door, config, "console", "web", *(("--listen", listen) if listen else ())),
             _child(door, config, "worker", "worker")],
            say=lambda text: _say(door, click.style(f"  {text}", fg="yellow")),
            tend=_tended(door, postgres),
            stop=ending.stop,
        )  # fmt: skip
        try:
            ending.orderly = True
            with _step(door, "Console") as said:
                family.start()
                _await(config, family)
                said.append(serving.address(config))
            if not ending.stop.is_set():
                _welcome(door, config, link)
            family.watch()
        finally:
            _say(door, "\n  Stopping.")
            family.end()
    _say(door, "  Stopped. Nothing is running any more.")


def _make(home: Path) -> None:
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        Vault.make(settings.load(home).keys)
    except PermissionError as error:
        raise Unavailable(
            "cli.start.not-ours",
            "The house cannot be made or entered here.",
            why="The folder belongs to another user, or is closed to this one.",
            remedy="Run Imvume as the user who made it, or choose another place with --home.",
        ) from error


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    lock = os.open(home / "start.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise Conflict(
            "cli.start.running",
            "Imvume already runs in this house.",
            why="Another `imvume start` holds it.",
            remedy="Use the one that runs, stop it first, or choose another house with --home.",
        ) from None
    try:
        yield
    finally:
        os.close(lock)


def _free(config: Config) -> None:
    """Raises Conflict if something listens where the console would: it would only be found out in a log."""
    host, port = serving.place(config.listen)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as error:
            raise Conflict(
                "cli.start.port-taken",
                "The console cannot answer where the settings say.",
                why=f"The system says: {(error.strerror or 'no such address').lower()}.",
                remedy="Stop what listens there, or choose another place: `imvume start --listen 127.0.0.1:8444`.",
            ) from error


def _first_link(door: Door, config: Config) -> str:
    """A link for whoever becomes the information officer; none once somebody can sign in."""
    with open_house(door.home) as house:
        tenant = first_tenant(house, door.now())
        with house.database.transaction(tenant) as tx:
            if tx.only("staff.staff_count")["n"]:
                return ""
            token = set_up_link(tx, tenant, door.now())
    return f"{serving.address(config)}/set-up?link={token}"


def _child(door: Door, config: Config, name: str, *words: str) -> Child:
    # -P: a folder called imvume where we happen to stand is not us.
    program = [sys.executable, "-P", "-m", "imvume", "--home", str(door.home), *words]
    if not sys.stderr.isatty() and not door.json:
        return Child(name, program, None)  # under systemd or in a container, logs belong to whoever started us
    logs = config.home / "logs"
    logs.mkdir(mode=0o700, exist_ok=True)
    return Child(name, program, logs / f"{name}.log")


def _tended(door: Door, postgres: Postgres | None) -> Callable[[], None]:
    told = False

    def tend() -> None:
        nonlocal told
        if postgres is None or postgres.serving():
            told = False
            return
        if not told:
            _say(door, click.style("  The database has ended; it is started again.", fg="yellow"))
            told = True
        try:
            postgres.start()
        except ImvumeError as error:
            _say(door, click.style(f"  {error.what} {error.why}", fg="red"))
            time.sleep(5)

    return tend


def _await(config: Config, family: Family) -> None:
    """Return once the console answers. Raises Unavailable if it does not."""
    host, port = serving.place(config.listen)
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # to ask, not to listen
    console, limit = family.children[0], time.monotonic() + READY_SECONDS
    while not family.stop.is_set():
        try:
            socket.create_connection((host, port), 1).close()
            return
        except OSError:
            if not console.alive or time.monotonic() > limit:
                raise Unavailable(
                    "cli.start.no-console",
                    "The console does not start.",
                    why="Its log says why: logs/console.log in the house." if console.log else "It says why above.",
                    remedy="Run `imvume doctor`, mend what it names, and start again.",
                ) from None
        family.stop.wait(0.05)


def _welcome(door: Door, config: Config, link: str) -> None:
    address = serving.address(config)
    door_facts = {"address": address, "set_up": link or None, "house": str(door.home), "pid": os.getpid()}
    if door.json:
        door.answer(door_facts)
        sys.stdout.flush()
        return
    _say(door, f"  {'House':<10}{_short(door.home)}")
    if sys.stderr.isatty():
        _say(door, f"  {'Logs':<10}{_short(door.home / 'logs')}")
    if link:
        _say(door, "\n  Open this once, within a day, to become the information officer:\n")
        _say(door, "  " + click.style(link, bold=True, fg="green"))
    else:
        _say(door, "\n  Sign in at " + click.style(address, bold=True, fg="green"))
    _say(door, "\n  Ctrl-C stops everything.\n")


@contextmanager
def _step(door: Door, name: str) -> Iterator[list[str]]:
    said: list[str] = []
    begun = time.monotonic()
    watched = sys.stdout.isatty() and not door.json
    if watched:
        click.echo(f"  {name:<10}…", nl=False)
    try:
        yield said
    except BaseException:
        if watched:
            click.echo()
        raise
    if not door.json:
        took = click.style(f"  {time.monotonic() - begun:.1f} s", dim=True)
        click.echo(f"{chr(13) if watched else ''}  {name:<10}{', '.join(said)}{took}")


class _Ending:
    """How we end: at once while things are being made ready, in order once they run; a second signal means now."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.orderly = False

    def heard(self, number: int, frame: FrameType | None) -> None:
        if not self.orderly or self.stop.is_set():
            raise KeyboardInterrupt
        self.stop.set()

    def __enter__(self) -> _Ending:
        self._before = {number: signal.signal(number, self.heard) for number in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


def _short(path: Path) -> str:
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) and home != Path("/") else str(path)


def _say(door: Door, text: str) -> None:
    if not door.json:
        click.echo(text)
        sys.stdout.flush()


command = start
