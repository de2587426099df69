"""`imvume verify`: the whole archive, or one pack on a machine that has nothing else."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from types import FrameType

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from imvume.calls import packcheck
from imvume.cli.frame import Door, command, is_terminal


@command("verify")
@click.argument("pack", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--key", help="The key of the log that you trust, as its owner publishes it. For a pack.")
@click.option("--deep", is_flag=True, help="Also decrypt and compare the sound itself. For the archive.")
def verify(door: Door, pack: Path | None, key: str | None, deep: bool) -> None:
    """Read everything again and say what it proves; stopped, it goes on where it was.

    With PACK, check that file alone: no database, no network, no house is needed.
    Ends with status 0 when everything is proven, 1 when something is broken, 75 when it was stopped.
    """
    if pack is not None:
        report = packcheck.check(pack, vkey=key)
        facts = {
            "verdict": report.verdict,
            "key": report.key,
            "proven": report.proven,
            "not_proven": report.not_proven,
            "broken": [{"code": code, "text": text} for code, text in report.broken],
        }
        lines = [report.verdict, *(f"  yes  {text}" for text in report.proven)]
        lines += [f"  no   {text} ({code})" for code, text in report.broken]
        lines += [f"  ?    {text}" for text in report.not_proven]
        if report.key:
            lines.append(f"  key  {report.key}")
        door.answer(facts, "\n".join(lines))
        raise click.exceptions.Exit(1 if report.broken else 0)
    _archive(door, deep)


def _archive(door: Door, deep: bool) -> None:
    from imvume import verifying

    stopping = threading.Event()

    def stop(_: int, __: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with door.tenant() as (house, tenant), Progress(*columns, disable=door.json or not is_terminal()) as progress:
        task = progress.add_task("log", total=None)

        def told(what: str, done: int, of: int) -> None:
            progress.update(task, description=what, completed=done, total=max(done, of))

        report = verifying.verify(house, tenant, deep=deep, now=door.now, told=told, stopping=stopping.is_set)
    facts = {
        "verdict": report.verdict,
        "checked": report.checked,
        "complete": report.complete,
        "proved": report.proved,
        "not_proved": report.not_proved,
        "findings": [{"code": f.code, "about": f.about, "text": f.text} for f in report.findings],
    }
    lines = [f"{report.verdict}: {report.checked:,} records read, {len(report.findings)} findings."]
    lines += [f"  {f.text} ({f.code}: {f.about})" for f in report.findings]
    lines += [f"  yes  {text}" for text in report.proved] + [f"  ?    {text}" for text in report.not_proved]
    if not report.complete:
        lines.append("Stopped on the way; run it again to go on.")
    door.answer(facts, "\n".join(lines))
    raise click.exceptions.Exit(1 if report.findings else 0 if report.complete else 75)


command = verify
