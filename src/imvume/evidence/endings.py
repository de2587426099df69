"""What stands around the entries of a log, for whoever verifies it: heads, time-stamps, tiles too many, what waits."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509

from imvume.basics.clock import stamp as written
from imvume.errors import BadInput, Broken
from imvume.evidence import heads, note, stamp
from imvume.evidence.findings import Findings, Progress
from imvume.evidence.note import Checkpoint, Vkey
from imvume.store.database import Row, Tx

WAITS_MAX: Final = timedelta(minutes=1)  # an entry gets its place within seconds; one that waits longer is an alarm
PAGE: Final = 100


def newest(tx: Tx, vkeys: Collection[Vkey]) -> Checkpoint | None:
    """The newest checkpoint that is signed and stands in its own place; None if there is none."""
    before = note.SIZE_MAX
    while rows := tx.all("evidence.verify_checkpoints_down", before=before, page=PAGE):
        for row in rows:
            before = row["size"]
            try:
                found = note.verified(row["note"], vkeys).checkpoint
            except (BadInput, Broken):
                continue  # `checkpoint` names it when the reading comes to it
            if found.size == row["size"]:
                return found
    return None


def checkpoint(row: Row, root: bytes | None, progress: Progress, findings: Findings, vkeys: Collection[Vkey]) -> None:
    """Check one stored checkpoint. root: of the entries it covers, None if that cannot be counted."""
    size, about = row["size"], f"checkpoint {row['size']}"
    before = findings.count
    if row["since"] != progress.since:
        text = f"It comes after the one of {row['since']} entries, and the one before it has {progress.since}."
        findings.add("checkpoint-missing", about, f"{text} One is missing, or its column since was changed.")
    progress.since = size
    try:
        signed = note.verified(row["note"], vkeys)
    except (BadInput, Broken) as error:
        findings.add("checkpoint-signature", about, error.what)
        return
    if not signed.exact:
        findings.add("checkpoint-altered", about, "Its note is good, and is not written as it was signed.")
    if row["made_at"] != signed.at:
        findings.add("checkpoint-column", about, "Its column made_at is not the second that was signed.")
    if signed.checkpoint.size != size:
        findings.add("checkpoint-column", about, "Its column size is not the size that was signed.")
    elif root is not None and signed.checkpoint.root != root:
        text = f"The {size} entries before it do not give the root that was signed."
        findings.add("checkpoint-root", about, f"{text} The change lies among those from {progress.good} on.")
    elif root is not None:
        progress.good = size
        progress.fitting += findings.count == before


def stamps(
    tx: Tx, ids: Sequence[str], progress: Progress, findings: Findings, *, roots: Collection[x509.Certificate]
) -> None:
    """Check the time-stamps that these entries tell of."""
    for row in tx.all("evidence.verify_stamps", ids=list(ids)):
        about = f"time-stamp {row['told_id']}"
        if row["token"] is None:
            findings.add("stamp-missing", about, f"Entry {row['idx']} tells of it, and it is not there.")
            continue
        told = _told(row["body"])
        expected = {
            "size": row["size"],
            "token": hashlib.sha256(row["token"]).hexdigest(),
            "authority": hashlib.sha256(row["authority"].encode()).hexdigest(),
            "stamped": written(row["stamped_at"]),
        }
        changed = sorted(name for name, value in expected.items() if told.get(name) != value)
        for name in changed:
            column = "stamped_at" if name == "stamped" else name
            findings.add("stamp-column", about, f"Its column {column} is not what entry {row['idx']} says.")
        if changed:
            continue
        progress.stamps += 1
        if row["note"] is None or hashlib.sha256(row["note"].encode()).hexdigest() != told.get("note"):
            findings.add("stamp-other", about, "The checkpoint that it stamped is not there as it was.")
            continue
        try:
            said = stamp.check(row["token"], row["note"].encode(), roots=roots)
        except Broken as error:
            findings.add("stamp-bad", about, error.what)
            continue
        if said.at != row["stamped_at"]:
            findings.add("stamp-column", about, "Its column stamped_at is not what the authority says.")


def look(
    tx: Tx,
    progress: Progress,
    findings: Findings,
    *,
    vkeys: Collection[Vkey],
    heads_in: Path | None,
    at: datetime,
) -> None:
    """Check all that is not an entry under the checkpoint that was read up to, or was added since."""
    tx.run("evidence.verify_hold")  # nothing is placed while we look; whoever says something is not held up
    for row in tx.stream("evidence.verify_checkpoints_later", after=progress.target):
        checkpoint(row, None, progress, findings, vkeys)
    now = newest(tx, vkeys)
    size = now.size if now else 0
    progress.later = max(0, size - progress.target)
    _ends(tx, size, progress, findings)
    for row in tx.all("evidence.verify_orphans", page=PAGE):
        findings.add("stamp-extra", f"time-stamp {row['stamp_id']}", "No entry of the log tells of it.")
    if heads_in is not None:
        _heads(tx, heads_in, size, progress, findings, vkeys)
    _waiting(tx, progress, findings, at)


def _ends(tx: Tx, size: int, progress: Progress, findings: Findings) -> None:
    ends = tx.only("evidence.verify_ends", target=progress.target, size=size)
    if ends["extra"]:
        about = f"entries {ends['first_extra']} to {ends['last_extra']}"
        findings.add("entry-extra", about, "No checkpoint covers them.", count=ends["extra"])
    if ends["later"] != progress.later:
        about = f"entries from {progress.target}"
        findings.add("entry-missing", about, "Not all that the newest checkpoint covers are there.")
    for row in tx.stream("evidence.verify_tiles_extra", size=size):
        text = "It holds more hashes than the log has." if row["expected"] else "The log has no such tile."
        findings.add("tile-extra", f"tile {row['level']}/{row['n']}", text)


def _heads(tx: Tx, folder: Path, size: int, progress: Progress, findings: Findings, vkeys: Collection[Vkey]) -> None:
    restored = {_told(row["body"]).get("root"): row for row in tx.all("evidence.verify_restored")}
    for text in heads.lost(folder, tx.tenant):
        lost = _head(text, findings, vkeys)
        if lost is None:
            continue
        row = restored.get(lost.root.hex())
        if row is None:
            findings.add("head-untold", f"head {lost.size}", "It was lost, and no entry of the log tells of it.")
    progress.forsaken = sum(_count(_told(row["body"]).get("lost")) for row in restored.values())
    kept = heads.kept(folder, tx.tenant)
    if kept is None:
        if size:
            findings.add("head-missing", "head", "The last head of the log is not kept outside the database.")
        return
    head = _head(kept, findings, vkeys)
    if head is None:
        return
    about = f"head {head.size}"
    if head.size > size:
        text = f"{head.size} entries were signed, and {size} are there under a good checkpoint."
        text += " The end of the log was removed, or an old copy was restored."
        findings.add("log-rolled-back", about, text, count=head.size - size)
        return
    row = tx.one("evidence.checkpoint_at", size=head.size)
    try:
        same = row is not None and note.read(row["note"])[0] == head
    except BadInput:
        same = False  # that checkpoint has a finding of its own
    if not same:
        findings.add("log-forked", about, "The log has no such checkpoint; it is not the log whose head was kept.")
        return
    progress.head = head.size


def _head(text: str, findings: Findings, vkeys: Collection[Vkey]) -> Checkpoint | None:
    try:
        return note.verified(text, vkeys).checkpoint
    except (BadInput, Broken) as error:
        findings.add("head-signature", "head", error.what)
        return None


def _waiting(tx: Tx, progress: Progress, findings: Findings, at: datetime) -> None:
    row = tx.only("evidence.waiting")
    progress.waiting = row["count"]
    if row["oldest_at"] is not None and at - row["oldest_at"] > WAITS_MAX:
        text = f"{row['count']} wait for their place, the oldest for more than a minute. Nobody gives them one."
        findings.add("entry-waits", "waiting entries", text)


def _told(body: bytes) -> dict[str, object]:
    try:
        return msgspec.json.decode(body, type=dict[str, object])
    except msgspec.MsgspecError:
        return {}  # the entry has a finding of its own


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0
