"""One call at a time from its files into the archive, by a worker's hand."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TypeVar

from imvume.basics.boundaries import passed
from imvume.calls.actions import TakenIn
from imvume.calls.facts import CallFacts, Piece
from imvume.errors import BadInput, Broken, Conflict, ImvumeError, Refused, Unavailable
from imvume.telephony.importers import names
from imvume.telephony.importers.folder import Entry, Folder
from imvume.telephony.importers.match import Group, Part
from imvume.telephony.importers.taker import Taker

T = TypeVar("T")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 8.0  # between two tries while a database or a store is away


@dataclass(slots=True)
class Taken:
    """What became of one group. `error` is what no file is to blame for: it ends the import."""

    entries: list[Entry] = field(default_factory=list)
    fresh: bool = False
    removed: int = 0
    audio_seconds: float = 0.0
    alone: bool = False
    changed: list[Entry] = field(default_factory=list)  # to be tried again when they have come to rest
    refused: list[tuple[Entry, ImvumeError]] = field(default_factory=list)
    notes: list[tuple[Entry, ImvumeError]] = field(default_factory=list)
    error: ImvumeError | None = None


class Taking:
    """Takes groups in for one import. Safe to share between threads.

    move: remove each file once what was sealed of it has been read back.
    patience_seconds: how long a database or a store may be away before we give up.
    """

    def __init__(
        self,
        folder: Folder,
        taker: Taker,
        *,
        move: bool,
        patience_seconds: float,
        now: Callable[[], datetime],
        ticks: Callable[[], float],
        stop: threading.Event,
    ) -> None:
        self._folder, self._taker, self._move, self._patience = folder, taker, move, patience_seconds
        self._now, self._ticks, self._stop = now, ticks, stop

    def take(self, group: Group, marks: Mapping[Entry, bytes]) -> Taken:
        """Take one call. A file that is no recording is refused alone; the others of its call are taken."""
        taken, parts = Taken(), list(group.parts)
        while parts:
            try:
                done = self.patiently(partial(self._take_in, group.facts, parts, marks))
            except (BadInput, Refused) as error:
                bad = self._bad(parts) if len(parts) > 1 else []
                taken.refused += bad or [(part.entry, error) for part in parts]
                refused = {entry for entry, _ in taken.refused}
                parts = [part for part in parts if part.entry not in refused]
                continue
            except Conflict:  # it changed under us, or somebody else was at the same call thrice: both pass
                taken.changed += [part.entry for part in parts]
                break
            except ImvumeError as error:
                taken.error = error
                break
            taken.entries = [part.entry for part in parts]
            taken.fresh, taken.audio_seconds = done.fresh, done.seconds
            taken.alone = group.alone or (bool(taken.refused) and len({part.role for part in parts} - {"both"}) == 1)
            if self._move:
                self._remove(taken, marks)
            break
        return taken

    def remove(self, entry: Entry, mark: bytes) -> ImvumeError | None:
        """Remove a file that was taken, once what was sealed of it has been read back; or say why it stays."""
        try:
            self.patiently(lambda: self._taker.confirm(mark))
            passed("move.confirmed")
            self._folder.remove(entry)
            passed("move.removed")
        except ImvumeError as error:
            return error
        return None

    def patiently(self, ask: Callable[[], T]) -> T:
        """What `ask` answers, asked again while a part of the house is away. Raises Unavailable when patience ends."""
        until, pause = self._ticks() + self._patience, _FIRST_PAUSE
        while True:
            try:
                return ask()
            except Unavailable:
                if self._ticks() + pause > until or self._stop.wait(pause):
                    raise
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _take_in(self, facts: CallFacts, parts: Sequence[Part], marks: Mapping[Entry, bytes]) -> TakenIn:
        with ExitStack() as opened:
            pieces = [self._open(part, marks.get(part.entry, b""), opened) for part in parts]
            return self._taker.take_in(facts, pieces, at=self._now())

    def _open(self, part: Part, mark: bytes, opened: ExitStack) -> Piece:
        file, check = self._folder.open(part.entry)
        opened.callback(file.close)
        name = names.text(part.entry.name)
        return Piece(part.role, file, name, part.entry.size, left=part.left, mark=mark, check=check)

    def _bad(self, parts: Sequence[Part]) -> list[tuple[Entry, ImvumeError]]:
        """Those of several files that cannot be taken, each with its own reason."""
        found: list[tuple[Entry, ImvumeError]] = []
        for part in parts:
            try:
                with ExitStack() as opened:
                    self._taker.inspect(self._open(part, b"", opened))
            except (BadInput, Refused) as error:
                found.append((part.entry, error))
        return found

    def _remove(self, taken: Taken, marks: Mapping[Entry, bytes]) -> None:
        for entry in taken.entries:
            error = self.remove(entry, marks[entry])
            if error is None:
                taken.removed += 1
            elif isinstance(error, Broken):
                taken.error = error  # what we hold is not what we sealed: nothing more may be removed
                return
            else:
                taken.notes.append((entry, error))
