"""What a reading of a log has found so far, and where it stands: a few hundred bytes, whatever the log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from imvume.errors import BadInput

TOLD_MAX: Final = 100  # findings of one code that are told one by one; after that they are counted


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was signed.

    code: stable: "evidence.verify.entry-altered". about: "entry 17", "tile 0/3", "checkpoint 400".
    text: one or two sentences; like the log itself it holds nothing personal.
    """

    code: str
    about: str
    text: str


class Progress(msgspec.Struct):
    """Where a reading stands. It is kept as text between slices; whoever can change that can make it lie."""

    target: int  # entries under the newest good checkpoint when it began
    root: bytes  # of that checkpoint
    size: int = 0  # entries read so far
    peaks: list[bytes] = []  # the tree over them
    since: int = 0  # size of the last checkpoint that was met
    good: int = 0  # of the last one whose root was found again
    lost: bool = False  # whether an entry and its tile are both gone, so that no later root can be counted
    fitting: int = 0  # checkpoints that are signed, in order, and fit their entries
    stamps: int = 0
    later: int = 0  # entries that came while it was read
    waiting: int = 0
    forsaken: int = 0  # entries that were lost in a restore, as the log itself tells
    head: int = 0  # size of the head outside the database that was compared; 0 if there was none
    ended: bool = False
    found: dict[str, int] = {}

    def text(self) -> str:
        """As JSON."""
        return msgspec.json.encode(self).decode("ascii")

    @classmethod
    def read(cls, text: str) -> Progress:
        """What `text` wrote. Raises BadInput `evidence.verify.state`."""
        try:
            return msgspec.json.decode(text, type=cls)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise BadInput(
                "evidence.verify.state",
                "The verification cannot go on from where it was.",
                why="What was written down about it cannot be read.",
                remedy="Begin it anew.",
            ) from error


class Findings:
    """Collects findings for one slice. found: counts by code, which outlive the slice."""

    def __init__(self, found: dict[str, int]) -> None:
        self._found = found
        self._new: list[Finding] = []

    def add(self, code: str, about: str, text: str, *, count: int = 1) -> None:
        """One finding. After TOLD_MAX of its code it is counted and no longer told."""
        before = self._found.get(code, 0)
        self._found[code] = before + count
        if before < TOLD_MAX:
            self._new.append(Finding(f"evidence.verify.{code}", about, text))

    @property
    def count(self) -> int:
        """How many things were found, told or only counted."""
        return sum(self._found.values())

    def taken(self) -> list[Finding]:
        """What was found since this was last asked."""
        new, self._new = self._new, []
        return new
