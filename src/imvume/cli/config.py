"""`imvume config`: every setting, with what it means."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields
from typing import Any

import click

from imvume import config as settings
from imvume.cli.frame import Door, command
from imvume.config import Config, Watch

SECRET = frozenset({"dsn", "owner_dsn"})  # may hold a password


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its name, what it means, its default as TOML, or None if it has none."""

    name: str
    says: str
    default: str | None


def settings_of(kind: type[Config] | type[Watch]) -> list[Setting]:
    """Every setting that a person may write down, in the order in which they stand."""
    return [
        Setting(field.name, field.metadata["says"], None if field.default is MISSING else _toml(field.default))
        for field in fields(kind)
        if field.name != "home"
    ]


@click.group("config")
def config() -> None:
    """Show every setting with what it means."""


@command("describe")
def describe(door: Door) -> None:
    """A config.toml with every setting, its default, and what it means; what differs in this house is uncommented."""
    here = settings.load(door.home)
    facts: list[dict[str, Any]] = []
    lines = ["# config.toml: put it into the house. Every line that is commented out shows a default."]
    for setting in settings_of(Config):
        if setting.name == "watch":
            continue
        value = getattr(here, setting.name)
        toml = _toml(value)
        shown = '"…"' if setting.name in SECRET and value else toml
        changed = toml != setting.default
        facts.append({"name": setting.name, "says": setting.says, "default": setting.default, "value": shown})
        lines += ["", f"# {setting.says}", f"{'' if changed else '# '}{setting.name} = {shown}"]
    lines += ["", "# Folders of recordings to keep an eye on; repeat the table for each."]
    lines += ["# [[watch]]"] + [
        f"# {setting.name} = {setting.default or '…'}   # {setting.says}" for setting in settings_of(Watch)
    ]
    for watch in here.watch:
        lines += ["[[watch]]"] + [f"{field.name} = {_toml(getattr(watch, field.name))}" for field in fields(Watch)]
    door.answer(facts, "\n".join(lines))


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, tuple):
        return "[]"
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


config.add_command(describe)
command = config
