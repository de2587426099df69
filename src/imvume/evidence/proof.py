"""Receipts: a text of about a page that proves, offline and for ever, that an entry stands in the log.

    c2sp.org/tlog-proof@v1
    extra eyJhYm91dCI6…          the entry itself
    index 73894
    gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=     one hash for each doubling of the log
    …

    imvume.local/log/0197…       the checkpoint, as it was signed
    …

Source: C2SP tlog-proof, RFC 6962 section 2.1.1.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from imvume.basics.ids import EntryId
from imvume.errors import BadInput, Broken, Conflict, NotFound
from imvume.evidence import merkle, note, tiles
from imvume.evidence.note import Checkpoint, Vkey
from imvume.store.database import Tx

HEADER: Final = "c2sp.org/tlog-proof@v1"
PROOF_BYTES_MAX: Final = 262_144  # the longest entry and note that there may be, with room
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class Proved:
    """What a proof proves: `body` is entry number `index` of the log that `checkpoint` names.

    at: the second at which the log says it signed the checkpoint; a claim of ours alone.
    """

    body: bytes
    index: int
    checkpoint: Checkpoint
    at: datetime | None


def make(tx: Tx, entry: EntryId) -> str:
    """The proof of an entry under the newest checkpoint. It reads a handful of tiles, however long the log is.

    Raises NotFound if there is no such entry, Conflict `evidence.proof.waiting` while it has no place yet,
    Broken `evidence.proof.broken` if the tiles do not lead to the checkpoint.
    """
    found = tx.one("evidence.entry_find", entry=entry)
    if found is None:
        raise NotFound(
            "evidence.entry.none", "There is no such entry in the log.", remedy="Check the id that you were given."
        )
    newest = tx.one("evidence.checkpoint_newest")
    if found["idx"] is None or newest is None or found["idx"] >= newest["size"]:
        raise Conflict(
            "evidence.proof.waiting",
            "This entry has no place in the log yet.",
            why="Places are given about once a second.",
            remedy="Ask again in a moment; if it lasts, run `imvume doctor`.",
        )
    index, body, head = found["idx"], bytes(found["body"]), note.read(newest["note"])[0]
    path = hashes(tx, merkle.inclusion(index, head.size), head.size)
    if merkle.included(merkle.leaf(body), index, head.size, path) != head.root:
        raise _broken()
    lines = [HEADER, f"extra {_base64(body)}", f"index {index}", *map(_base64, path), "", newest["note"]]
    return "\n".join(lines)


def hashes(tx: Tx, spans: Collection[merkle.Span], size: int) -> list[bytes]:
    """The hashes of spans of the tree of `size`, from its tiles, in one query.

    Raises Broken `evidence.proof.broken` where a tile is missing or too narrow.
    """
    asked = sorted(tiles.places(spans))
    rows = tx.all("evidence.tiles_at", levels=[level for level, _ in asked], ns=[n for _, n in asked])
    held = {(row["level"], row["n"]): bytes(row["hashes"]) for row in rows}
    # A tile may have grown since the checkpoint; what it held then it still holds, at its beginning.
    if any(len(held.get(place, b"")) < tiles.width(*place, size) * merkle.HASH_BYTES for place in asked):
        raise _broken()
    return [tiles.span_hash(span, held.__getitem__) for span in spans]


def check(proof: str, vkeys: Collection[Vkey], *, body: bytes | None = None) -> Proved:
    """What `proof` proves, checked with nothing but the keys of the logs that are trusted.

    body: the entry it is to be a proof of; None takes the one that the proof itself carries.
    Raises BadInput `evidence.proof.unreadable`, `evidence.note.unreadable`; Broken
    `evidence.proof.wrong`, `evidence.note.unsigned` or `.forged`.
    """
    carried, index, path, signed = _read(proof)
    head = note.verified(signed, vkeys)
    if body is None:
        body = carried
    if body is None:
        raise _unreadable()
    if merkle.included(merkle.leaf(body), index, head.checkpoint.size, path) != head.checkpoint.root:
        raise Broken(
            "evidence.proof.wrong",
            "The proof does not lead from this entry to the checkpoint.",
            why="The entry or the proof was changed, or they do not belong together.",
            remedy="Ask for the proof again; if the entry was changed, compare it with the original.",
        )
    return Proved(body, index, head.checkpoint, head.at)


def _read(proof: str) -> tuple[bytes | None, int, list[bytes], str]:
    if len(proof) > PROOF_BYTES_MAX:
        raise _unreadable()
    top, gap, signed = proof.partition("\n\n")
    lines = top.split("\n")
    if not gap or lines.pop(0) != HEADER:
        raise _unreadable()
    carried = None
    if lines and lines[0].startswith("extra "):
        carried = _unbase64(lines.pop(0).removeprefix("extra "))
    index = _INDEX.fullmatch(lines.pop(0)) if lines else None
    path = [_unbase64(line) for line in lines]
    if index is None or len(path) > 63 or any(len(step) != merkle.HASH_BYTES for step in path):
        raise _unreadable()
    return carried, int(index[1]), path, signed


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _unbase64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise _unreadable() from None


def _unreadable() -> BadInput:
    return BadInput(
        "evidence.proof.unreadable",
        "This is not a proof of a log entry.",
        why="Such a proof begins with the line c2sp.org/tlog-proof@v1 and ends with a checkpoint.",
        remedy="Give the file as it was written; a mail program may have changed its lines.",
    )


def _broken() -> Broken:
    return Broken(
        "evidence.proof.broken",
        "The log cannot prove this entry.",
        why="Its tiles do not lead from the entry to the checkpoint: something was changed.",
        remedy="Run `imvume verify`, which names it.",
    )
