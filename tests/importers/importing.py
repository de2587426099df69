"""A folder, a house, imports of the one into the other, and a taker that fails when a test wants it to."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from pathlib import Path

from pbx import ZONE, at, channel, sound

from imvume.archive.house import House
from imvume.basics import clock
from imvume.basics.ids import CallId, TenantId
from imvume.calls import search
from imvume.calls.actions import TakenIn
from imvume.calls.facts import CallFacts, Piece
from imvume.errors import BadInput
from imvume.store.database import Row
from imvume.telephony.importers.engine import Import, Plan
from imvume.telephony.importers.folder import Folder
from imvume.telephony.importers.outcome import Outcome, Progress, Remark
from imvume.telephony.importers.records import NoRecords, Records, Want
from imvume.telephony.importers.taker import HouseTaker, Taker
from imvume.telephony.importers.translate import Record


class Told:
    """A Teller who remembers."""

    def __init__(self) -> None:
        self.progresses: list[Progress] = []
        self.refusals: list[Remark] = []
        self.notes: list[Remark] = []

    def progress(self, progress: Progress) -> None:
        self.progresses.append(progress)

    def refused(self, remark: Remark) -> None:
        self.refusals.append(remark)

    def noted(self, remark: Remark) -> None:
        self.notes.append(remark)


class Given:
    """Records that a test gives. `before` is called with each question."""

    def __init__(self, *records: Record) -> None:
        self.refused: list[BadInput] = []
        self.before: Callable[[Sequence[Want]], None] = lambda wants: None
        self._records = records

    def find(self, wants: Sequence[Want]) -> Sequence[Record]:
        self.before(wants)
        keys = {key for want in wants for key in want.keys}
        return [record for record in self._records if keys & (record.ids | record.files)]

    def close(self) -> None:
        pass


class Faulty:
    """A taker that does what a test says before the real one is asked, and remembers what was taken."""

    def __init__(self, inner: Taker) -> None:
        self.inner = inner
        self.before: Callable[[CallFacts], None] = lambda facts: None
        self.confirming: Callable[[], None] = lambda: None
        self.taken: list[str] = []

    def mark(self, *parts: str) -> bytes:
        return self.inner.mark(*parts)

    def seen(self, marks: Collection[bytes]) -> set[bytes]:
        return self.inner.seen(marks)

    def inspect(self, piece: Piece) -> None:
        self.inner.inspect(piece)

    def take_in(self, facts: CallFacts, pieces: Sequence[Piece], *, at: datetime) -> TakenIn:
        self.before(facts)
        taken = self.inner.take_in(facts, pieces, at=at)
        self.taken.append(facts.source_ref)
        return taken

    def confirm(self, mark: bytes) -> None:
        self.confirming()
        self.inner.confirm(mark)


class Bench:
    """A folder at `path`, a house, and what imports of the one into the other made."""

    def __init__(self, path: Path, house: House, tenant: TenantId) -> None:
        self.path, self.house, self.tenant = path, house, tenant
        self.taker = Faulty(HouseTaker(house, tenant))
        self.stop = threading.Event()
        self.told = Told()
        self._opened: list[Folder] = []

    def importing(self, records: Records | None = None, **plan: object) -> Import:
        """An import with short waits."""
        self._opened.append(Folder(self.path))
        values: dict[str, object] = {"source": "pbx", "zone": ZONE, "region": "ZA", "settle_seconds": 0.2}
        values |= {"wait_seconds": 0.0, "patience_seconds": 0.0} | plan
        return Import(
            Plan(**values),  # type: ignore[arg-type]  # a test's own
            self._opened[-1],
            records or NoRecords(),
            self.taker,
            self.told,
            now=clock.now,
            ticks=time.monotonic,
            stop=self.stop,
        )

    def run(self, records: Records | None = None, **plan: object) -> Outcome:
        """One import."""
        return self.importing(records, **plan).run()

    def sound(self, name: str, *, age: float = 3600, seconds: float = 0.4, pitch: float = 440.0) -> Path:
        """A recording in the folder, last changed so long ago."""
        path = sound(self.path / name, seconds=seconds, pitch=pitch)
        self.age(path, age)
        return path

    def age(self, path: Path, seconds: float) -> None:
        """Let a file have been changed so long ago."""
        then = time.time() - seconds
        os.utime(path, (then, then))

    def calls(self) -> list[search.Found]:
        """The calls in the house, the newest first."""
        with self.house.database.transaction(self.tenant) as tx:
            return list(search.find(tx, self.house.vault, search.Question(), limit=100).calls)

    def legs(self, call: CallId) -> list[str]:
        """Whose voices are sealed of a call."""
        with self.house.database.transaction(self.tenant) as tx:
            assets = search.card(tx, self.house.vault, call).assets
        return sorted(str(asset["role"]) for asset in assets if asset["kind"] != "waveform")

    def row(self, call: CallId) -> Row:
        """The row of a call."""
        with self.house.database.transaction(self.tenant) as tx:
            return tx.only("calls.get", call=call)

    def close(self) -> None:
        """Let go of every folder."""
        for folder in self._opened:
            folder.close()


def known(n: int, *, files: tuple[str, ...] = ()) -> Record:
    """The record of the n-th call."""
    facts = CallFacts("pbx", channel(n), at(n), at(n, 5), at(n, 50), "in", queue="600", disposition="answered")
    return Record(facts, frozenset({channel(n)}), frozenset(files), {channel(n): "caller"}, channel(n))


def codes(outcome: Outcome) -> dict[str, str]:
    """What was refused, by file."""
    return {remark.file: remark.error.code for remark in outcome.refusals}


def notes(outcome: Outcome) -> dict[str, str]:
    """What was noted, by file."""
    return {remark.file: remark.error.code for remark in outcome.notes}
