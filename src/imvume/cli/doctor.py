"""`imvume doctor`: what is wrong with this machine, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict

import click

from imvume import config as settings
from imvume.cli import checks
from imvume.cli.checks import Check
from imvume.cli.frame import Door, command
from imvume.errors import ImvumeError
from imvume.store.database import Database
from imvume.store.embedded import Postgres

WAIT_SECONDS = 5.0  # a database that needs longer to answer is a finding


@command("doctor")
def doctor(door: Door) -> None:
    """Say what is wrong with this machine and how to mend it. Changes nothing; ends with 1 if something is wrong."""
    found = []
    for check in _checks(door):
        found.append(check)
        if not door.json:
            _show(check)
    wrong = [check for check in found if not check.ok]
    text = "\nAll is well." if not wrong else f"\n{len(wrong)} to mend."
    door.answer({"ok": not wrong, "checks": [asdict(check) for check in found]}, text)
    raise click.exceptions.Exit(1 if wrong else 0)


def _checks(door: Door) -> Iterator[Check]:
    try:
        config = settings.load(door.home)
    except ImvumeError as error:
        yield checks.failed("settings", "config.toml can be read", error)
        return
    yield Check("settings", True, "config.toml can be read", "it can")
    yield from checks.of_machine(config)
    if not (config.keys / "root.key").exists():
        return  # nothing was ever started here, or it cannot be opened: said above
    try:
        # Not by opening the house: an object store that is away must not hide what the database says.
        with ExitStack() as stack:
            dsn = config.dsn or stack.enter_context(Postgres(door.home)).dsn
            yield from checks.of_database(stack.enter_context(Database(dsn, wait_seconds=WAIT_SECONDS)))
    except ImvumeError as error:
        yield checks.failed("database", "it answers", error)


def _show(check: Check) -> None:
    sign = click.style("✓", fg="green") if check.ok else click.style("✗", fg="red", bold=True)
    click.echo(f"  {sign} {check.name:<18} {check.actual}")
    if not check.ok:
        click.echo(click.style(f"    {'expected':<18} {check.expected}", dim=True))
        click.echo(f"    {'to mend it':<18} {check.remedy}")


command = doctor
