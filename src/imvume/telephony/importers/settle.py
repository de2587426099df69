"""Which recordings have come to rest: nobody writes them, and they have not changed for a while."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta

from imvume.telephony.importers.folder import Entry

_OWN = timedelta(days=1)  # files older than this are not looked for among those that are open


class Settling:
    """Remembers files that may still grow, and says when they no longer do.

    seconds: how long size and time must stay the same. ticks: a clock that never goes back;
    the wall clock is asked only about files that have long been still.
    """

    def __init__(self, seconds: float, ticks: Callable[[], float]) -> None:
        self._seconds, self._ticks = seconds, ticks
        self._watched: dict[tuple[int, int], tuple[int, int, float]] = {}

    def settled(self, entry: Entry, *, at: datetime) -> bool:
        """Whether `entry` has come to rest. at: now; a file from the future is watched until it stands still."""
        age = at.timestamp() - entry.changed_ns / 1e9
        key = entry.device, entry.inode
        seen = self._watched.get(key)
        if age >= self._seconds and (seen is None or seen[:2] == (entry.size, entry.changed_ns)):
            self._watched.pop(key, None)
            return True
        now = self._ticks()
        if seen is None or seen[:2] != (entry.size, entry.changed_ns):
            self._watched[key] = entry.size, entry.changed_ns, now
            return False
        if now - seen[2] < self._seconds:
            return False
        del self._watched[key]
        return True

    def forget(self) -> None:
        """Forget files that have not come by for long, so that memory does not grow with what is deleted."""
        limit = self._ticks() - 100 * max(self._seconds, 36.0)
        self._watched = {key: seen for key, seen in self._watched.items() if seen[2] > limit}


def being_written(entries: Iterable[Entry], *, beneath: str, at: datetime) -> frozenset[tuple[int, int]]:
    """Those of `entries`, by device and inode, that another process has open for writing, where that can be seen.

    beneath: the real path of the folder. MixMonitor with option b writes nothing while a
    caller is on hold, for minutes: only the open descriptor tells that the call goes on.
    Processes of other users are seen by root alone; other machines' by nobody.
    """
    since = (at - _OWN).timestamp() * 1e9
    young = {(entry.device, entry.inode) for entry in entries if entry.changed_ns > since}
    if not young or not os.path.isdir("/proc/self/fd"):
        return frozenset()
    return frozenset(young & _written(beneath))


def _written(beneath: str) -> set[tuple[int, int]]:
    found: set[tuple[int, int]] = set()
    for process in os.listdir("/proc"):
        if not process.isdigit():
            continue
        with suppress(OSError):  # it ended, or it is not ours to look into
            for fd in os.listdir(f"/proc/{process}/fd"):
                with suppress(OSError):
                    if os.readlink(f"/proc/{process}/fd/{fd}").startswith(beneath) and _for_writing(process, fd):
                        there = os.stat(f"/proc/{process}/fd/{fd}")
                        found.add((there.st_dev, there.st_ino))
    return found


def _for_writing(process: str, fd: str) -> bool:
    with open(f"/proc/{process}/fdinfo/{fd}", encoding="ascii") as lines:
        flags = next((line.split()[1] for line in lines if line.startswith("flags:")), "0")
    return int(flags, 8) & os.O_ACCMODE != os.O_RDONLY
