"""The tree of RFC 6962: hashes, roots, and the two proofs. Pure; nothing here knows where hashes are kept.

A tree over leaves 0 … size-1 splits at the largest power of two below its size. A *span* is
(start, end), the leaves [start, end); a proof is a list of the hashes of such spans.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

HASH_BYTES: Final = 32

Span = tuple[int, int]


def leaf(data: bytes) -> bytes:
    """The hash of one entry's bytes."""
    return hashlib.sha256(b"\x00" + data).digest()


def node(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees side by side."""
    return hashlib.sha256(b"\x01" + left + right).digest()


EMPTY: Final = hashlib.sha256(b"").digest()  # the root of a tree without leaves


def root(hashes: Sequence[bytes]) -> bytes:
    """The root over leaf hashes, EMPTY for none.

    This is also how one entry speaks for a large batch: the batch's root stands in the entry,
    and each member of the batch has its own inclusion proof under it.
    """
    if not hashes:
        return EMPTY
    row = list(hashes)
    while len(row) > 1:
        # An odd one out moves up unchanged: that is the split at the largest power of two, from below.
        paired = [node(row[i], row[i + 1]) for i in range(0, len(row) - 1, 2)]
        row = paired + row[len(paired) * 2 :]
    return row[0]


def inclusion(index: int, size: int) -> list[Span]:
    """The spans whose hashes prove that leaf `index` is in the tree of `size`, from the leaf up (RFC 6962, 2.1.1)."""
    if not 0 <= index < size:
        raise ValueError("no such leaf")
    spans: list[Span] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    return spans[::-1]


def consistency(old: int, new: int) -> list[Span]:
    """The spans whose hashes prove that the tree of `old` leaves begins the tree of `new` (RFC 6962, 2.1.2)."""
    if not 0 < old <= new:
        raise ValueError("no such trees")
    spans: list[Span] = []
    start, end = 0, new
    while old < end:
        middle = start + _split(end - start)
        if old <= middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    if start > 0:  # else what is left is the old tree itself, whose root the reader has
        spans.append((start, end))
    return spans[::-1]


def perfect(start: int, end: int) -> Iterator[Span]:
    """The whole subtrees (a power of two wide, aligned to it) that make up a span of the tree, left to right."""
    while start < end:
        fits = 1 << (end - start).bit_length() - 1
        width = min(start & -start or fits, fits)
        yield start, start + width
        start += width


def fold(hashes: Iterable[bytes]) -> bytes:
    """The hash of the span whose whole subtrees, left to right, have these hashes."""
    parts = list(hashes)
    top = parts.pop()
    while parts:
        top = node(parts.pop(), top)
    return top


def included(leaf_hash: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that an inclusion proof leads to; None if it has the wrong length for its index and size.

    Source: RFC 9162, section 2.1.3.2.
    """
    if not 0 <= index < size:
        return None
    place, last, top = index, size - 1, leaf_hash
    for step in path:
        if last == 0:
            return None
        if place & 1 or place == last:
            top = node(step, top)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            top = node(top, step)
        place, last = place >> 1, last >> 1
    return top if last == 0 else None


def consistent(old: int, old_root: bytes, new: int, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether a consistency proof shows that the old tree begins the new one.

    Source: RFC 9162, section 2.1.4.2.
    """
    if old == new:
        return not path and old_root == new_root
    if not 0 < old < new:
        return False
    steps = list(path)
    if old & (old - 1) == 0:
        steps.insert(0, old_root)
    if not steps:
        return False
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    before = after = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            before, after = node(step, before), node(step, after)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            after = node(after, step)
        place, last = place >> 1, last >> 1
    return last == 0 and before == old_root and after == new_root


def _split(size: int) -> int:
    return 1 << ((size - 1).bit_length() - 1)
