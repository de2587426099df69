"""What became of the files that an import looked at, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from imvume.errors import ImvumeError
from imvume.telephony.importers.names import shown

NAMED_MAX = 10_000  # files kept by name until the end; each is told of when it happens, however many there are


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to be said about one file; its path beneath the folder is fit for a terminal, never for a log."""

    file: str = field(repr=False)
    error: ImvumeError

    def as_dict(self) -> dict[str, str]:
        """For `--json`."""
        return {"file": self.file, **self.error.as_dict()}


@dataclass(slots=True)
class Outcome:
    """Counts of files, and of calls where it says so. Every file looked at is in exactly one of the first four."""

    taken: int = 0
    skipped: int = 0  # taken before
    waiting: int = 0  # still growing, or its record is not there yet
    refused: int = 0
    calls: int = 0  # new ones
    removed: int = 0
    audio_seconds: float = 0.0
    bytes: int = 0  # of the files taken
    stopped: bool = False
    error: ImvumeError | None = None  # what ended it before its end
    refusals: list[Remark] = field(default_factory=list)
    notes: list[Remark] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether nothing is left to do or to mend."""
        return not (self.refused or self.waiting or self.stopped or self.error)

    def as_dict(self) -> dict[str, Any]:
        """The one object of `--json`."""
        return {
            "taken": self.taken,
            "skipped": self.skipped,
            "waiting": self.waiting,
            "refused": [remark.as_dict() for remark in self.refusals],
            "refused_count": self.refused,
            "noted": [remark.as_dict() for remark in self.notes],
            "calls": self.calls,
            "removed": self.removed,
            "audio_hours": round(self.audio_seconds / 3600, 3),
            "bytes": self.bytes,
            "stopped": self.stopped,
            "error": self.error.as_dict() if self.error else None,
        }


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is: files and bytes whose fate is known, of those there are; 0 of 0 while they are counted."""

    files: int
    of_files: int
    bytes: int
    of_bytes: int
    audio_seconds: float


class Teller(Protocol):
    """Who is told how it goes. Called from one thread."""

    def progress(self, progress: Progress) -> None:
        """Some more files are done."""

    def refused(self, remark: Remark) -> None:
        """A file, or a line of the records, cannot be taken; it stays where it is."""

    def noted(self, remark: Remark) -> None:
        """A file was taken, or waits, and there is something to say about it."""


class Nobody:
    """A Teller who keeps it to himself."""

    def progress(self, progress: Progress) -> None:
        """Nothing."""

    def refused(self, remark: Remark) -> None:
        """Nothing."""

    def noted(self, remark: Remark) -> None:
        """Nothing."""


def remark(path: str, error: ImvumeError) -> Remark:
    """A remark about the file at `path`, whatever signs its name is made of."""
    return Remark(shown(path), error)
