"""`imvume verify`: everything that is kept is read again and compared with what the log says of it.

In slices, each with its own transaction and its own place in a sweep: it can be stopped at
any moment and goes on where it was, and memory does not grow with the archive.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from imvume.archive import checking as archive
from imvume.archive.house import House, place_entries
from imvume.archive.storage import SUFFIX
from imvume.archive.sweeping import STRAY_AGE
from imvume.basics.ids import TenantId
from imvume.calls import checking as calls
from imvume.errors import Broken, Conflict
from imvume.evidence import ledger, note
from imvume.evidence.findings import Finding
from imvume.evidence.statement import Statement
from imvume.evidence.verify import Verification
from imvume.staff import checking as staff
from imvume.store import sweeps
from imvume.store.database import Row, Tx
from imvume.subjects import actions as subjects

SLICE = 200  # records a transaction
FINDINGS_MAX = 1_000  # kept with the sweep; whoever has more than that needs a backup, not a list

Told = Callable[[str, int, int], None]  # what is being read, records done, of how many


@dataclass(frozen=True, slots=True)
class Slice:
    """What one transaction found, how many records it read, and where the next begins (None: this part is done)."""

    findings: Sequence[Finding]
    done: int
    after: str | None
    says: Statement | None = None  # what the log alone proves, when it has been read to its end


Part = Callable[[Tx, House, str, bool, datetime], Slice]


class Standing(msgspec.Struct):
    """Where a verification stands: which part, after which record, and what was found so far."""

    part: int = 0
    after: str = ""
    deep: bool = False
    findings: list[tuple[str, str, str]] = msgspec.field(default_factory=list)
    proved: tuple[str, ...] = ()
    not_proved: tuple[str, ...] = ()


@dataclass(slots=True)
class Report:
    """What was read and found. `complete` is False when it was stopped on the way."""

    checked: int
    complete: bool
    findings: list[Finding] = field(default_factory=list)
    proved: tuple[str, ...] = ()
    not_proved: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """PROVEN, NOT PROVEN (stopped on the way) or BROKEN."""
        return "BROKEN" if self.findings else "PROVEN" if self.complete else "NOT PROVEN"


def verify(
    house: House,
    tenant: TenantId,
    *,
    deep: bool,
    now: Callable[[], datetime],
    told: Told,
    stopping: Callable[[], bool],
) -> Report:
    """Read everything of the tenant. deep: decrypt and compare the sound itself, too.

    Goes on with a verification that was stopped, if it was of the same depth. Raises Conflict
    when somebody else verifies this tenant at the moment.
    """
    name = "verify"
    with contextlib.suppress(Broken):  # a log that cannot be added to is what we are about to read
        place_entries(house, tenant, at=now())
    with house.database.transaction(tenant) as tx:
        sweeps.open(tx, name, total=_total(tx), at=now())
        sweep = sweeps.lease(tx, name, at=now())
    if sweep is None:
        raise Conflict(
            "verifying.busy",
            "Somebody verifies this archive at the moment.",
            why="Two readers would tell the same twice.",
            remedy="Wait until it is done, or stop it first.",
        )
    standing = msgspec.json.decode(sweep.cursor, type=Standing) if sweep.cursor else Standing(deep=deep)
    if standing.deep != deep:
        standing = Standing(deep=deep)
    while standing.part < len(PARTS):
        what, part = PARTS[standing.part]
        told(what, sweep.done, sweep.total)
        if stopping() or sweep.stop:
            with house.database.transaction(tenant) as tx:
                sweeps.leave(tx, sweep)
            return _report(sweep, standing, complete=False)
        with house.database.transaction(tenant) as tx:
            slice_ = part(tx, house, standing.after, deep, now())
            for finding in slice_.findings[: FINDINGS_MAX - len(standing.findings)]:
                standing.findings.append((finding.code, finding.about, finding.text))
            if slice_.says:
                standing.proved, standing.not_proved = slice_.says.proved, slice_.says.not_proved
            standing.after = slice_.after or ""
            standing.part += slice_.after is None
            cursor = msgspec.json.encode(standing).decode()
            sweep = sweeps.advance(tx, sweep, cursor=cursor, done=slice_.done, at=now())
    with house.database.transaction(tenant) as tx:
        at = now()
        sweep = sweeps.finish(tx, sweep, at=at)
        report = _report(sweep, standing, complete=True)
        ledger.record(
            tx, "archive.verified", tenant, by=None, at=at, checked=report.checked, findings=len(report.findings)
        )
    return report


def _report(sweep: sweeps.Sweep, standing: Standing, *, complete: bool) -> Report:
    findings = [Finding(*found) for found in standing.findings]
    return Report(sweep.done, complete, findings, standing.proved, standing.not_proved)


def _total(tx: Tx) -> int:
    return int(tx.only("archive.asset_count")["total"])


def _rows(query: Any, key: str, check: Callable[[Tx, House, list[Row], bool], Iterable[Finding]]) -> Part:
    def part(tx: Tx, house: House, after: str, deep: bool, at: datetime) -> Slice:
        rows = tx.all(query, after=UUID(after) if after else UUID(int=0), limit=SLICE)
        findings = list(check(tx, house, rows, deep)) if rows else []
        return Slice(findings, len(rows), str(rows[-1][key]) if len(rows) == SLICE else None)

    return part


def _files(tx: Tx, house: House, after: str, deep: bool, at: datetime) -> Slice:
    rows = tx.all("calls.files_after", after=bytes.fromhex(after), limit=SLICE)
    findings = list(calls.files(tx, house.vault, rows))
    return Slice(findings, len(rows), rows[-1]["mark"].hex() if len(rows) == SLICE else None)


def _sources(tx: Tx, house: House, after: str, deep: bool, at: datetime) -> Slice:
    source, ref = msgspec.json.decode(after, type=tuple[str, str]) if after else ("", "")
    rows = tx.all("calls.sources_after", source=source, ref=ref, limit=SLICE)
    following = msgspec.json.encode((rows[-1]["source"], rows[-1]["source_ref"])).decode() if rows else None
    return Slice(list(calls.sources(tx, rows)), len(rows), following if len(rows) == SLICE else None)


def _log(tx: Tx, house: House, after: str, deep: bool, at: datetime) -> Slice:
    reading = Verification(
        house.database,
        tx.tenant,
        vkeys=[note.vkey(house.vault, tx.tenant)],
        heads_in=house.vault.folder,
        at=at,
        state=after,
    )
    before = reading.entries
    findings = reading.step()
    done = reading.entries - before
    if reading.done:
        return Slice(findings, done, None, reading.statement())
    return Slice(findings, done, reading.state)


def _missing(tx: Tx, house: House, after: str, deep: bool, at: datetime) -> Slice:
    start = int(after) if after else 0
    entries = ledger.told(tx, start=start, limit=SLICE * 10)
    about = [(entry.type, entry.about) for entry in entries]
    findings = [*archive.missing(tx, about), *calls.missing(tx, about), *staff.missing(tx, about)]
    return Slice(findings, len(entries), str(start + len(entries)) if len(entries) == SLICE * 10 else None)


def _strays(tx: Tx, house: House, after: str, deep: bool, at: datetime) -> Slice:
    # An object without a row is what a crash leaves, or a recording that is being sealed; an old one is worth a word.
    listed = list(itertools.islice(house.storage.list(f"t/{tx.tenant}", after=after), SLICE))
    ids = {
        UUID(path.rsplit("/", 1)[1].removesuffix(SUFFIX)): path
        for path, _, written in listed
        if path.endswith(SUFFIX) and written < at - STRAY_AGE
    }
    known = {row["asset_id"] for row in tx.all("archive.assets_known", assets=list(ids))} if ids else set()
    findings = [
        Finding("archive.object.stray", str(id), "An object belongs to no living recording.")
        for id in ids
        if id not in known
    ]
    return Slice(findings, len(listed), listed[-1][0] if len(listed) == SLICE else None)


def _keys(tx: Tx, house: House, after: str, deep: bool, at: datetime) -> Slice:
    findings = [Finding("keys.key.broken", str(id), "A wrapped key does not open.") for id in house.vault.check(tx)]
    findings += [
        Finding("subjects.identifier.changed", str(id), "An identifier of a data subject was changed.")
        for id in subjects.check(tx, house.vault)
    ]
    findings += archive.keys(tx)
    return Slice(findings, 0, None)


def _assets(tx: Tx, house: House, rows: list[Row], deep: bool) -> Iterator[Finding]:
    return archive.assets(tx, house.vault, house.storage, rows, deep=deep)


PARTS: tuple[tuple[str, Part], ...] = (
    ("log", _log),
    ("keys", _keys),
    ("calls", _rows("calls.after", "call_id", lambda tx, house, rows, deep: calls.calls(tx, rows))),
    ("recordings", _rows("archive.assets_after", "asset_id", _assets)),
    (
        "holds",
        _rows(
            "archive.matters_after", "matter_id", lambda tx, house, rows, deep: archive.matters(tx, house.vault, rows)
        ),
    ),
    (
        "destructions",
        _rows(
            "archive.destructions_after", "destruction_id", lambda tx, house, rows, deep: archive.destructions(tx, rows)
        ),
    ),
    ("epochs", _rows("archive.epochs_after", "epoch_id", lambda tx, house, rows, deep: archive.epochs(tx, rows))),
    ("files", _files),
    ("names of calls", _sources),
    ("looks", _rows("staff.accesses_after", "access_id", lambda tx, house, rows, deep: staff.looks(tx, rows))),
    ("missing records", _missing),
    ("objects", _strays),
)
