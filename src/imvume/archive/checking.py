"""Does what is stored still say what the evidence says? Asset by asset, hold by hold, destruction by destruction.

An independent reader of the archive's tables and objects: it computes every commitment
again from what it finds, opens every key, hashes every object, and names each difference.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from imvume.archive import wraps
from imvume.archive.destroying import destruction_facts
from imvume.archive.facts import asset_facts, open_origin
from imvume.archive.holding import matter_facts
from imvume.archive.opening import reader
from imvume.archive.retention import ends_in
from imvume.archive.sound import unpack
from imvume.archive.storage import Storage, path
from imvume.basics.clock import stamp
from imvume.basics.ids import KeyId
from imvume.errors import Broken, ImvumeError
from imvume.evidence import ledger
from imvume.evidence.findings import Finding
from imvume.evidence.ledger import commit
from imvume.keys.vault import Destroyed, Vault
from imvume.store.database import Row, Tx

READ_BYTES = 1024 * 1024

Bodies = dict[UUID, list[dict[str, Any]]]  # of each id, the bodies of the entries about it, in the log's order


def bodies(tx: Tx, ids: Sequence[UUID]) -> Bodies:
    """What the log says about these ids, decoded; what is no entry is left out, and the reading of the log names it."""
    said: Bodies = {id: [] for id in ids}
    for entry in ledger.about(tx, *ids):
        body = ledger.decoded(entry)
        if body is not None:
            said[entry.about].append(body)
    return said


def last(said: Sequence[Mapping[str, Any]], *types: str) -> Mapping[str, Any] | None:
    """The last of these entries that is of one of these types."""
    return next((entry for entry in reversed(said) if entry["type"] in types), None)


def assets(tx: Tx, vault: Vault, storage: Storage, rows: Sequence[Row], *, deep: bool) -> Iterator[Finding]:
    """The findings about these assets. deep: also decrypt and compare the sound itself, not only the ciphertext."""
    said = bodies(tx, [row["asset_id"] for row in rows])
    of_calls = bodies(tx, sorted({row["call_id"] for row in rows}))
    living = [row for row in rows if row["destroyed_at"] is None]
    keys = dict(_keys(tx, vault, living))
    epochs = {row["epoch_id"]: row for row in tx.all("archive.epoch_keys", epochs=_epochs(rows))}
    finals = _finals(of_calls, tx)
    for row in rows:
        sealed = last(said[row["asset_id"]], "archive.sealed")
        if sealed is None:
            yield _finding("archive.asset.unevidenced", row, "No entry of the log tells of this recording.")
            continue
        if commit(row["salt"], asset_facts(row)).hex() != sealed["commitment"]:
            yield _finding("archive.asset.changed", row, "What is stored about this recording is not what was sealed.")
            continue
        if row["final_at"] is None and not _in_epoch(row, epochs):
            yield _finding("archive.asset.changed", row, "The epoch of this recording is not that of its class.")
        destroyed = last(of_calls[row["call_id"]], "archive.destroyed")
        if row["destroyed_at"] is not None:
            order = _order(row, of_calls[row["call_id"]])
            yield from _destroyed(row, order, finals.get(order) if order else None, storage)
        else:
            yield from _living(tx, storage, row, sealed, destroyed, keys.get(row["asset_id"]), deep)


def matters(tx: Tx, vault: Vault, rows: Sequence[Row]) -> Iterator[Finding]:
    """The findings about these holds."""
    said = bodies(tx, [row["matter_id"] for row in rows])
    for row in rows:
        placed, lifted = (last(said[row["matter_id"]], type) for type in ("archive.held", "archive.hold-lifted"))
        if placed is None or commit(row["salt"], matter_facts(row)).hex() != placed["commitment"]:
            yield _of("archive.hold.changed", row["matter_id"], "A hold is not as it was placed.")
            continue
        if (row["released_at"] is None) != (lifted is None) or (lifted and stamp(row["released_at"]) != lifted["at"]):
            yield _of("archive.hold.changed", row["matter_id"], "When a hold was released differs from the log.")
        held = tx.all("archive.held_after_matter", matter=row["matter_id"])
        if len(held) != placed["assets"]:
            yield _of(
                "archive.hold.changed",
                row["matter_id"],
                "A hold protects more or fewer records than were put under it.",
            )
        if row["released_at"] is None:
            yield from _held(tx, vault, row, held)


def destructions(tx: Tx, rows: Sequence[Row]) -> Iterator[Finding]:
    """The findings about these destructions."""
    of_calls = bodies(tx, sorted({row["call_id"] for row in rows}))
    said = bodies(tx, [row["destruction_id"] for row in rows])
    for row in rows:
        id = row["destruction_id"]
        ordered = last(said[id], "archive.destruction-ordered")
        if ordered is None or commit(row["salt"], destruction_facts(row)).hex() != ordered["commitment"]:
            yield _of("archive.destruction.changed", id, "A destruction is not as it was ordered.")
        done = next((e for e in of_calls[row["call_id"]] if e.get("destruction") == str(id)), None)
        if (stamp(row["destroyed_at"]) if row["destroyed_at"] else None) != (done["at"] if done else None):
            yield _of("archive.destruction.changed", id, "When a recording was destroyed differs from the log.")
        final = last(said[id], "archive.final")
        if (stamp(row["final_at"]) if row["final_at"] else None) != (final["at"] if final else None):
            yield _of("archive.destruction.changed", id, "When a destruction became final differs from the log.")


def keys(tx: Tx) -> Iterator[Finding]:
    """The findings about living keys that belong to nothing: the batch would keep a dead one alive for ever."""
    for row in tx.all("archive.keys_orphaned"):
        yield _of("archive.key.orphaned", row["key_id"], "A key lives that nothing is wrapped under.")


def missing(tx: Tx, said: Sequence[tuple[str, UUID]]) -> Iterator[Finding]:
    """Which records the log tells of, by (type, about), have no row any more."""
    for type, query, code, text in (
        ("archive.sealed", "archive.existing_assets", "archive.asset.removed", "A sealed recording has lost its row."),
        (
            "archive.destruction-ordered",
            "archive.existing_destructions",
            "archive.destruction.removed",
            "A destruction has lost its row.",
        ),
        ("archive.held", "archive.existing_matters", "archive.hold.removed", "A hold has lost its row."),
    ):
        ids = [about for kind, about in said if kind == type]
        if not ids:
            continue
        known = {row["id"] for row in tx.all(query, ids=ids)}
        yield from (_of(code, id, text) for id in ids if id not in known)


def _living(
    tx: Tx,
    storage: Storage,
    row: Row,
    sealed: Mapping[str, Any],
    destroyed: Mapping[str, Any] | None,
    key: bytes | ImvumeError | None,
    deep: bool,
) -> Iterator[Finding]:
    if destroyed is not None and destroyed["at"] > sealed["at"]:
        yield _finding(
            "archive.asset.revived", row, "The log says that this recording was destroyed, its row does not."
        )
    if isinstance(key, ImvumeError) or key is None:
        yield _finding("archive.asset.locked", row, "The key of this recording does not open.")
        return
    try:
        origin = open_origin(key, tx.tenant, row["asset_id"], row["origin"] or b"")
        genuine = origin.mark == row["origin_mark"]
    except Broken:
        genuine = False
    if not genuine:
        yield _finding("archive.asset.changed", row, "Where this recording came from was changed.")
        return
    try:
        if _ciphertext(storage, tx, row) != sealed["digest"]:
            yield _finding("archive.object.changed", row, "The sealed object is not what was sealed.")
        elif deep and _content(storage, tx, row, key) != origin.content:
            yield _finding("archive.object.changed", row, "The sound is not what was sealed.")
    except Broken as error:
        yield _finding(error.code, row, error.what)


def _order(row: Row, said: Sequence[Mapping[str, Any]]) -> str | None:
    """The destruction in which this asset went: a call may have been destroyed again, with what came in late."""
    at = stamp(row["destroyed_at"])
    return next((e["destruction"] for e in said if e["type"] == "archive.destroyed" and e["at"] == at), None)


def _destroyed(row: Row, order: str | None, final: str | None, storage: Storage) -> Iterator[Finding]:
    if (stamp(row["final_at"]) if row["final_at"] else None) != final:
        yield _finding("archive.asset.changed", row, "When the destruction became final differs from the log.")
    if order is None:
        yield _finding("archive.asset.lost", row, "This recording counts as destroyed, and the log does not say so.")
    if any(row[name] is not None for name in ("wrapped", "inline", "origin")):
        yield _finding("archive.asset.revived", row, "A part of a destroyed recording has come back.")
    if row["kind"] != "waveform" and storage.size(path(row["tenant_id"], row["call_id"], row["asset_id"])) is not None:
        yield _finding("archive.object.stray", row, "The object of a destroyed recording is still there.")


def epochs(tx: Tx, rows: Sequence[Row]) -> Iterator[Finding]:
    """The findings about these epochs."""
    said = bodies(tx, [row["epoch_id"] for row in rows])
    for row in rows:
        ended = last(said[row["epoch_id"]], "archive.rewrapped")
        if (stamp(row["ended_at"]) if row["ended_at"] else None) != (ended["at"] if ended else None):
            yield _of("archive.epoch.changed", row["epoch_id"], "When an epoch ended differs from the log.")


def _epochs(rows: Sequence[Row]) -> list[UUID]:
    return list({row["epoch_id"] for row in rows if row["epoch_id"]})


def _in_epoch(row: Row, epochs: Mapping[UUID, Row]) -> bool:
    epoch = epochs.get(row["epoch_id"])
    return epoch is not None and (epoch["class"], epoch["month"]) == (row["class"], ends_in(row["keep_until"]))


def _finals(of_calls: Bodies, tx: Tx) -> dict[str, str]:
    """When each of these calls' destructions became final, as the log says, by the destruction's id."""
    orders = [UUID(e["destruction"]) for said in of_calls.values() for e in said if e["type"] == "archive.destroyed"]
    finals = {order: last(said, "archive.final") for order, said in bodies(tx, orders).items()}
    return {str(order): final["at"] for order, final in finals.items() if final}


def _held(tx: Tx, vault: Vault, matter: Row, held: Sequence[Row]) -> Iterator[Finding]:
    try:
        key = vault.open_key(tx, KeyId(matter["key_id"]))
    except (Broken, Destroyed):
        yield _of("archive.hold.locked", matter["matter_id"], "The key of a hold does not open.")
        return
    for row in held:
        try:
            wraps.unhold(key, tx.tenant, row["asset_id"], row["wrapped"] or b"")
        except Broken:
            yield _of("archive.hold.changed", row["asset_id"], "A record under a hold does not open through it.")


def _keys(tx: Tx, vault: Vault, rows: Sequence[Row]) -> Iterator[tuple[UUID, bytes | ImvumeError]]:
    try:
        yield from wraps.open_assets(tx, vault, rows).items()
    except ImvumeError:
        # One of them is broken: find out which, one at a time.
        for row in rows:
            try:
                yield row["asset_id"], wraps.open_asset(tx, vault, row)
            except ImvumeError as error:
                yield row["asset_id"], error


def _ciphertext(storage: Storage, tx: Tx, row: Row) -> str:
    if row["inline"] is not None:
        return hashlib.sha256(row["inline"]).hexdigest()
    place, hashed = path(tx.tenant, row["call_id"], row["asset_id"]), hashlib.sha256()
    if storage.size(place) != row["size"]:
        raise Broken(
            "archive.object.missing",
            "A sealed object is not where it should be, or not whole.",
            remedy="Restore it from a copy whose digest is in the evidence.",
        )
    for start in range(0, row["size"], READ_BYTES):
        hashed.update(storage.read(place, start, min(READ_BYTES, row["size"] - start)))
    return hashed.hexdigest()


def _content(storage: Storage, tx: Tx, row: Row, key: bytes) -> str:
    hashed = hashlib.sha256()
    with reader(storage, tx.tenant, row, key) as plain:
        if row["kind"] == "waveform":
            hashed.update(plain.read())
        else:
            for block in unpack(plain, row["codec"], frames=row["frames"]):
                hashed.update(block)
    return hashed.hexdigest()


def _finding(code: str, row: Row, text: str) -> Finding:
    return _of(code, row["asset_id"], text)


def _of(code: str, about: object, text: str) -> Finding:
    return Finding(code, str(about), text)
