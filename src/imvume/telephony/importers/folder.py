"""A folder of recordings, walked and opened beneath its own descriptor, so that no name in it leads out.

Whoever may write into that folder (a PBX, a script, an agent with a share) chooses the names
in it. So nothing is opened by a path: each step is one name beneath the folder before it, a
link is never followed, and nothing is waited for that may never answer.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from imvume.errors import BadInput, Conflict, ImvumeError, NotFound
from imvume.telephony.importers.names import is_recording

DEPTH_MAX = 32  # folders in folders; year, month and day make three
READ_BYTES = 1 << 18

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # NONBLOCK: opening a FIFO must not hold us

Parts = tuple[str, ...]
Refuse = Callable[[str, ImvumeError], None]  # told the path beneath the folder, and what is wrong there


@dataclass(frozen=True, slots=True)
class Entry:
    """One file as it was looked at: where it lies beneath the folder, and what would tell another in its place."""

    parts: Parts = field(repr=False)
    name: str = field(repr=False)
    device: int
    inode: int
    size: int
    changed_ns: int  # its mtime

    @property
    def path(self) -> str:
        """The path beneath the folder. It may hold people's numbers: for the operator's eyes, never for a log."""
        return "/".join((*self.parts, self.name))

    def is_still(self, there: os.stat_result) -> bool:
        """Whether `there` is this very file, and as it was."""
        now = (there.st_dev, there.st_ino, there.st_size, there.st_mtime_ns)
        return stat.S_ISREG(there.st_mode) and now == (self.device, self.inode, self.size, self.changed_ns)


class Folder:
    """The folder that the operator named. Safe to share between threads."""

    def __init__(self, path: Path) -> None:
        """Open the folder; a link is followed here, and only here. Raises NotFound where there is none to read."""
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise NotFound(
                "telephony.folder.none",
                "The folder of recordings cannot be opened.",
                why=f"{os.strerror(error.errno or 0)}.",
                remedy="Check its path and that this user may read it.",
            ) from error
        self.path = Path(os.path.realpath(path))

    def walk(
        self, refuse: Refuse, *, skip: Callable[[Parts, int], bool] = lambda parts, changed: False
    ) -> Iterator[tuple[Parts, list[str]]]:
        """Each folder with the names of the recordings in it, the names sorted; parents come before children.

        Links that lead out, FIFOs, sockets and devices are told to `refuse`; a link to another
        place within is passed over, for what it leads to comes by under its own name.
        skip: asked for each folder with its mtime; True passes over its files, not over its folders.
        """
        waiting: list[Parts] = [()]
        while waiting:
            parts = waiting.pop()
            names, folders = list[str](), list[str]()
            try:
                with self._folder(parts) as fd:
                    changed = os.fstat(fd).st_mtime_ns
                    with os.scandir(fd) as entries:
                        for entry in entries:
                            self._sort(parts, entry, names, folders, refuse)
            except OSError as error:
                if not parts:
                    raise _unreadable(error) from error
                self._lost("/".join(parts), error, refuse)
                continue
            if not skip(parts, changed):
                yield parts, sorted(names)
            if len(parts) < DEPTH_MAX:
                waiting.extend((*parts, name) for name in sorted(folders, reverse=True))
            elif folders:
                refuse("/".join((*parts, folders[0])), _too_deep())

    def look(self, parts: Parts, names: Sequence[str], refuse: Refuse) -> Iterator[Entry]:
        """Look at files of one folder. What has gone is left out; what is no ordinary file is told to `refuse`."""
        try:
            with self._folder(parts) as fd:
                for name in names:
                    try:
                        there = os.stat(name, dir_fd=fd, follow_symlinks=False)
                    except OSError as error:
                        self._lost("/".join((*parts, name)), error, refuse)
                        continue
                    if not stat.S_ISREG(there.st_mode):
                        refuse("/".join((*parts, name)), _no_file(there.st_mode))
                        continue
                    yield Entry(parts, name, there.st_dev, there.st_ino, there.st_size, there.st_mtime_ns)
        except OSError as error:
            self._lost("/".join(parts), error, refuse)

    def open(self, entry: Entry) -> tuple[BinaryIO, Callable[[], None]]:
        """The file, and a check that it still is what was looked at, to be made once more when it has been read.

        Raises Conflict if it was changed or replaced since `look`, BadInput if it cannot be read.
        Every read checks too: what grows under us is not taken in half.
        """
        try:
            with self._folder(entry.parts) as folder:
                fd = os.open(entry.name, _FILE, dir_fd=folder)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENOTDIR, errno.ENXIO):
                raise _changed() from error
            raise _unreadable(error) from error
        file = _Checked(fd, entry)
        try:
            file.check()
        except BaseException:
            file.close()
            raise
        return cast(BinaryIO, io.BufferedReader(file, READ_BYTES)), file.check

    def remove(self, entry: Entry) -> None:
        """Remove the file that was looked at. Raises Conflict if it is another by now, BadInput if it may not be."""
        try:
            with self._folder(entry.parts) as folder:
                if not entry.is_still(os.stat(entry.name, dir_fd=folder, follow_symlinks=False)):
                    raise _changed()
                os.unlink(entry.name, dir_fd=folder)
        except FileNotFoundError:
            return
        except OSError as error:
            raise BadInput(
                "telephony.file.stays",
                "The file was taken and could not be removed.",
                why=f"{os.strerror(error.errno or 0)}.",
                remedy="Give this user the right to remove files there and run the same command again.",
            ) from error

    def close(self) -> None:
        """Let go of the folder."""
        with suppress(OSError):
            os.close(self._fd)

    @contextmanager
    def _folder(self, parts: Parts) -> Iterator[int]:
        """The descriptor of a folder beneath, reached name by name."""
        fd = os.dup(self._fd)
        try:
            for part in parts:
                below = os.open(part, _FOLDER, dir_fd=fd)
                os.close(fd)
                fd = below
            yield fd
        finally:
            os.close(fd)

    def _sort(
        self, parts: Parts, entry: os.DirEntry[str], names: list[str], folders: list[str], refuse: Refuse
    ) -> None:
        path = "/".join((*parts, entry.name))
        try:
            if entry.is_symlink():
                if self._leads_out(path):
                    refuse(path, _leads_out())
            elif entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            elif entry.is_file(follow_symlinks=False):
                if is_recording(entry.name):
                    names.append(entry.name)
            else:
                refuse(path, _no_file(entry.stat(follow_symlinks=False).st_mode))
        except OSError as error:
            self._lost(path, error, refuse)

    def _leads_out(self, path: str) -> bool:
        # Only to say it: nothing is ever opened by the path that this finds.
        target = os.path.realpath(self.path / path)
        return not (Path(target).is_relative_to(self.path) and os.path.lexists(target))

    def _lost(self, path: str, error: OSError, refuse: Refuse) -> None:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):  # a folder that a link has taken the place of meanwhile
            refuse(path, _leads_out())
        elif error.errno != errno.ENOENT:  # what has gone by itself is nobody's loss of ours
            refuse(path, _unreadable(error))


class _Checked(io.FileIO):
    """A file that notices at each read whether it is still what was looked at."""

    def __init__(self, fd: int, entry: Entry) -> None:
        super().__init__(fd, "rb")
        self._entry = entry

    def check(self) -> None:
        """Raises Conflict if it is not, or no longer, the file that was looked at."""
        if not self._entry.is_still(os.fstat(self.fileno())):
            raise _changed()

    def readinto(self, into: memoryview | bytearray, /) -> int | None:  # type: ignore[override] # all that we use
        try:
            count = super().readinto(into)
        except OSError as error:  # a bad block, a share that went away
            raise _unreadable(error) from error
        self.check()
        return count

    def readall(self) -> bytes:
        """All that is left, checked like every read."""
        return b"".join(iter(lambda: self.read(READ_BYTES) or b"", b""))

    def read(self, size: int | None = -1, /) -> bytes:
        """Up to `size` bytes, checked like every read."""
        if size is None or size < 0:
            return self.readall()
        into = bytearray(size)
        return bytes(into[: self.readinto(into) or 0])


def _changed() -> Conflict:
    return Conflict(
        "telephony.file.changed",
        "The file changed while it was being taken.",
        why="It grew, or another file took its place.",
        remedy="Nothing of it was kept; it is taken when it has come to rest.",
    )


def _leads_out() -> BadInput:
    return BadInput(
        "telephony.file.link",
        "This is a link to a place outside the folder, or to nothing.",
        why="Whoever writes into the folder could make us read any file by it.",
        remedy="Import the folder that it leads to, if it is one of recordings.",
    )


def _no_file(mode: int) -> BadInput:
    kinds = {stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}
    kind = kinds.get(stat.S_IFMT(mode), "no ordinary file")
    return BadInput(
        "telephony.file.special",
        f"This is {kind}, not a recording.",
        why="Only ordinary files are opened.",
        remedy="Remove it from the folder if nothing needs it there.",
    )


def _unreadable(error: OSError) -> BadInput:
    return BadInput(
        "telephony.file.unreadable",
        "The file cannot be read.",
        why=f"{os.strerror(error.errno or 0)}.",
        remedy="Give this user the right to read it.",
    )


def _too_deep() -> BadInput:
    return BadInput(
        "telephony.folder.deep",
        f"There are more than {DEPTH_MAX} folders in folders here.",
        why="No PBX makes so many; a loop of mounts does.",
        remedy="Import the folder beneath by itself.",
    )
