"""Hearing a recording: one reason for each call in a session, one look for each listening."""

from __future__ import annotations

from datetime import datetime

from imvume.basics.ids import CallId
from imvume.errors import BadInput, Refused
from imvume.staff import rules
from imvume.staff.actions import Session, looked
from imvume.staff.rules import Right
from imvume.store.database import Tx

REASONS: dict[str, str] = {
    "quality": "Quality review",
    "complaint": "A complaint",
    "request": "A request of the person",
    "dispute": "A dispute or a claim",
    "training": "Training",
    "audit": "An audit",
    "security": "A security compromise",
    "other": "Something else",
}
"""Why people listen. "other" needs words."""

WORDS_MAX = 200


def reason_given(code: str, words: str) -> str:
    """The reason as it is kept: "A complaint: ref 4471". Raises BadInput for none, or "other" without words."""
    words = " ".join(words.split())
    if code not in REASONS or len(words) > WORDS_MAX or (code == "other" and len(words) < 5):
        raise BadInput(
            "staff.reason.missing",
            "A reason is missing.",
            why="Every opening of a recording is kept with its reason, for the person it is about.",
            remedy=f"Choose one; for something else, say what in 5 to {WORDS_MAX} characters.",
        )
    return f"{REASONS[code]}: {words}" if words else REASONS[code]


def begin(tx: Tx, who: Session, call: CallId, reason: str, *, at: datetime) -> None:
    """Open `call` for this session, for `reason`. Raises Refused where the role may not hear."""
    rules.require(who.role, Right.HEAR_CALLS)
    access = looked(tx, who.tenant, who.staff, "archive.opened", call, reason, at)
    tx.run("staff.listening_put", hash=who.mark, call=call, access=access, at=at)


def reason_of(tx: Tx, who: Session, call: CallId) -> str | None:
    """Why this session opened `call`, or None if it has not."""
    row = tx.one("staff.listening_find", hash=who.mark, call=call)
    return str(row["reason"]) if row else None


def hear(tx: Tx, who: Session, call: CallId, *, at: datetime, only_asking: bool = False) -> None:
    """A piece of `call` is about to be sent. After LISTENING_LASTS of silence it is another listening, and a look.

    A player asks for many ranges: they are one listening. only_asking: nothing is going to be sent.
    Raises Refused where this session has not opened the call, or the role may not hear (any more).
    """
    rules.require(who.role, Right.HEAR_CALLS)
    row = tx.one("staff.listening_find", hash=who.mark, call=call)
    if row is None:
        raise Refused(
            "staff.listening.unopened",
            "This recording is not open.",
            why="It is opened for a reason, in each session anew.",
            remedy="Go to the page of the call and open it there.",
        )
    if only_asking:
        return
    silence = at - row["heard_at"]
    if silence >= rules.LISTENING_LASTS:
        if tx.run("staff.listening_heard", hash=who.mark, call=call, was=row["heard_at"], at=at):
            begin(tx, who, call, row["reason"], at=at)
    elif silence >= rules.SEEN_EVERY:
        tx.run("staff.listening_heard", hash=who.mark, call=call, was=row["heard_at"], at=at)
