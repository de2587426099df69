"""Keeping count while an import runs, and telling whoever watches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from imvume.errors import ImvumeError
from imvume.telephony.importers import reasons
from imvume.telephony.importers.folder import Entry, Parts
from imvume.telephony.importers.outcome import NAMED_MAX, Outcome, Progress, Remark, Teller, remark
from imvume.telephony.importers.reasons import Why
from imvume.telephony.importers.taking import Taken


class Tally:
    """The count of one import. Used by one thread.

    of_files, of_bytes: how much there is, where it was counted before.
    refused: the files that cannot be taken. waiting: by folder and name, what is left for the next look, and why.
    """

    def __init__(self, teller: Teller) -> None:
        self.outcome = Outcome()
        self.waiting: dict[Parts, dict[str, Why]] = defaultdict(dict)
        self.refused: set[Entry] = set()
        self.of_files = self.of_bytes = 0
        self._files = self._bytes = 0
        self._teller = teller

    def refuse(self, path: str, error: ImvumeError, entry: Entry | None = None) -> None:
        """A file, or a line of the records where `path` is empty, cannot be taken."""
        self.outcome.refused += 1
        if entry is not None:
            self.refused.add(entry)
            self._done([entry])
        said = remark(path, error)
        _keep(self.outcome.refusals, said)
        self._teller.refused(said)

    def note(self, path: str, error: ImvumeError) -> None:
        """There is something to say of a file that is not refused."""
        said = remark(path, error)
        _keep(self.outcome.notes, said)
        self._teller.noted(said)

    def wait(self, entry: Entry, why: Why) -> None:
        """The file is left for the next look."""
        self.waiting[entry.parts][entry.name] = why

    def skip(self, entry: Entry) -> None:
        """The file was taken before."""
        self.outcome.skipped += 1
        self._done([entry])

    def would_take(self, entries: Sequence[Entry]) -> None:
        """A call that would be taken, were this not a dry run."""
        self.outcome.calls += 1
        self._take(entries)

    def book(self, taken: Taken) -> None:
        """What a worker made of a call."""
        self.outcome.calls += taken.fresh
        self.outcome.removed += taken.removed
        self.outcome.audio_seconds += taken.audio_seconds
        self._take(taken.entries)
        for entry, error in taken.refused:
            self.refuse(entry.path, error, entry)
        for entry, error in taken.notes:
            self.note(entry.path, error)
        for entry in taken.changed:
            self.wait(entry, "growing")
        if taken.alone and taken.entries:
            self.note(taken.entries[0].path, reasons.half_alone())

    def told(self) -> None:
        """Tell how far it is."""
        self._teller.progress(
            Progress(self._files, self.of_files, self._bytes, self.of_bytes, self.outcome.audio_seconds)
        )

    def end(self, *, stopped: bool) -> Outcome:
        """The outcome, with what still waits named in it."""
        for parts, files in self.waiting.items():
            for name, why in files.items():
                self.outcome.waiting += 1
                self.note("/".join((*parts, name)), reasons.waits(why))
        self.outcome.stopped = stopped
        self.told()
        return self.outcome

    def _take(self, entries: Sequence[Entry]) -> None:
        self.outcome.taken += len(entries)
        self.outcome.bytes += sum(entry.size for entry in entries)
        self._done(entries)

    def _done(self, entries: Sequence[Entry]) -> None:
        self._files += len(entries)
        self._bytes += sum(entry.size for entry in entries)


def _keep(kept: list[Remark], said: Remark) -> None:
    if len(kept) < NAMED_MAX:
        kept.append(said)
