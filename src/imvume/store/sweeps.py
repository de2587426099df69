"""Long work over many records: one range, a cursor, and a lease for whoever works on it.

A sweep is done in slices. Each slice is one transaction that does some of the work and
moves the cursor, so a stop, a crash or a kill costs one slice and no more. Two workers may
both try: one holds the lease, and a lease that nobody extends ends by itself.

    with database.transaction(tenant) as tx:
        sweep = sweeps.lease(tx, "verify", at=clock.now())
    while sweep and not sweep.stop:
        with database.transaction(tenant) as tx:
            rows = ... the next 500 after sweep.cursor ...
            sweep = sweeps.advance(tx, sweep, cursor=rows[-1].id, done=len(rows), at=clock.now())
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from imvume.errors import Conflict
from imvume.store.database import Row, Tx

LEASE = timedelta(seconds=60)  # several times what a slice takes


@dataclass(frozen=True, slots=True)
class Sweep:
    """Where a sweep stands. `cursor` is whatever its owner made it; empty at the beginning."""

    name: str
    cursor: str
    done: int
    total: int
    started_at: datetime
    moved_at: datetime
    ended_at: datetime | None
    leased_until: datetime | None
    stop: bool


def open(tx: Tx, name: str, *, total: int, at: datetime) -> Sweep:
    """Begin the sweep `name`, or go on with it where it was left; one that had ended begins anew.

    total: how many records there are to do, as far as is known; only for whoever watches.
    """
    return _sweep(tx.only("store.sweep_open", name=name, total=total, at=at))


def standing(tx: Tx, name: str) -> Sweep | None:
    """Where the sweep stands, or None if it was never opened."""
    row = tx.one("store.sweep_standing", name=name)
    return _sweep(row) if row else None


def lease(tx: Tx, name: str, *, at: datetime) -> Sweep | None:
    """Take the sweep for a while; None if somebody else has it, or there is nothing to do.

    A lease ends LEASE after it was given or extended. A clock that is set back does not make
    it last longer: one that ends further ahead than any that is given counts as ended.
    """
    row = tx.one("store.sweep_lease", name=name, at=at, until=at + LEASE)
    return _sweep(row) if row else None


def advance(tx: Tx, sweep: Sweep, *, cursor: str, done: int, at: datetime) -> Sweep:
    """Move the cursor in the transaction that did the work, and extend the lease.

    done: records done in this slice. The answer says whether somebody asked for a stop.
    Raises Conflict if the lease was lost: roll back, somebody else does this slice.
    """
    row = tx.one(
        "store.sweep_advance",
        name=sweep.name,
        cursor=cursor,
        done=done,
        at=at,
        was=sweep.leased_until,
        until=at + LEASE,
    )
    return _sweep(_held(row))


def leave(tx: Tx, sweep: Sweep) -> None:
    """Give the lease back, so that another may go on at once. Nothing happens if it was lost already."""
    tx.run("store.sweep_leave", name=sweep.name, was=sweep.leased_until)


def stop(tx: Tx, name: str) -> None:
    """Ask for a stop after the slice in hand; `open` makes it go on."""
    tx.run("store.sweep_stop", name=name)


def finish(tx: Tx, sweep: Sweep, *, at: datetime) -> Sweep:
    """Nothing is left to do. Raises Conflict if the lease was lost."""
    return _sweep(_held(tx.one("store.sweep_finish", name=sweep.name, was=sweep.leased_until, at=at)))


def _held(row: Row | None) -> Row:
    if row is None:
        raise Conflict(
            "store.sweep.lost",
            "Somebody else has taken this work over.",
            why="It stood still for longer than its lease.",
            remedy="Nothing of this slice was kept; it will be done again from where it stood.",
        )
    return row


def _sweep(row: Row) -> Sweep:
    return Sweep(**{key: value for key, value in row.items() if key != "tenant_id"})
