"""`imvume import`: recordings and call records that lie on a PBX, brought in."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import click

from imvume.basics import clock
from imvume.cli.frame import Door, command, failed
from imvume.cli.telling import span, teller_for
from imvume.store import tenants
from imvume.telephony.importers.engine import Import, Plan
from imvume.telephony.importers.folder import Folder
from imvume.telephony.importers.outcome import Outcome
from imvume.telephony.importers.sources import KINDS, open_records, the_kind, the_name, the_zone
from imvume.telephony.importers.taker import HouseTaker


@command("import")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--from", "kind", type=click.Choice(KINDS), default="folder", show_default=True, help="What filled it.")
@click.option(
    "--records",
    multiple=True,
    metavar="WHERE",
    help="Call records: a CSV file, mysql://user@host/database or postgresql://user@host/database. "
    "Repeat it for CDR and CEL in two places.",
)
@click.option(
    "--password-file",
    type=click.Path(path_type=Path),
    help="The file with the database's password (else ~/.my.cnf or PGPASSFILE).",
)
@click.option("--name", default="pbx", show_default=True, help="A short name for this PBX, always the same.")
@click.option(
    "--pbx-zone",
    metavar="ZONE",
    help="The PBX's own time zone, such as UTC where cdr.conf has usegmtime. Without it, the tenant's.",
)
@click.option("--outside", default="9", show_default=True, metavar="DIGITS", help="What reaches an outside line there.")
@click.option("--move", is_flag=True, help="Remove each file once what was sealed of it has been read back.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option(
    "--wait",
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    type=click.FloatRange(0, 86_400),
    help="How long to stay for recordings that still grow.",
)
@click.option(
    "--progress", is_flag=True, help="Tell how far it is even where nobody looks; with --json, in a line each."
)
def import_(door: Door, folder: Path, kind: str, records: tuple[str, ...], **given: Any) -> None:
    """Bring in the recordings in FOLDER, each once, with the call it belongs to.

    Stopped at any moment and started again it goes on where it was. What cannot be taken is
    named with its reason and left where it is. Ends with status 0 when everything is taken,
    75 when something was refused, still grows, or was stopped.
    """
    name, dry = the_name(given["name"]), bool(given["dry_run"])
    with ExitStack() as stack:
        stop = stack.enter_context(_stopping())
        house, tenant = stack.enter_context(door.tenant())
        with house.database.transaction(None) as tx:
            own = next(known for known in tenants.tenants(tx) if known.tenant_id == tenant)
        zone = the_zone(given["pbx_zone"] or own.zone)
        opened = Folder(folder)
        stack.callback(opened.close)
        found = open_records(
            the_kind(kind),
            records,
            source=name,
            zone=zone,
            region=own.region,
            outside=given["outside"],
            password_file=given["password_file"],
        )
        stack.callback(found.close)
        teller = stack.enter_context(teller_for(door, bool(given["progress"])))
        plan = Plan(
            source=name,
            zone=zone,
            region=own.region,
            outside=given["outside"],
            mixed=kind == "vicidial",
            move=given["move"],
            dry=dry,
            settle_seconds=house.config.settle_seconds,
            wait_seconds=given["wait"],
            workers=house.config.workers,
        )
        began = time.monotonic()
        taker = HouseTaker(house, tenant)
        importing = Import(plan, opened, found, taker, teller, now=clock.now, ticks=time.monotonic, stop=stop)
        outcome = importing.run(counted=teller.counted)
    seconds = time.monotonic() - began
    door.answer(
        outcome.as_dict() | {"dry_run": dry, "seconds": round(seconds, 3)}, "\n".join(_said(outcome, dry, seconds))
    )
    if outcome.error is not None:
        # In JSON it stands in the object already; a second one would not be one object.
        raise click.exceptions.Exit(outcome.error.exit if door.json else failed(outcome.error))
    raise click.exceptions.Exit(0 if outcome.complete else 75)


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """An event that the first SIGINT or SIGTERM sets; the second ends us as it would anybody."""
    stop = threading.Event()

    def heard(number: int, _: FrameType | None) -> None:
        stop.set()
        signal.signal(number, before[signal.Signals(number)])
        click.echo("Stopping after the calls in hand. Once more stops at once; nothing is lost either way.", err=True)

    before = {number: signal.signal(number, heard) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _said(outcome: Outcome, dry: bool, seconds: float) -> list[str]:
    verb = "Would take" if dry else "Took"
    hours = f", {outcome.audio_seconds / 3600:.1f} hours of sound" if outcome.audio_seconds else ""
    lines = [f"{verb} {_files(outcome.taken)} of {_calls(outcome.calls)}{hours}, in {span(seconds)}."]
    if outcome.skipped:
        lines.append(f"{_files(outcome.skipped)} had been taken before.")
    if outcome.removed:
        lines.append(f"{_files(outcome.removed)} were removed after what is sealed of them was read back.")
    if outcome.waiting:
        lines.append(f"{_files(outcome.waiting)} still grow or wait for their record; the next import takes them.")
    if outcome.refused:
        lines.append(f"{outcome.refused:,} could not be taken; each is named above and lies where it lay.")
        remedies = {remark.error.code: remark.error.remedy for remark in outcome.refusals}
        lines += [f"  {code}: {remedy}" for code, remedy in sorted(remedies.items())]
    if outcome.stopped:
        lines.append("Stopped on the way; the same command goes on from here.")
    return lines


def _files(count: int) -> str:
    return f"{count:,} recording" if count == 1 else f"{count:,} recordings"


def _calls(count: int) -> str:
    return f"{count:,} new call" if count == 1 else f"{count:,} new calls"


command = import_
