"""Which bytes does the player want? The Range header of RFC 9110, section 14, for one range. Pure."""

from __future__ import annotations

from dataclasses import dataclass

DIGITS_MAX = 18  # more would be no size of any recording, and int() of a megabyte of digits is slow


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes [start, stop) of `size`."""

    start: int
    stop: int
    size: int

    @property
    def header(self) -> str:
        """The value of Content-Range."""
        return f"bytes {self.start}-{self.stop - 1}/{self.size}"


class Unsatisfiable(Exception):
    """The range lies outside of what there is: 416."""


def wanted(header: str | None, size: int) -> Span | None:
    """The span that a Range header asks for, or None where the whole is to be sent.

    None also for several ranges, other units and what cannot be read: a server may always
    send the whole (RFC 9110, 14.2), and a player that asks for pieces out of order must
    not make us open one recording many times.
    Raises Unsatisfiable where it begins at or after the end.
    """
    if header is None:
        return None
    unit, equals, spec = header.strip().partition("=")
    first, dash, last = spec.strip().partition("-")
    first, last = first.strip(), last.strip()
    if unit.strip().lower() != "bytes" or not equals or not dash or not (_digits(first) and _digits(last)):
        return None
    if not first:
        if not last:
            return None
        length = int(last)
        if length == 0 or size == 0:
            raise Unsatisfiable
        return Span(max(0, size - length), size, size)
    start, stop = int(first), int(last) + 1 if last else size
    if stop <= start and last:
        return None
    if start >= size:
        raise Unsatisfiable
    return Span(start, min(stop, size), size)


def _digits(text: str) -> bool:
    return not text or (text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX)
