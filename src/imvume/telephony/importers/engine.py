"""An import: look, let settle, match, take. Stopped anywhere and begun again it loses nothing and doubles nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from imvume.errors import Broken, ImvumeError
from imvume.telephony.importers import match, names, reasons
from imvume.telephony.importers.folder import Entry, Folder, Parts
from imvume.telephony.importers.match import Group, Recording
from imvume.telephony.importers.outcome import Outcome, Teller
from imvume.telephony.importers.records import NoRecords, Records
from imvume.telephony.importers.settle import Settling, being_written
from imvume.telephony.importers.taker import Taker
from imvume.telephony.importers.taking import Taken, Taking
from imvume.telephony.importers.tally import Tally

SLICE_FILES = 1_000  # looked at together: one question to the archive, one or two to the records
AHEAD = 64  # calls waiting for a free worker, so that none is idle while the next slice is looked up
RECORD_WAIT = timedelta(minutes=10)  # cdr.conf writes in batches of 300 s by default: a record may come this late
PATIENCE_SECONDS = 120.0  # a database or a store that restarts is back by then

Listing = tuple[Parts, list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to import and how.

    source: the short name of this PBX. zone, region, outside: how its records and names are read.
    mixed: every file of this PBX holds all voices, whatever its name says (VICIdial).
    move: remove a file once what was sealed of it has been read back. dry: only say what would be done.
    wait_seconds: how long to stay for files that still grow, when all others are done.
    """

    source: str
    zone: ZoneInfo
    region: str
    outside: str = "9"
    mixed: bool = False
    move: bool = False
    dry: bool = False
    settle_seconds: float = 10.0
    wait_seconds: float = 60.0
    workers: int = 2
    patience_seconds: float = PATIENCE_SECONDS


