"""Gives every entry its place in the log, and signs what the log then is.

One batch is one transaction: entries leave the waiting room and stand in the log, the tiles
grow, a checkpoint is signed. Before it extends a log the sequencer looks whether the log is
what its last checkpoint says; it never signs over a doubt.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from imvume.basics.boundaries import passed
from imvume.basics.ids import TenantId
from imvume.errors import BadInput, Broken, Conflict, ImvumeError
from imvume.evidence import heads, ledger, note, tiles
from imvume.evidence.merkle import HASH_BYTES
from imvume.evidence.note import Checkpoint, Signer, Vkey
from imvume.store.database import Database, Taken, Tx

BATCH: Final = 10_000  # entries in one checkpoint; a second's worth at the speed that bench/evidence.py prints


@dataclass(frozen=True, slots=True)
class _Log:
    """A log that was found whole: what stands at its edge, and its last checkpoint if it has one."""

    edge: tiles.Edge
    note: str | None


def sequence(
    database: Database,
    vault: Signer,
    tenant: TenantId,
    *,
    at: datetime,
    heads_in: Path,
    retired: Collection[Vkey] = (),
    entries_max: int = BATCH,
) -> int:
    """Place one batch of waiting entries, the oldest transactions first; answers how many.

    0 means that nothing is due, or that another sequencer is at it. Call again while it answers
    `entries_max`, then once a second.
    heads_in: the folder, outside PostgreSQL, that keeps the last head of each log.
    retired: keys that signed this log before the present one.
    Raises Broken `evidence.log.*` where the log is not what was signed, and changes nothing;
    Unavailable if the head cannot be kept, when the batch itself is committed.
    """
    key = vault.signing(tenant)
    ours = Vkey(vault.origin(tenant), key.public_key().public_bytes_raw())
    with database.transaction(tenant) as tx:
        if not tx.only("evidence.turn")["ours"]:
            return 0
        log = _whole(tx, [ours, *retired])
        _remembered(tx, heads_in, log, [ours, *retired])
        count, signed = _extend(tx, log, ours, vault, entries_max, at)
    newest = signed or log.note
    if signed:
        passed("sequence.committed")
    if newest:
        heads.keep(heads_in, tenant, newest)  # also when nothing came: the process before us may have died here
    return count


def accept_loss(
    database: Database, vault: Signer, tenant: TenantId, *, by: UUID | None, at: datetime, heads_in: Path
) -> int:
    """Go on with a log whose tail is lost, because the database was restored; answers how many entries are lost.

    The head that was lost is set aside for ever beside the new one, and the log itself says that
    it was lost, and which. Whoever holds a proof under it will see that it no longer fits, and why.
    Raises Conflict if nothing is lost, Broken if the log is broken in another way.
    """
    ours = [note.vkey(vault, tenant)]
    with database.transaction(tenant) as tx:
        if not tx.only("evidence.turn")["ours"]:
            raise Conflict("evidence.log.busy", "The log is being extended.", remedy="Try again in a second.")
        size = _whole(tx, ours).edge.size
        head = _head(heads_in, tenant, ours)
        if head is None or head.size <= size:
            raise Conflict(
                "evidence.log.not-lost", "No entry of this log is known to be lost.", remedy="There is nothing to do."
            )
        lost = head.size - size
        ledger.record(
            tx, "log.restored", tenant, by=by, at=at, size=head.size, lost=lost, root=head.root
        )  # before the file is moved: a crash between them leaves the question open, and it is asked again
    heads.set_aside(heads_in, tenant, head)
    return lost


def _whole(tx: Tx, vkeys: Collection[Vkey]) -> _Log:
    """The log, if its checkpoint is signed and size, entries and tiles at the edge agree with it."""
    last = tx.one("evidence.last")
    if last is None:
        return _Log(tiles.Edge(), None)
    size, leaf = last["size"], last["leaf"]
    if size is None or last["idx"] != size - 1:
        raise _broken("entries", "The last checkpoint and the last entry of the log do not meet.")
    head = _verified(last["note"], vkeys)
    edge = _edge(tx, size)
    if edge is None or head.size != size or edge.root() != head.root:
        raise _broken("tree", "The tiles of the log do not give the root that was signed.")
    # A full last tile has left the edge; then it is `verify` that looks at the last entry, as at all before it.
    if edge.rows[0] and edge.rows[0][-HASH_BYTES:] != leaf:
        raise _broken("last-entry", "The last entry of the log is not the one that was signed.")
    return _Log(edge, last["note"])


def _remembered(tx: Tx, folder: Path, log: _Log, vkeys: Collection[Vkey]) -> None:
    """Compare with the head outside the database: it may be older, never newer, and never another."""
    head = _head(folder, tx.tenant, vkeys)
    if head is None:
        return
    if head.size > log.edge.size:
        raise Broken(
            "evidence.log.rolled-back",
            "The log is shorter than it was when its last head was signed.",
            why="The database was restored to an earlier state, or entries were removed.",
            remedy="Restore a later copy. If none is left, run `imvume verify` and accept the loss by name.",
        )
    text = log.note
    if head.size < log.edge.size:  # a crash came between the commit and the file
        stored = tx.one("evidence.checkpoint_at", size=head.size)
        text = stored["note"] if stored else None
    if text is None or _verified(text, vkeys) != head:
        raise _broken("forked", "The log is not the one whose head is kept outside the database.")


def _extend(tx: Tx, log: _Log, ours: Vkey, vault: Signer, entries_max: int, at: datetime) -> tuple[int, str | None]:
    size = log.edge.size
    try:
        placed = tx.only("evidence.place", size=size, entries_max=entries_max)
    except Taken as error:
        raise _broken("doubled", "An entry that waits for its place has one already.") from error
    count = int(placed["count"])
    if not count:
        return 0, None
    passed("sequence.placed")
    edge, grown = log.edge.grow(placed["leaves"])
    put = tx.run(
        "evidence.tiles_put",
        levels=[tile.level for tile in grown],
        ns=[tile.n for tile in grown],
        hashes=[tile.hashes for tile in grown],
    )
    if put != len(grown) or placed["first"] != size or edge.size != size + count:
        raise _broken("tiles", "Where the log would grow, something stands already.")
    passed("sequence.tiled")
    second = datetime.fromtimestamp(max(0, int(at.timestamp())), UTC)
    head = Checkpoint(ours.name, edge.size, edge.root())
    signed = note.sign(head, vault.signing(tx.tenant), at=second)
    tx.run("evidence.checkpoint_add", size=edge.size, since=size, note=signed, made_at=second)
    passed("sequence.signed")
    return count, signed


def _edge(tx: Tx, size: int) -> tiles.Edge | None:
    asked = tiles.edge_places(size)
    rows = tx.all("evidence.tiles_at", levels=[level for level, _ in asked], ns=[n for _, n in asked])
    return tiles.edge(size, {(row["level"], row["n"]): row["hashes"] for row in rows})


def _head(folder: Path, tenant: TenantId, vkeys: Collection[Vkey]) -> Checkpoint | None:
    text = heads.kept(folder, tenant)
    return None if text is None else _verified(text, vkeys)


def _verified(text: str, vkeys: Collection[Vkey]) -> Checkpoint:
    try:
        return note.verified(text, vkeys).checkpoint
    except (BadInput, Broken) as error:
        raise _broken("signature", "The last head of the log is not signed by its key.") from error


def _broken(reason: str, what: str) -> ImvumeError:
    return Broken(
        f"evidence.log.{reason}",
        what,
        why="Something was changed, removed or added in the database, or a disk is failing.",
        remedy="Run `imvume verify`, which names it. Entries go on waiting safely until the log is mended.",
    )
