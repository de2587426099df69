"""Destroying: ordered, carried out, final.

    ordered    a row with its ground and reason; under a hold it waits there
    destroyed  every wrap of the call's asset keys is emptied, the objects are removed
    final      in the daily batch the epoch's key and its bucket's key are replaced: from then
               on no old copy of database and objects, whatever its age, opens the recording

Source: POPIA s 14(4) and (5): destroyed "in a manner that prevents its reconstruction in an intelligible form".
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from imvume.archive import retention
from imvume.archive.facts import plain
from imvume.archive.storage import Storage, path
from imvume.basics.boundaries import passed
from imvume.basics.ids import CallId, StaffId, uuid7
from imvume.errors import BadInput, Conflict, NotFound, Refused
from imvume.evidence.ledger import commit, record
from imvume.store.database import Row, Tx
from imvume.store.jobs import later

Ground = Literal["retention", "erasure", "order"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an order to destroy. `waits_for`: the references of the holds it waits for."""

    destruction: UUID
    destroyed: bool
    assets: int
    waits_for: tuple[str, ...] = ()


def destroy(
    tx: Tx,
    call: CallId,
    *,
    ground: Ground,
    reason: str,
    by: StaffId | None,
    at: datetime,
    when_released: bool = False,
) -> Outcome:
    """Destroy the recordings of a call. The call's own row stays, to say that there was one.

    when_released: under a hold, wait for it to end instead of refusing.
    Raises Refused under a hold, NotFound where there is nothing sealed, Conflict if it was ordered before.
    """
    if not reason.strip():
        raise BadInput(
            "archive.destroy.reason",
            "A destruction needs a reason.",
            why="The certificate states it for as long as anyone may ask.",
            remedy="Write the reason in a sentence.",
        )
    assets = tx.all("archive.assets_locked", call=call)
    if not any(row["destroyed_at"] is None for row in assets):
        raise NotFound(
            "archive.destroy.nothing",
            "There is nothing left of this call to destroy.",
            why="It has no recording, or it was destroyed before.",
            remedy="See the call's certificate of destruction.",
        )
    holds = tx.all("archive.holds_of", call=call)
    if holds and not when_released:
        raise Refused(
            "archive.destroy.on-hold",
            "This record cannot be destroyed yet.",
            why=f"It is under the hold {holds[0]['ref']}, placed on {retention.day(holds[0]['placed_at'].date())}.",
            remedy="Ask who placed it to release it, or order the destruction for when it is released.",
        )
    if tx.one("archive.destruction_waiting", call=call):
        raise Conflict(
            "archive.destroy.ordered",
            "The destruction of this record has been ordered before.",
            why="It waits for a hold to end.",
            remedy="Release the hold; it then goes on by itself.",
        )
    order, salt = uuid7(), os.urandom(32)
    facts = {"call_id": call, "ground": ground, "reason": reason.strip(), "asked_by": by, "asked_at": at}
    tx.run("archive.destruction_add", destruction=order, salt=salt, **facts)
    record(
        tx, "archive.destruction-ordered", order, by=by, at=at, call=call,
        commitment=commit(salt, destruction_facts(facts)),
    )  # fmt: skip
    if holds:
        return Outcome(order, False, 0, tuple(hold["ref"] for hold in holds))
    return _carry_out(tx, tx.only("archive.destruction_get", destruction=order), assets, at=at)


def go_on(tx: Tx, call: CallId, *, at: datetime) -> Outcome | None:
    """Carry out the destruction that waited, if no hold is left over the call. None where there was nothing to do."""
    # The records first, as `destroy` takes them: one that is being ordered in this instant is waited for. It saw the
    # hold and will wait, and nobody would ever come back for it.
    assets = tx.all("archive.assets_locked", call=call)
    waiting = tx.one("archive.destruction_waiting", call=call)
    if waiting is None or tx.all("archive.holds_of", call=call):
        return None
    return _carry_out(tx, waiting, assets, at=at)


def remove_objects(tx: Tx, storage: Storage, call: CallId) -> int:
    """Remove the objects of a destroyed call; answers how many were still there. Doing it twice does nothing."""
    removed = 0
    for row in tx.all("archive.assets_of", call=call):
        if row["destroyed_at"] is not None and row["kind"] != "waveform":
            removed += storage.remove(path(tx.tenant, call, row["asset_id"]))
            passed("destroy.object-removed")
    return removed


def due(tx: Tx, *, today: date, limit: int, after: UUID) -> Iterator[Row]:
    """The next calls whose time to be kept has passed, in the order of their ids: call_id, until, class, held."""
    yield from tx.all("archive.due", today=today, limit=limit, after=after)


def destruction_facts(row: Row) -> dict[str, object]:
    """What the evidence commits to about a destruction."""
    return {name: plain(row[name]) for name in ("call_id", "ground", "reason", "asked_by", "asked_at")}


def _carry_out(tx: Tx, order: Row, assets: list[Row], *, at: datetime) -> Outcome:
    count = 0
    for row in assets:
        count += tx.run("archive.asset_destroy", asset=row["asset_id"], at=at)
    passed("destroy.rows-emptied")
    tx.run("archive.destruction_done", destruction=order["destruction_id"], at=at)
    record(
        tx,
        "archive.destroyed",
        order["call_id"],
        by=order["asked_by"],
        at=at,
        destruction=order["destruction_id"],
        assets=count,
        ground=order["ground"],
    )
    later(tx, "archive.remove_objects", call=str(order["call_id"]))
    return Outcome(order["destruction_id"], True, count)
