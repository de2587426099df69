"""Saying something in the log: an entry is written in the transaction of what it tells, and placed within seconds."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from imvume.basics.clock import stamp
from imvume.basics.ids import EntryId, uuid7
from imvume.errors import BadInput
from imvume.evidence.kinds import COUNT_MAX, faults, id_text, written
from imvume.store.database import Tx

SALT_BYTES: Final = 32

_encode = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Something to be said in the log."""

    type: str
    about: UUID
    by: UUID | None
    at: datetime
    fields: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An entry of the log. `idx` is its place, or None until it has one; `body` is the leaf itself."""

    idx: int | None
    entry_id: EntryId
    type: str
    about: UUID
    body: bytes


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many entries have no place yet, and since when the oldest waits; for the alarm."""

    count: int
    oldest_at: datetime | None


def record(tx: Tx, type: str, about: UUID, *, by: UUID | None, at: datetime, **fields: object) -> EntryId:
    """Say one thing in the log, in the transaction of the thing itself; answers the entry's id.

    type: one of kinds.KINDS, which also says what `fields` there must be.
    by: the member of staff who did it; None where nobody did, such as a retention that ended.
    Raises BadInput `evidence.record.*` for anything that may not stand in a log.
    """
    return record_all(tx, [Entry(type=type, about=about, by=by, at=at, fields=fields)])[0]


def record_all(tx: Tx, entries: Iterable[Entry]) -> list[EntryId]:
    """Say many things in one go, in the order given; answers their ids. One round trip."""
    ids: list[UUID] = []
    types: list[str] = []
    abouts: list[UUID] = []
    bodies: list[bytes] = []
    for entry in entries:
        entry_id = uuid7()  # ids of one process ascend, so that the log keeps the order within a transaction
        ids.append(entry_id)
        types.append(entry.type)
        abouts.append(entry.about)
        bodies.append(body(entry_id, entry))
    if ids:
        tx.run("evidence.pending_add", ids=ids, types=types, abouts=abouts, bodies=bodies)
    return [EntryId(entry_id) for entry_id in ids]


def body(entry_id: UUID, entry: Entry) -> bytes:
    """The bytes of an entry, which are the leaf of the tree: JSON with sorted keys and no spaces, ASCII alone."""
    return _encode(
        {
            "v": 1,
            "entry": id_text(entry_id),
            "type": entry.type,
            "at": stamp(entry.at),
            "about": id_text(entry.about),
            "by": None if entry.by is None else id_text(entry.by),
            **written(entry.type, entry.fields),
        }
    )


def about(tx: Tx, *abouts: UUID) -> list[Said]:
    """Everything the log says about these ids, in the order of the log; what waits for its place comes last."""
    return [Said(**row) for row in tx.all("evidence.entries_about", abouts=list(abouts))]


def decoded(said: Said) -> dict[str, Any] | None:
    """The body of an entry, or None if it is not as an entry of its type must be, or not about what its row says."""
    try:
        body = json.loads(said.body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict) or faults(body) or body["about"] != str(said.about) or body["type"] != said.type:
        return None
    return body


def told(tx: Tx, *, start: int, limit: int) -> list[Said]:
    """What the log tells of, from place `start` on, in order; the bodies are left out."""
    return [Said(**row) for row in tx.all("evidence.entries_from", start=start, limit=limit)]


def find(tx: Tx, entry: EntryId) -> Said | None:
    """The entry of that id, or None."""
    row = tx.one("evidence.entry_find", entry=entry)
    return Said(**row) if row else None


def waiting(tx: Tx) -> Waiting:
    """What has no place in the log yet. An oldest one of more than a few seconds is an alarm."""
    return Waiting(**tx.only("evidence.waiting"))


def commit(salt: bytes, facts: Mapping[str, object]) -> bytes:
    """A commitment to `facts` (32 bytes) that tells nothing of them: HMAC-SHA256 under `salt`.

    salt: 32 random bytes, fresh for each, that live in the erasable row next to the facts. While
    they are there anyone can check the entry against the row; once they are gone it is noise.
    Raises BadInput if the salt has another length, or `facts` cannot be written in one way only.
    """
    if len(salt) != SALT_BYTES:
        raise BadInput(
            "evidence.commit.salt",
            "A commitment came with a salt of another length.",
            why="A short salt can be guessed, and with it what was committed to.",
            remedy="Give 32 fresh random bytes.",
        )
    return hmac.digest(bytes(salt), canonical(facts), hashlib.sha256)


def canonical(facts: Mapping[str, object]) -> bytes:
    """The one way to write `facts` as bytes: JSON as RFC 8785 has it, of text, whole numbers, truth and nothing.

    Ids and dates are written as text, instants as `stamp` writes them, bytes as lower hex; lists
    and mappings may nest. Keys are ASCII text. Raises BadInput for anything else, such as a float.

    Source: RFC 8785 (JSON Canonicalization Scheme).
    """
    try:
        text = json.dumps(_plain(facts), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return text.encode("utf-8")
    except (UnicodeEncodeError, RecursionError) as error:
        raise _ambiguous() from error


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int) and -COUNT_MAX <= value <= COUNT_MAX:
        return int(value)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):  # before date, of which it is one
        return stamp(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) and key.isascii() for key in value):
            raise _ambiguous()
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    raise _ambiguous()


def _ambiguous() -> BadInput:
    return BadInput(
        "evidence.commit.ambiguous",
        "These facts cannot be committed to.",
        why="Something among them can be written in more than one way, such as a float.",
        remedy="Give text, whole numbers, ids, dates, instants and bytes.",
    )
