"""Files as libsndfile may see them: a stretch of a stranger's file behind a header of our own making.

libsndfile runs in this process and guesses the format from the bytes. It is shown only
bytes whose format was established here first, without the metadata (tags, pictures, cue
sheets, seek tables) in which decoders have had most of their memory errors.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from itertools import accumulate
from typing import Any, Protocol

CHUNK = 32_768  # decoders ask for 4 bytes and for 8 KiB alike; a decrypting reader is asked for this much


class Reader(Protocol):
    """What a recording is read from: an open file, or a reader that decrypts by range."""

    def read(self, size: int = -1, /) -> bytes: ...
    def seek(self, offset: int, whence: int = 0, /) -> int: ...
    def tell(self) -> int: ...


def size_of(file: Reader) -> int:
    """The bytes in `file`."""
    file.seek(0, os.SEEK_END)
    return file.tell()


def read_at(file: Reader, at: int, size: int) -> bytes:
    """Up to `size` bytes from `at`; fewer only where the file ends."""
    file.seek(at)
    data = file.read(size)
    if 0 < len(data) < size:  # an unbuffered file may give less than was asked for, and mean nothing by it
        pieces = [data]
        missing = size - len(data)
        while missing and (data := file.read(missing)):
            pieces.append(data)
            missing -= len(data)
        return b"".join(pieces)
    return data


class Window:
    """`head`, then some stretches of `file`, as a file of its own, for libsndfile's callbacks.

    pieces: [start, stop) of each stretch, in the order in which they are to be seen.

    A callback cannot raise: what goes wrong in one is printed and taken for the end of the
    file. So it is kept in `failed`, and `check` raises it once libsndfile has returned.
    """

    def __init__(self, file: Reader, *pieces: tuple[int, int], head: bytes = b"") -> None:
        self._file, self._head = file, head
        self._pieces = [(start, stop) for start, stop in pieces if start < stop]
        # Where in the window each piece ends.
        self._ends = list(accumulate((stop - start for start, stop in self._pieces), initial=len(head)))[1:]
        self.size = self._ends[-1] if self._ends else len(head)
        self.failed: BaseException | None = None
        self._at = 0
        self._chunk, self._chunk_at = b"", 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` from here; fewer bytes where the window ends, none once something has failed."""
        try:
            return self._fill(buffer)
        except BaseException as error:  # everything, Ctrl-C too: it must cross C and be raised behind it
            self.failed = error
            return 0

    def _fill(self, buffer: Any) -> int:
        done, wanted = 0, min(len(buffer), self.size - self._at)
        if self.failed is not None:
            return 0
        while done < wanted:
            offset = self._at - self._chunk_at
            if not 0 <= offset < len(self._chunk):
                self._chunk_at = self._at - self._at % CHUNK
                self._chunk = self._load(self._chunk_at)
                offset = self._at - self._chunk_at
                if offset >= len(self._chunk):
                    break  # the file is shorter than it was
            piece = self._chunk[offset : offset + wanted - done]
            buffer[done : done + len(piece)] = piece
            done += len(piece)
            self._at += len(piece)
        return done

    def _load(self, at: int) -> bytes:
        stop = min(at + CHUNK, self.size)
        chunk = self._head[at:stop]
        while at + len(chunk) < stop:
            place = at + len(chunk)
            number = bisect_right(self._ends, place)
            behind = self._ends[number] - place  # bytes of this piece from here on
            data = read_at(self._file, self._pieces[number][1] - behind, min(behind, stop - place))
            if not data:
                break  # the file is shorter than it was
            chunk += data
        return chunk

    def check(self) -> None:
        """Raise what a callback could not."""
        if self.failed is not None:
            raise self.failed
