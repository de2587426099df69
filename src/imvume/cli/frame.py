"""What every command shares: where the house is, how it answers, and how it fails."""

from __future__ import annotations

import json as jsonlib
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import click

from imvume import config
from imvume.archive.house import House
from imvume.basics import clock
from imvume.basics.ids import CallId, TenantId
from imvume.calls import search
from imvume.errors import BadInput, ImvumeError, NotFound
from imvume.store import tenants

F = TypeVar("F", bound=Callable[..., Any])

_as_json = False  # of the command that runs, so that a failure answers in the same language


@dataclass(frozen=True, slots=True)
class Door:
    """The terminal that asked: its house, and whether it wants JSON."""

    home: Path
    json: bool

    @contextmanager
    def house(self) -> Iterator[House]:
        """The house, opened; the embedded PostgreSQL runs while it is open."""
        from imvume.app import open_house

        with open_house(self.home) as house:
            yield house

    @contextmanager
    def tenant(self) -> Iterator[tuple[House, TenantId]]:
        """The house and its tenant. Raises NotFound where there is none yet."""
        with self.house() as house:
            with house.database.transaction(None) as tx:
                known = tenants.tenants(tx)
            if not known:
                raise NotFound(
                    "cli.tenant.none",
                    "This house has no tenant yet.",
                    remedy="Run `imvume start` once; it makes the first.",
                )
            yield house, known[0].tenant_id

    def answer(self, facts: dict[str, Any] | list[Any], text: str | None = None) -> None:
        """Give the answer: as JSON where that was asked for, else `text`."""
        if self.json:
            click.echo(jsonlib.dumps(facts, default=_plain, ensure_ascii=False))
        elif text:
            click.echo(text)

    def now(self) -> datetime:
        """This instant: a door may read the clock."""
        return clock.now()


def command(name: str) -> Callable[[F], click.Command]:
    """A command that takes --json and gets a Door first."""

    def wrap(function: F) -> click.Command:
        @click.pass_context
        def run(ctx: click.Context, /, json: bool, **given: Any) -> Any:
            global _as_json
            _as_json = json
            home = ctx.find_root().obj
            return function(Door(config.house(home), json), **given)

        run.__doc__ = function.__doc__
        run.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined]  # click's own way
        option = click.option("--json", is_flag=True, help="Answer in JSON.")
        return click.command(name)(option(run))

    return wrap


def call_of(house: House, tenant: TenantId, ref: str) -> CallId:
    """The call that `ref` names: its reference (C-…) or its id. Raises NotFound."""
    with house.database.transaction(tenant) as tx:
        try:
            found = UUID(ref)
            return search.card(tx, house.vault, CallId(found)).found.call
        except ValueError:
            call = search.by_ref(tx, ref)
    if call is None:
        raise NotFound(
            "cli.call.none",
            "There is no such call.",
            remedy="Look for it with `imvume calls`; a reference begins with C-.",
        )
    return call


def given_reason(reason: str) -> None:
    """Raises BadInput for a reason that says nothing: it is kept for the person it concerns."""
    if len(reason.strip()) < 5:
        raise BadInput(
            "cli.reason.missing",
            "A reason is missing.",
            why="Every opening and export of a recording is kept with its reason, for the person it is about.",
            remedy='Say it in a few words: --reason "A complaint, ref 4471".',
        )


def failed(error: Exception) -> int:
    """Say what went wrong, and answer the exit status for it."""
    if not isinstance(error, ImvumeError):
        if os.environ.get("IMVUME_DEBUG"):
            traceback.print_exception(error)
        error = _unforeseen(error)
    if _as_json:
        click.echo(jsonlib.dumps({"error": error.as_dict()}, ensure_ascii=False))
    else:
        lines = [error.what, error.why, error.remedy]
        click.secho(lines[0], fg="red", err=True)
        for line in lines[1:]:
            if line:
                click.echo(line, err=True)
        click.secho(error.code, dim=True, err=True)
    return error.exit


def _unforeseen(error: Exception) -> ImvumeError:
    with tempfile.NamedTemporaryFile("w", prefix="imvume-", suffix=".log", delete=False) as log:
        traceback.print_exception(error, file=log)
    return ImvumeError(
        "cli.unforeseen",
        "Something went wrong that nobody foresaw.",
        why=f"The details are in {log.name}; they may hold personal information.",
        remedy="Run `imvume doctor`; then report it, without the details that are somebody's.",
    )


def _plain(value: object) -> Any:
    if isinstance(value, datetime):
        return clock.stamp(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


def is_terminal() -> bool:
    """Whether somebody looks: then progress is drawn."""
    return sys.stderr.isatty()