class Import:
    """One folder and its records, imported once or again and again. Call its methods from one thread.

    now: reads the clock; ticks: one that never goes back. stop: when set, the calls in hand
    are finished and no other is begun.
    """

    def __init__(
        self,
        plan: Plan,
        folder: Folder,
        records: Records,
        taker: Taker,
        teller: Teller,
        *,
        now: Callable[[], datetime],
        ticks: Callable[[], float],
        stop: threading.Event,
    ) -> None:
        self._plan, self._folder, self._records, self._taker, self._teller = plan, folder, records, taker, teller
        self._now, self._ticks, self._stop = now, ticks, stop
        self._settling = Settling(plan.settle_seconds, ticks)
        self._taking = Taking(
            folder, taker, move=plan.move, patience_seconds=plan.patience_seconds, now=now, ticks=ticks, stop=stop
        )
        self._tally = Tally(teller)
        self._in_hand: dict[Future[Taken], Group] = {}
        self._given_up: set[Entry] = set()
        self._doubted = False  # whether it was said that the zone seems wrong: once is enough

    def run(self, *, counted: bool = False) -> Outcome:
        """Import all there is, and wait for what still grows as long as the plan says.

        counted: count the files first, so that progress can tell how many there are.
        What ends it early is in the outcome's `error`; what was taken by then stays taken.
        """
        self._tally = Tally(self._teller)
        if counted:
            self._count()
        self._given_up.clear()
        self._pass(self._folder.walk(self._tally.refuse))
        until = self._ticks() + self._plan.wait_seconds
        while self._tally.waiting and not self._plan.dry and self._ticks() < until and not self._tally.outcome.error:
            if self._stop.wait(min(1.0, max(0.05, self._plan.settle_seconds / 4))):
                break
            again = [(parts, list(files)) for parts, files in self._tally.waiting.items()]
            self._tally.waiting.clear()
            self._pass(again)
        return self._tally.end(stopped=self._stop.is_set())

    def once(self, skip: Callable[[Parts, int], bool]) -> Outcome:
        """One pass, staying for nothing. What was refused in an earlier pass and is unchanged is not tried again.

        skip: as for `Folder.walk`, to pass over folders in which nothing changed.
        """
        self._tally = Tally(self._teller)
        self._pass(self._folder.walk(self._tally.refuse, skip=skip))
        self._given_up |= self._tally.refused
        self._settling.forget()
        return self._tally.end(stopped=self._stop.is_set())

    def forget(self) -> None:
        """Forget what was refused: the next pass tries everything again."""
        self._given_up.clear()

    def unsettled(self) -> set[Parts]:
        """The folders in which something is left for the next pass."""
        return set(self._tally.waiting)

    def _count(self) -> None:
        for parts, found in self._folder.walk(lambda path, error: None):
            for entry in self._folder.look(parts, found, lambda path, error: None):
                self._tally.of_files += 1
                self._tally.of_bytes += entry.size
            if self._stop.is_set():
                return

    def _pass(self, listings: Iterable[Listing]) -> None:
        with ThreadPoolExecutor(self._plan.workers, "import") as pool:
            try:
                for parts, some in (slice for listing in listings for slice in _slices(*listing)):
                    if self._stop.is_set():
                        break
                    self._slice(pool, parts, some)
            except ImvumeError as error:
                self._tally.outcome.error = error
            except BaseException:
                self._stop.set()  # so that what waits for a worker is not begun before this is heard
                raise
            finally:
                self._finish()

    def _slice(self, pool: ThreadPoolExecutor, parts: Parts, some: Sequence[str]) -> None:
        at = self._now()
        found = self._folder.look(parts, some, self._tally.refuse)
        marks = {entry: self._mark(entry) for entry in found if entry not in self._given_up}
        seen = self._taking.patiently(lambda: self._taker.seen(list(marks.values())))
        for entry, mark in marks.items():
            if mark in seen:
                self._skip(entry, mark)
        fresh = [entry for entry, mark in marks.items() if mark not in seen]
        busy = being_written(fresh, beneath=str(self._folder.path), at=at)
        ready = list[Recording]()
        for recording in match.recordings(fresh):
            # Each is asked, whatever the first says: a file is watched from when it was first seen.
            still = [self._settling.settled(entry, at=at) for entry, _ in recording.files]
            if not all(still) or any((entry.device, entry.inode) in busy for entry, _ in recording.files):
                for entry, _ in recording.files:
                    self._tally.wait(entry, "growing")
            elif full := self._without_empty(recording):
                ready.append(full)
        for group in self._groups(ready, at):
            self._submit(pool, group, marks)
        self._tally.told()

    def _groups(self, ready: Sequence[Recording], at: datetime) -> Iterator[Group]:
        if not ready:
            return
        plan = self._plan
        wants = [match.want(recording, plan.zone) for recording in ready]
        records = self._taking.patiently(lambda: self._records.find(wants))
        while self._records.refused:
            self._tally.refuse("", self._records.refused.pop(0))
        if not self._doubted and (off := match.zone_doubt(records)):
            self._doubted = True
            self._tally.note("", reasons.other_zone(off))
        groups, left = match.calls(ready, records, zone=plan.zone, mark=self._ref)
        yield from groups
        for recording in left:
            if not isinstance(self._records, NoRecords) and at - recording.newest < RECORD_WAIT:
                for entry, _ in recording.files:
                    self._tally.wait(entry, "record")
                continue
            yield match.unrecorded(
                recording,
                source=plan.source,
                zone=plan.zone,
                region=plan.region,
                outside=plan.outside,
                mixed=plan.mixed,
                mark=self._ref(recording),
            )

    def _submit(self, pool: ThreadPoolExecutor, group: Group, marks: Mapping[Entry, bytes]) -> None:
        if self._plan.dry:
            self._tally.would_take([part.entry for part in group.parts])
            return
        ref = group.facts.source_ref
        # Two parts of one call at once would both find that it is new.
        wait([future for future, other in self._in_hand.items() if other.facts.source_ref == ref])
        while len(self._in_hand) >= AHEAD and not self._stop.is_set():
            wait(self._in_hand, timeout=0.5, return_when=FIRST_COMPLETED)
            self._collect()
        if not self._stop.is_set():
            own = {part.entry: marks[part.entry] for part in group.parts}
            self._in_hand[pool.submit(self._taking.take, group, own)] = group
        self._collect()

    def _collect(self) -> None:
        """Book what the workers are done with. Raises what no file is to blame for."""
        for future in [future for future in self._in_hand if future.done()]:
            del self._in_hand[future]
            if not future.cancelled():
                taken = future.result()
                self._tally.book(taken)
                self._tally.told()
                if taken.error is not None:
                    raise taken.error

    def _finish(self) -> None:
        """Wait for the calls in hand; those that no worker began are left for the next time if we are to stop."""
        while self._in_hand:
            if self._stop.is_set() or self._tally.outcome.error is not None:
                for future in self._in_hand:
                    future.cancel()
            wait(self._in_hand, timeout=0.5, return_when=FIRST_COMPLETED)
            try:
                self._collect()
            except ImvumeError as error:
                self._tally.outcome.error = self._tally.outcome.error or error

    def _skip(self, entry: Entry, mark: bytes) -> None:
        self._tally.skip(entry)
        if self._plan.move and not self._plan.dry:
            error = self._taking.remove(entry, mark)
            if error is None:
                self._tally.outcome.removed += 1
            elif isinstance(error, Broken):
                raise error
            else:
                self._tally.note(entry.path, error)

    def _without_empty(self, recording: Recording) -> Recording | None:
        for entry, _ in recording.files:
            if entry.size == 0:
                self._tally.refuse(entry.path, reasons.empty(), entry)
        full = tuple(file for file in recording.files if file[0].size)
        return Recording(recording.stem, full) if full else None

    def _mark(self, entry: Entry) -> bytes:
        place = names.text(f"{self._folder.path}/{entry.path}")
        return self._taker.mark("file", self._plan.source, place, str(entry.size), str(entry.changed_ns))

    def _ref(self, recording: Recording) -> str:
        place = names.text("/".join((str(self._folder.path), *recording.files[0][0].parts, recording.stem)))
        return "file-" + self._taker.mark("recording", self._plan.source, place).hex()


def _slices(parts: Parts, found: Sequence[str]) -> Iterator[Listing]:
    """The files of one folder in slices by time: each asks for the records of a short while. Halves stay together."""
    some, last = list[str](), ""
    for (_, stem), name in sorted((_place(name), name) for name in found):
        if len(some) >= SLICE_FILES and stem != last:
            yield parts, some
            some = []
        some.append(name)
        last = stem
    if some:
        yield parts, some


def _place(name: str) -> tuple[float, str]:
    read = names.read(name)
    written = read.written.replace(tzinfo=UTC).timestamp() if read.written else 0.0
    return float(read.epoch or written), read.stem
