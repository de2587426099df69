"""What a verification proved and what it did not, in words. No claim beyond the evidence."""

from __future__ import annotations

from dataclasses import dataclass

from imvume.evidence.findings import Progress


@dataclass(frozen=True, slots=True)
class Statement:
    """The end of a verification. `found` is how many things are not as they were signed."""

    entries: int
    found: int
    proved: tuple[str, ...]
    not_proved: tuple[str, ...]

    @property
    def text(self) -> str:
        """All of it, to be printed."""
        lines = ["Proved:", *(f"- {line}" for line in self.proved or ("Nothing.",))]
        lines += ["Not proved:", *(f"- {line}" for line in self.not_proved)]
        return "\n".join(lines)


def statement(progress: Progress, *, kept_outside: bool, trusted: bool) -> Statement:
    """What may be said after a reading that stands at `progress`.

    kept_outside: there was a folder with heads to compare with. trusted: there were roots for time-stamps.
    """
    found = sum(progress.found.values())
    return Statement(
        entries=progress.size,
        found=found,
        proved=tuple(_proved(progress, found, trusted=trusted)),
        not_proved=tuple(_not_proved(progress, found, kept_outside=kept_outside, trusted=trusted)),
    )


def _proved(p: Progress, found: int, *, trusted: bool) -> list[str]:
    said: list[str] = []
    if p.size and not found:
        said.append(
            f"Each of the {p.size} entries was read and hashed again, from its bytes to the root that was signed; "
            "none is missing, added, moved or changed, and every column of its row says what its bytes say."
        )
    elif p.good:
        said.append(f"The first {p.good} entries, as far as no finding names them, give a root that was signed.")
    if p.fitting:
        said.append(f"{p.fitting} checkpoints are signed by the log's key and fit the entries they cover.")
    if p.head and not found:
        said.append(f"The log holds the {p.head} entries of the head that is kept outside the database.")
    if p.stamps and not found:
        who = "and their certificates descend from those that are trusted here" if trusted else "as their bytes say"
        said.append(f"{p.stamps} time-stamps are of checkpoints of this log, {who}.")
    return said


def _not_proved(p: Progress, found: int, *, kept_outside: bool, trusted: bool) -> list[str]:
    said: list[str] = []
    if found:
        said.append(f"That the log is whole: {found} things are not as they were signed.")
    if p.lost:
        said.append("Anything about the tree after the first entry that is gone together with its tile.")
    if not p.ended:
        said.append("Anything about what has not been read yet: this verification has not ended.")
    if p.forsaken:
        said.append(f"What stood in {p.forsaken} entries that were lost when the database was restored.")
    if p.later:
        said.append(
            f"Anything about {p.later} entries that came while this was read; the next verification reads them."
        )
    if p.waiting:
        said.append(f"Anything about {p.waiting} entries that wait for their place in the log.")
    if not kept_outside or not p.head:
        said.append("That nothing was cut off at the end: there was no head outside the database to compare with.")
    else:
        said.append(
            "That nothing was cut off after the head that is kept outside the database, or together with that file; "
            "a witness or a time-stamp elsewhere would show it."
        )
    if not p.stamps:
        said.append("When anything was written: the times in the log are our own clock's.")
    elif not trusted:
        said.append("Who signed the time-stamps: no root certificates were given.")
    said.append("That nobody was shown another log under the same key; compare checkpoints with others who have some.")
    said.append("That what an entry says is true, or that everything that happened was said.")
    return said
