"""Taking calls in: once each, with all that was recorded of them, or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from imvume.archive import sealing
from imvume.archive.facts import plain
from imvume.archive.house import House
from imvume.archive.retention import Keep, keep
from imvume.archive.storage import path
from imvume.basics.boundaries import passed
from imvume.basics.clock import civil, stamp
from imvume.basics.ids import CallId, SubjectId, TenantId, month, reference, uuid7_at
from imvume.calls.facts import CallFacts, Party, Piece
from imvume.errors import Broken, NotFound
from imvume.evidence.ledger import commit, record
from imvume.keys.vault import Vault
from imvume.laws.load import retention
from imvume.store.database import Row, Taken, Tx
from imvume.subjects import actions as subjects
from imvume.subjects.actions import Identifier

_TRIES = 3  # two workers may bring in the same call at the same instant; the loser looks again


@dataclass(frozen=True, slots=True)
class TakenIn:
    """The call, how many recordings of it were sealed now, and whether the call itself is new.

    seconds: how long the files taken now play, one after the other.
    """

    call: CallId
    sealed: int
    fresh: bool
    seconds: float = 0.0


def take_in(house: House, tenant: TenantId, facts: CallFacts, pieces: Sequence[Piece], *, at: datetime) -> TakenIn:
    """Seal `pieces` and enter the call, in one commit. What was taken before is left out.

    Raises BadInput (archive.sound.*) for a piece that is no recording, Conflict for one that
    changed while it was read, Unavailable when disk, store or database are away. Nothing is
    entered then, and the sources are untouched.
    """
    for left in reversed(range(_TRIES)):
        try:
            return _take_in(house, tenant, facts, pieces, at)
        except Taken:
            if not left:
                raise
    raise AssertionError("unreachable")


def seen(tx: Tx, marks: Collection[bytes]) -> set[bytes]:
    """Which of these files were taken before."""
    return {row["mark"] for row in tx.all("calls.files_seen", marks=list(marks))}


def confirm(house: House, tenant: TenantId, mark: bytes) -> None:
    """Read back everything that is sealed of the call that this file went into, before the file is removed.

    Raises NotFound if it was never taken, Broken if an object is missing or differs.
    """
    with house.database.transaction(tenant) as tx:
        row = tx.one("calls.file_call", mark=mark)
        if row is None:
            raise NotFound(
                "calls.file.unknown",
                "This file has not been taken.",
                remedy="Import it first; it was left where it was.",
            )
        assets = tx.all("archive.assets_of", call=row["call_id"])
    for asset in assets:
        if asset["destroyed_at"] is not None:
            continue
        if asset["inline"] is None:
            place = path(tenant, asset["call_id"], asset["asset_id"])
            sealing.read_back(house.storage, place, asset["size"], asset["digest"])
        elif hashlib.sha256(asset["inline"]).digest() != asset["digest"]:
            raise Broken(
                "archive.object.missing",
                "A sealed object is not what it should be.",
                why="Its row was changed.",
                remedy="Run `imvume verify`; the source was left where it was.",
            )


def file_seal(vault: Vault, tenant: TenantId, mark: bytes, content: bytes, call: UUID, at: datetime) -> bytes:
    """The keyed hash of a row of taken files."""
    return vault.mark(tenant, "taken", mark, content, call.bytes, stamp(at))


def call_facts(row: Row, participants: Sequence[Row]) -> dict[str, Any]:
    """What the evidence commits to about a call: its row, and who was on it by id and keyed hash."""
    columns = (
        "call_id", "ref", "source", "source_ref", "started_at", "answered_at", "ended_at", "direction", "queue",
        "campaign", "disposition", "retention",
    )  # fmt: skip
    people = ("no", "role", "kind", "subject_id", "lookup")
    return {name: plain(row[name]) for name in columns} | {
        "participants": [{name: plain(person[name]) for name in people} for person in participants]
    }


def _take_in(house: House, tenant: TenantId, facts: CallFacts, pieces: Sequence[Piece], at: datetime) -> TakenIn:
    with house.database.transaction(tenant) as tx:
        known = tx.one("calls.by_source", source=facts.source, source_ref=facts.source_ref)
        before = seen(tx, [piece.mark for piece in pieces])
        call = CallId(known["call_id"]) if known else CallId(uuid7_at(facts.started_at))
        if known is None:
            # Here, and not among the rows below: a new month locks the whole table of calls until its commit.
            tx.run("calls.open_month", month=month(call))
    wanted = [piece for piece in pieces if piece.mark not in before]
    stowed: list[tuple[Piece, list[sealing.Stowed]]] = []
    written = False
    try:
        for piece in wanted:
            stowed.append((piece, _stow(house, tenant, call, piece)))
            piece.check()
        with house.database.transaction(tenant) as tx:
            fresh = known is None
            subject_of = _enter_call(tx, house, facts, call, at) if fresh else _subjects(tx, call)
            kept = _kept(tx, facts)
            entered: list[sealing.Stowed] = []
            seconds = 0.0
            doubled: list[sealing.Stowed] = []
            for piece, assets in stowed:
                # With whose it is: two legs may be silent for the same time, and are two recordings.
                parts = (part for a in assets for part in (a.role, a.origin.content))
                content = house.vault.mark(tenant, "content", *parts)
                double = tx.one("calls.file_known", content=content, call=call) is not None
                (doubled if double else entered).extend(assets)
                seconds += 0.0 if double else max(a.packed.frames / a.packed.rate for a in assets)
                seal = file_seal(house.vault, tenant, piece.mark, content, call, at)
                tx.run("calls.file_add", mark=piece.mark, content=content, call=call, at=at, seal=seal)
            if entered:
                sealing.enter(tx, house.vault, call, entered, kept=kept, subject_of=subject_of, at=at)
            written = True
            passed("seal.rows-written")
    except BaseException:
        # From the commit on nobody knows: its answer may be lost, and the rows be there. Then the sweep decides.
        for _, assets in stowed if not written else ():
            sealing.abandon(house.storage, tenant, call, assets)
        raise
    passed("seal.committed")
    sealing.abandon(house.storage, tenant, call, doubled)
    return TakenIn(call, sum(1 for a in entered if a.kind != "waveform"), fresh, seconds)


def _stow(house: House, tenant: TenantId, call: CallId, piece: Piece) -> list[sealing.Stowed]:
    piece.file.seek(0)
    return sealing.stow(
        house.storage,
        tenant,
        call,
        piece.file,
        name=piece.name,
        role=piece.role,
        left=piece.left,
        hours_max=house.config.audio_hours_max,
    )


def _enter_call(tx: Tx, house: House, facts: CallFacts, call: CallId, at: datetime) -> dict[str, SubjectId]:
    tx.run("calls.source_add", source=facts.source, source_ref=facts.source_ref, call=call)
    known = subjects.know(tx, house.vault, [i for p in facts.parties if (i := _identifier(p))])
    row = {
        "call_id": call,
        "ref": reference("C", call),
        "source": facts.source,
        "source_ref": facts.source_ref,
        "started_at": facts.started_at,
        "answered_at": facts.answered_at,
        "ended_at": facts.ended_at,
        "direction": facts.direction,
        "queue": facts.queue,
        "campaign": facts.campaign,
        "disposition": facts.disposition,
        "retention": tx.only("calls.tenant")["retention"],
        "salt": os.urandom(32),
    }
    participants = [_participant(call, no, party, known) for no, party in enumerate(facts.parties)]
    tx.run("calls.add", **row)
    tx.many("calls.add_participant", participants)
    commitment = commit(row["salt"], call_facts(row, participants))
    record(tx, "calls.taken", call, by=None, at=at, commitment=commitment)
    return _alone(participants)


def _participant(call: CallId, no: int, party: Party, known: dict[Identifier, tuple[SubjectId, bytes]]) -> Row:
    identifier = _identifier(party)
    subject, lookup = known[identifier] if identifier else (None, None)
    return {"call_id": call, "no": no, "role": party.role, "kind": party.kind, "subject_id": subject, "lookup": lookup}


def _identifier(party: Party) -> Identifier | None:
    return Identifier(party.kind, party.value) if party.kind != "withheld" and party.value else None


def _subjects(tx: Tx, call: CallId) -> dict[str, SubjectId]:
    return _alone(tx.all("calls.participants", calls=[call]))


def _alone(participants: Sequence[Row]) -> dict[str, SubjectId]:
    # A leg on which two agents spoke, one after the other, is not one person's: it must not die with one of them.
    roles = [person["role"] for person in participants]
    return {
        person["role"]: person["subject_id"]
        for person in participants
        if person["subject_id"] is not None and roles.count(person["role"]) == 1
    }


def _kept(tx: Tx, facts: CallFacts) -> Keep:
    tenant = tx.only("calls.tenant")
    since = civil(facts.started_at, tenant["zone"])
    return keep(retention(tenant["retention"], since), since=since)
