"""`imvume retention`: what may go by now, and by which rule."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import click

from imvume.archive import destroying
from imvume.archive.house import House
from imvume.basics import clock
from imvume.basics.ids import CallId, TenantId
from imvume.cli.frame import Door, command
from imvume.laws.load import retention as law_of
from imvume.store.database import Row

SLICE = 500


@command("retention")
@click.option("--destroy", is_flag=True, help="Destroy what is due. Without it, nothing is changed.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def retention(door: Door, destroy: bool, yes: bool) -> None:
    """Say what is due to be destroyed, class by class, and what a hold keeps; with --destroy, do it."""
    with door.tenant() as (house, tenant):
        at = door.now()
        found: dict[str, list[int]] = {}
        for row in _due(house, tenant):
            counts = found.setdefault(row["class"], [0, 0])
            counts[row["held"]] += 1
        facts = [
            {"class": klass, "cite": law_of(klass, at.date()).cite, "due": due, "held": held}
            for klass, (due, held) in sorted(found.items())
        ]
        total = sum(due for due, _ in found.values())
        lines = [f"{f['class']:<20}{f['due']:>8} due  {f['held']:>6} held  {f['cite']}" for f in facts]
        if not destroy:
            return door.answer(
                {"dry_run": True, "classes": facts}, "\n".join(lines) or "Nothing is due. Nothing was changed."
            )
        if not yes:
            click.confirm("\n".join([*lines, f"Destroy {total} calls' recordings?"]), abort=True, err=True)
        done = waiting = 0
        for row in _due(house, tenant):
            with house.database.transaction(tenant) as tx:
                outcome = destroying.destroy(
                    tx,
                    CallId(row["call_id"]),
                    ground="retention",
                    reason=f"Kept until {row['until']}, as {law_of(row['class'], at.date()).cite} has it.",
                    by=None,
                    at=at,
                    when_released=True,
                )
            with house.database.transaction(tenant) as tx:
                destroying.remove_objects(tx, house.storage, CallId(row["call_id"]))
            done += outcome.destroyed
            waiting += not outcome.destroyed
    door.answer(
        {"destroyed": done, "waiting": waiting, "classes": facts},
        f"{done} calls' recordings destroyed; {waiting} wait for a hold to end.",
    )


def _due(house: House, tenant: TenantId) -> Iterator[Row]:
    after = UUID(int=0)
    with house.database.transaction(tenant) as tx:
        today = clock.civil(clock.now(), tx.only("calls.tenant")["zone"])
    while True:
        with house.database.transaction(tenant) as tx:
            rows = list(destroying.due(tx, today=today, limit=SLICE, after=after))
        yield from rows
        if len(rows) < SLICE:
            return
        after = rows[-1]["call_id"]


command = retention
