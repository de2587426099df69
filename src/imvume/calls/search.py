"""Finding calls, and everything that one page says about one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from imvume.archive.retention import day
from imvume.basics import phone
from imvume.basics.ids import CallId, floor
from imvume.keys.vault import Vault
from imvume.laws.load import retention
from imvume.store.database import Row, Tx
from imvume.subjects import actions as subjects
from imvume.subjects.actions import Identifier

COUNTED_TO = 10_000  # counting further costs more than anybody needs: "10 000+"
PAGE_MAX = 200

_LAST = UUID(int=2**128 - 1)
_FIRST = UUID(int=0)

State = Literal["sealed", "destroyed", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is looked for. Everything left out does not matter. Instants are aware; the interval is [since, until)."""

    who: str = ""  # a whole number or an extension, as a person writes it
    ref: str = ""
    direction: str | None = None
    queue: str | None = None
    campaign: str | None = None
    disposition: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """Who was on a call, masked. `shown` is empty for a withheld number, and for one who was erased."""

    role: str
    kind: str
    shown: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One call in a list."""

    call: CallId
    ref: str
    started_at: datetime
    seconds: float
    direction: str | None
    people: tuple[Person, ...]
    queue: str | None
    campaign: str | None
    disposition: str | None
    state: State
    keep_until: date | None
    held: bool


@dataclass(frozen=True, slots=True)
class Page:
    """One page of calls, the newest first. `following` is where the next begins, None at the end."""

    calls: tuple[Found, ...]
    following: CallId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """Everything that is known about one call."""

    found: Found
    answered_at: datetime | None
    ended_at: datetime | None
    source: str
    why_kept: str  # "Kept until 12 March 2031: FAIS General Code s 3(4)."
    says: str  # what that law says, in one sentence
    assets: tuple[Row, ...]
    holds: tuple[Row, ...]
    destructions: tuple[Row, ...]


def find(tx: Tx, vault: Vault, question: Question, *, before: CallId | None = None, limit: int = 50) -> Page:
    """A page of the calls that the question has, from before `before` (the `following` of the page above)."""
    limit = min(limit, PAGE_MAX)
    bounds = _bounds(question, before)
    if question.who:
        lookups = _lookups(tx, vault, question.who)
        rows = tx.all("calls.find_by_lookup", lookups=lookups, limit=limit + 1, **_facets(question), **bounds)
    else:
        ref = question.ref.strip().upper() or None
        rows = tx.all("calls.find", ref=ref, limit=limit + 1, **_facets(question), **bounds)
    page = _found(tx, vault, rows[:limit])
    return Page(tuple(page), page[-1].call if len(rows) > limit else None)


def count(tx: Tx, question: Question) -> int:
    """How many calls it has, counted no further than COUNTED_TO. Not for a question about a person."""
    row = tx.only(
        "calls.count",
        ref=question.ref.strip().upper() or None,
        bound=COUNTED_TO,
        **_facets(question),
        **_bounds(question, None),
    )
    return int(row["n"])


def by_ref(tx: Tx, ref: str) -> CallId | None:
    """The call that people call `ref`, if there is exactly one."""
    rows = tx.all("calls.by_ref", ref=ref.strip().upper())
    return CallId(rows[0]["call_id"]) if len(rows) == 1 else None


def card(tx: Tx, vault: Vault, call: CallId) -> Card:
    """All about one call. Raises NotFound, for another tenant's call as for none."""
    row = tx.only("calls.get", call=call)
    assets = tx.all("archive.assets_of", call=call)
    until = max((a["keep_until"] for a in assets), default=None)
    law = retention(assets[0]["class"] if assets else row["retention"], row["started_at"].date())
    return Card(
        found=_found(tx, vault, [row])[0],
        answered_at=row["answered_at"],
        ended_at=row["ended_at"],
        source=row["source"],
        why_kept=f"Kept until {day(until)}: {law.cite}." if until else "Nothing was recorded.",
        says=law.says,
        assets=tuple(assets),
        holds=tuple(tx.all("archive.holds_of", call=call)),
        destructions=tuple(tx.all("archive.destructions_of", call=call)),
    )


def choices(tx: Tx) -> dict[str, list[str]]:
    """The queues, campaigns and outcomes to choose from."""
    rows = tx.all("calls.values")
    return {name: sorted({row[name] for row in rows if row[name]}) for name in ("queue", "campaign", "disposition")}


def _facets(question: Question) -> dict[str, str | None]:
    return {name: getattr(question, name) for name in ("direction", "queue", "campaign", "disposition")}


def _bounds(question: Question, before: CallId | None) -> dict[str, UUID]:
    last = floor(question.until) if question.until else _LAST
    return {"before": min(before or last, last), "since": floor(question.since) if question.since else _FIRST}


def _lookups(tx: Tx, vault: Vault, who: str) -> list[bytes]:
    tenant = tx.only("calls.tenant")
    asked = [Identifier("extension", who.strip())]
    if number := phone.read(who, region=tenant["region"]):
        asked.append(Identifier("phone", number.e164))
    return [subjects.mark(vault, tx.tenant, identifier) for identifier in asked]


def _found(tx: Tx, vault: Vault, rows: Sequence[Row]) -> list[Found]:
    calls = [row["call_id"] for row in rows]
    if not calls:
        return []
    people: dict[UUID, list[Row]] = {}
    for person in tx.all("calls.participants", calls=calls):
        people.setdefault(person["call_id"], []).append(person)
    wanted = {p["subject_id"] for persons in people.values() for p in persons if p["subject_id"]}
    named = subjects.names(tx, vault, wanted)
    kept = {row["call_id"]: row for row in tx.all("calls.kept", calls=calls)}
    return [_one(row, people.get(row["call_id"], []), named, kept.get(row["call_id"])) for row in rows]


def _one(row: Row, people: Sequence[Row], named: dict[UUID, list[Identifier]], kept: Row | None) -> Found:
    ended = (row["ended_at"] - row["started_at"]).total_seconds() if row["ended_at"] else 0.0
    return Found(
        call=CallId(row["call_id"]),
        ref=row["ref"],
        started_at=row["started_at"],
        seconds=(kept["seconds"] if kept else None) or max(0.0, ended),
        direction=row["direction"],
        people=tuple(Person(p["role"], p["kind"], _shown(named.get(p["subject_id"], []), p["kind"])) for p in people),
        queue=row["queue"],
        campaign=row["campaign"],
        disposition=row["disposition"],
        state="none" if not kept or not kept["recordings"] else "destroyed" if kept["destroyed"] else "sealed",
        keep_until=kept["until"] if kept else None,
        held=bool(kept and kept["held"]),
    )


def _shown(identifiers: Sequence[Identifier], kind: str) -> str:
    for identifier in identifiers:
        if identifier.kind == kind:
            return phone.Phone(identifier.value).masked() if kind == "phone" else identifier.value
    return ""
