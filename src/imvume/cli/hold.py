"""`imvume hold`: legal holds."""

from __future__ import annotations

import click

from imvume.archive import destroying, holding
from imvume.cli.frame import Door, call_of, command
from imvume.store.database import Row


@click.group("hold")
def hold() -> None:
    """Place a legal hold, lift one, list them."""


@command("place")
@click.argument("refs", nargs=-1, required=True)
@click.option("--reason", required=True, help="The matter, in a sentence.")
def place(door: Door, refs: tuple[str, ...], reason: str) -> None:
    """Hold the calls REFS until the hold is lifted, whatever else would destroy them."""
    with door.tenant() as (house, tenant):
        calls = [call_of(house, tenant, ref) for ref in refs]
        with house.database.transaction(tenant) as tx:
            matter = holding.hold(tx, house.vault, calls, reason=reason, by=None, at=door.now())
            ref = tx.only("archive.matter_get", matter=matter)["ref"]
    door.answer({"hold": ref, "calls": len(calls)}, f"{ref} holds {len(calls)} calls.")


@command("lift")
@click.argument("ref")
def lift(door: Door, ref: str) -> None:
    """Lift the hold REF. A destruction that waited for it goes on by itself."""
    with door.tenant() as (house, tenant):
        with house.database.transaction(tenant) as tx:
            calls = holding.release(tx, house.vault, holding.matter_by(tx, ref), by=None, at=door.now())
            gone = [call for call in calls if destroying.go_on(tx, call, at=door.now())]
        for call in gone:  # promised to the worker too, which may not run just now
            with house.database.transaction(tenant) as tx:
                destroying.remove_objects(tx, house.storage, call)
    door.answer(
        {"hold": ref, "calls": len(calls), "destroyed": len(gone)},
        f"{ref} is lifted. Of its {len(calls)} calls, {len(gone)} waited to be destroyed and are.",
    )


@command("list")
def list_(door: Door) -> None:
    """All holds, the newest first."""
    with door.tenant() as (house, tenant), house.database.transaction(tenant) as tx:
        rows = tx.all("archive.matters", limit=1000)
    lines = [f"{row['ref']}  {row['placed_at']:%Y-%m-%d}  {_state(row)}  {row['calls']} calls" for row in rows]
    door.answer(rows, "\n".join(lines) or "There is no hold.")


def _state(row: Row) -> str:
    return "lifted  " if row["released_at"] else "in force"


for _command in (place, lift, list_):
    hold.add_command(_command)
command = hold
