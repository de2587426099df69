"""The rows of a CSV file as bytes, each with its place: bounded, and never lost behind a broken one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

ROW_MAX = 65_536  # bytes of one row; Asterisk's columns hold some 2,000 together
ROW_COMMAS = 12  # that every row of CDR or CEL has at the least
ROW_LINES_MAX = 8  # lines of one row: a quoted name may hold an end of line, a stray quote must not eat the file


@dataclass(frozen=True, slots=True)
class Line:
    """One row: `size` bytes at `offset`, beginning on line `number` and `count` lines long.

    raw: without the end of line, or None where `why` says what is wrong with it.
    whole: it ended with an end of line; the last row of a growing file may not.
    """

    offset: int
    size: int
    number: int
    count: int
    raw: bytes | None = field(repr=False)
    whole: bool = True
    why: str = ""


def lines(file: BinaryIO, offset: int, number: int) -> Iterator[Line]:
    """Every row from `offset` on, where line `number` + 1 begins."""
    while (line := _one(file, offset, number + 1)) is not None:
        yield line
        offset += line.size
        number += line.count


def line_at(file: BinaryIO, offset: int) -> Line:
    """The row at `offset`, which began there when it was found."""
    return _one(file, offset, 0) or Line(offset, 0, 0, 1, None)


def _one(file: BinaryIO, offset: int, number: int) -> Line | None:
    file.seek(offset)
    raw = file.readline(ROW_MAX)
    if not raw:
        return None
    if len(raw) == ROW_MAX and not raw.endswith(b"\n"):
        size = len(raw)
        while piece := file.readline(ROW_MAX):
            size += len(piece)
            if piece.endswith(b"\n"):
                break
        return Line(offset, size, number, 1, None, bool(piece), f"It is longer than {ROW_MAX} bytes.")
    whole, count, joined = raw.endswith(b"\n"), 1, raw
    while joined.count(b'"') % 2 and whole and count < ROW_LINES_MAX:
        following = file.readline(ROW_MAX)
        if not following or len(joined) + len(following) > ROW_MAX or _is_row(following):
            break
        joined += following
        count += 1
        whole = following.endswith(b"\n")
    if joined.count(b'"') % 2:
        # Nobody closed the quote within reason: this line alone is broken, and the next one begins anew.
        return Line(offset, len(raw), number, 1, None, raw.endswith(b"\n"), "A quote in it is not closed.")
    if b"\0" in joined:
        return Line(offset, len(joined), number, count, None, whole, "It holds a NUL byte.")
    return Line(offset, len(joined), number, count, joined.rstrip(b"\r\n"), whole)


def _is_row(line: bytes) -> bool:
    """Whether a line is a row by itself: then the quote before it was never meant to reach this far."""
    return line.count(b",") >= ROW_COMMAS and line.count(b'"') % 2 == 0
