"""How does the evidence stand? One verdict over what is known of a log without reading all of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from imvume.basics.clock import instant
from imvume.basics.ids import TenantId
from imvume.errors import ImvumeError
from imvume.evidence import heads, ledger, note
from imvume.evidence.ledger import Waiting
from imvume.evidence.note import Checkpoint, Signer
from imvume.store.database import Tx

Verdict = Literal["proven", "not-proven", "broken"]

GOOD_FOR = timedelta(days=31)  # evidence expires: what was checked last year proves nothing about today
ALARM_AFTER = timedelta(minutes=1)  # an entry gets its place within seconds; one that waits so long waits for somebody


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The last time the whole archive was read and checked."""

    at: datetime
    checked: int
    findings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a page or a command says about a log. `says` is one sentence, fit for the officer."""

    verdict: Verdict
    says: str
    checkpoint: Checkpoint | None
    signed_at: datetime | None
    waiting: Waiting
    checked: Checked | None
    stamped_at: datetime | None


def standing(tx: Tx, signer: Signer, folder: Path, *, at: datetime) -> Standing:
    """How the log of the transaction's tenant stands at `at`. folder: where the last heads are kept.

    The signature of the newest checkpoint and the head kept outside the database are checked
    now; that every entry and every object is whole, only `imvume verify` can say, and for a
    month its word is taken.
    """
    row = tx.one("evidence.checkpoint_newest")
    waiting = ledger.waiting(tx)
    verified = tx.one("evidence.verified_newest")
    stamp = tx.one("evidence.stamp_newest")
    checked = _checked(verified["body"]) if verified else None
    checkpoint, signed_at, fault = None, None, ""
    if row is not None:
        try:
            signed = note.verified(row["note"], [note.vkey(signer, tx.tenant)])
            checkpoint, signed_at = signed.checkpoint, signed.at
            fault = _cut(folder, tx.tenant, signed.checkpoint)
        except ImvumeError as error:
            fault = f"{error.what} {error.why}"
    verdict, says = judge(has_head=row is not None, fault=fault, checked=checked, waiting=waiting, at=at)
    return Standing(
        verdict=verdict,
        says=says,
        checkpoint=checkpoint,
        signed_at=signed_at,
        waiting=waiting,
        checked=checked,
        stamped_at=stamp["stamped_at"] if stamp else None,
    )


def judge(
    *, has_head: bool, fault: str, checked: Checked | None, waiting: Waiting, at: datetime
) -> tuple[Verdict, str]:
    """The verdict and its sentence. Pure; the worst thing known decides."""
    if fault:
        return "broken", fault
    if checked is not None and checked.findings:
        return "broken", "The last verification found something missing or changed. Run `imvume verify` to see what."
    if late(waiting, at):
        return (
            "not-proven",
            "Entries wait for their place in the log. See whether a worker is running.",
        )
    if not has_head:
        return "not-proven", "Nothing has been entered in the log yet."
    if checked is None:
        return "not-proven", "The archive has not been verified yet. Run `imvume verify`."
    if at - checked.at > GOOD_FOR:
        return "not-proven", "The last verification is more than a month old. Run `imvume verify`."
    return (
        "proven",
        "All that is sealed was read and checked against the log; nothing is missing or changed.",
    )


def late(waiting: Waiting, at: datetime) -> bool:
    """Whether an entry has waited for its place for so long that nobody seems to give it one."""
    return waiting.oldest_at is not None and at - waiting.oldest_at > ALARM_AFTER


def _checked(body: bytes) -> Checked:
    said = msgspec.json.decode(body)
    return Checked(at=instant(said["at"]), checked=said["checked"], findings=said["findings"])


def _cut(folder: Path, tenant: TenantId, newest: Checkpoint) -> str:
    kept = heads.kept(folder, tenant)
    if kept is None:
        return ""
    last = note.read(kept)[0]
    if last.size > newest.size:
        return "The log is shorter than it was: the database was put back to an earlier state, or entries were removed."
    if last.size == newest.size and last.root != newest.root:
        return "The log was rewritten: its head is not the one that was signed before."
    return ""
