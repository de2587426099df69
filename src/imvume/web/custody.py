"""What happened to a recording, in the order in which it happened, as the evidence says it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from imvume.basics.clock import instant, stamp
from imvume.calls.search import Card
from imvume.evidence import ledger
from imvume.store.database import Tx
from imvume.web import words

# type of entry: what it is called here, and its icon
_SAID = {
    "calls.taken": ("Brought in", "radio"),
    "calls.amended": ("Facts amended", "copy"),
    "archive.sealed": ("Sealed", "lock-keyhole"),
    "archive.kept": ("Retention decided", "file-clock"),
    "archive.held": ("Legal hold placed", "gavel"),
    "archive.hold-lifted": ("Legal hold lifted", "gavel"),
    "archive.opened": ("Heard", "headphones"),
    "archive.exported": ("Exported", "download"),
    "archive.packed": ("Packed", "archive"),
    "archive.destroyed": ("Destroyed", "flame"),
    "archive.final": ("No copy can be opened any more", "flame"),
}
_ROLES = {"caller": "the caller's leg", "agent": "the agent's leg", "both": "both voices"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step. `place` is its index in the log; `waiting` where it is said and has none yet; a plan has neither."""

    at: datetime | None
    what: str
    who: str = ""
    detail: str = ""
    icon: str = "circle-dashed"
    kind: str = "plain"
    place: int | None = None
    waiting: bool = False


def steps(tx: Tx, it: Card, *, at: datetime) -> list[Step]:
    """Every entry about the call, its recordings, holds and destructions, oldest first; then what comes next.

    An entry says who by id and why by commitment; the names and reasons are added from the rows
    that can be erased, and are left out where they were.
    """
    call = it.found.call
    recordings = {a["asset_id"]: a for a in it.assets if a["kind"] != "waveform"}
    matters = {m["matter_id"]: m for m in tx.all("web.matters_of", call=call)}
    destructions = {d["destruction_id"]: d for d in it.destructions}
    reasons = {(row["staff_id"], stamp(row["at"])): row["reason"] for row in tx.all("staff.accesses", about=call)}
    said = [
        (entry, msgspec.json.decode(entry.body))
        for entry in ledger.about(tx, call, *recordings, *matters, *destructions)
        if entry.type in _SAID
    ]
    by = {UUID(body["by"]) for _, body in said if body["by"]}
    names = {row["staff_id"]: row["name"] for row in tx.all("staff.staff_names", staff=list(by))} if by else {}
    made = []
    for entry, body in said:
        what, icon = _SAID[entry.type]
        who = UUID(body["by"]) if body["by"] else None
        detail = _detail(entry, body, recordings, matters, destructions)
        if entry.type in ("archive.opened", "archive.exported"):
            detail = reasons.get((who, body["at"]), "")
        made.append(
            Step(
                at=instant(body["at"]), what=what, who=names.get(who, "") if who else "", detail=detail, icon=icon,
                place=entry.idx, waiting=entry.idx is None,
            )
        )  # fmt: skip
    made.sort(key=lambda step: step.at or at)  # a stable sort: of one instant, the order of the log
    return [_began(it), *made, *_planned(it)]


def _began(it: Card) -> Step:
    return Step(at=it.found.started_at, what="The call began", detail=f"As {it.source} reported it.", icon="phone")


def _planned(it: Card) -> list[Step]:
    if it.found.state != "sealed" or it.found.keep_until is None:
        return []
    if it.holds:
        return [Step(at=None, what="Kept while the legal hold lasts", icon="circle-dashed", kind="none")]
    on = it.found.keep_until + timedelta(days=1)
    what = f"May be destroyed from {words.day(on)}"
    return [Step(at=None, what=what, detail="Planned", icon="hourglass", kind="none")]


def _detail(
    entry: ledger.Said,
    body: dict[str, Any],
    recordings: dict[UUID, Any],
    matters: dict[UUID, Any],
    ended: dict[UUID, Any],
) -> str:
    if entry.type == "archive.sealed" and (asset := recordings.get(entry.about)):
        return f"{_ROLES[asset['role']].capitalize()}, {words.size(body['size'])} under a key of its own"
    if entry.type == "archive.held" and (matter := matters.get(entry.about)):
        return f"{matter['ref']}: {matter['reason']}"
    if entry.type == "archive.hold-lifted" and (matter := matters.get(entry.about)):
        return str(matter["ref"])
    if entry.type == "archive.destroyed":
        order = ended.get(UUID(body["destruction"]))
        return str(order["reason"]) if order else ""
    return ""
