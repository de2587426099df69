"""Legal holds. A hold adds a wrap; it never has to stop a deleter, so it cannot fail to."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime

from imvume.archive import wraps
from imvume.archive.facts import plain
from imvume.basics.ids import CallId, KeyId, MatterId, StaffId, reference, uuid7
from imvume.errors import BadInput, Conflict, NotFound
from imvume.evidence.ledger import commit, record
from imvume.keys.vault import Vault
from imvume.store.database import Row, Tx

REASON_MAX = 2_000  # characters


def hold(tx: Tx, vault: Vault, calls: Sequence[CallId], *, reason: str, by: StaffId | None, at: datetime) -> MatterId:
    """Place a hold over all that is sealed of `calls`. It lasts until it is released; there is no cap.

    Raises NotFound if nothing of a call is left to hold, BadInput without a reason.
    """
    if not reason.strip() or len(reason) > REASON_MAX:
        raise BadInput(
            "archive.hold.reason",
            "A hold needs a reason.",
            why="Whoever releases it must know what it was for.",
            remedy=f"Write the matter in a sentence, at most {REASON_MAX} characters.",
        )
    matter = MatterId(uuid7())
    key_id, matter_key = vault.make_key(tx, "matter")
    placed = {"ref": reference("H", matter), "reason": reason.strip(), "placed_by": by, "placed_at": at}
    salt = os.urandom(32)
    tx.run("archive.matter_add", matter=matter, salt=salt, key=key_id, **placed)
    held = 0
    for call in sorted(set(calls)):  # once each, and in one order, so that two holds never wait for each other
        assets = tx.all("archive.assets_locked", call=call)
        keys = wraps.open_assets(tx, vault, assets)
        if not keys:
            raise _nothing_left()
        tx.many(
            "archive.held_add",
            [
                {"matter": matter, "asset": asset, "wrapped": wraps.hold(matter_key, tx.tenant, asset, key)}
                for asset, key in keys.items()
            ],
        )
        held += len(keys)
    record(tx, "archive.held", matter, by=by, at=at, assets=held, commitment=commit(salt, matter_facts(placed)))
    return matter


def release(tx: Tx, vault: Vault, matter: MatterId, *, by: StaffId | None, at: datetime) -> list[CallId]:
    """End a hold; answers the calls it protected, so that a destruction that waited for it can go on.

    The matter's key is destroyed with it: what was kept alive by this hold alone is dead.
    Raises NotFound, or Conflict if it has ended already.
    """
    found = tx.one("archive.matter_get", matter=matter)
    if found is None:
        raise NotFound("archive.hold.none", "There is no such hold.", remedy="Look at the list of holds.")
    if not tx.run("archive.matter_release", matter=matter, at=at):
        raise Conflict(
            "archive.hold.released",
            "This hold has ended already.",
            remedy="Look at the list of holds for one in force.",
        )
    calls = sorted({row["call_id"] for row in tx.all("archive.held_by_matter", matter=matter)})
    tx.run("archive.held_lift", matter=matter)
    vault.destroy_key(tx, KeyId(found["key_id"]))
    record(tx, "archive.hold-lifted", matter, by=by, at=at)
    return [CallId(call) for call in calls]


def matter_by(tx: Tx, ref: str) -> MatterId:
    """The hold that people call `ref`. Raises NotFound."""
    row = tx.one("archive.matter_by_ref", ref=ref.upper())
    if row is None:
        raise NotFound("archive.hold.none", "There is no such hold.", remedy="Look at the list of holds.")
    return MatterId(row["matter_id"])


def rekey(tx: Tx, vault: Vault, matter: MatterId, *, at: datetime) -> None:
    """A new key for a hold in force; what it protects is wrapped again, no audio is touched. Nothing for one lifted."""
    row = tx.only("archive.matter_locked", matter=matter)
    if row["released_at"] is not None:
        return
    old = vault.open_key(tx, KeyId(row["key_id"]))
    key_id, new = vault.make_key(tx, "matter")
    for held in tx.all("archive.held_by_matter", matter=matter):
        key = wraps.unhold(old, tx.tenant, held["asset_id"], held["wrapped"])
        wrapped = wraps.hold(new, tx.tenant, held["asset_id"], key)
        tx.run("archive.held_rewrap", matter=matter, asset=held["asset_id"], wrapped=wrapped)
    tx.run("archive.matter_rekey", matter=matter, key=key_id)
    vault.destroy_key(tx, KeyId(row["key_id"]))


def matter_facts(row: Row) -> dict[str, object]:
    """What the evidence commits to about a hold."""
    return {name: plain(row[name]) for name in ("ref", "reason", "placed_by", "placed_at")}


def _nothing_left() -> NotFound:
    return NotFound(
        "archive.hold.nothing",
        "There is nothing left of this call to hold.",
        why="It has no recording, or it was destroyed.",
        remedy="See the call's certificate of destruction.",
    )
