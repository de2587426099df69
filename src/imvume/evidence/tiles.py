"""The tree in tiles (C2SP tlog-tiles): how it is cut up, how it grows, how any hash in it is found again.

A tile holds up to 256 hashes of one level; each is the root of a full tile of the level below.
Only the last tile of a level may be partial. A tile only ever grows, so what was once read
of it stays true.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from imvume.evidence.merkle import EMPTY, HASH_BYTES, Span, fold, perfect, root

WIDTH: Final = 256
LEVELS: Final = 8  # 256^8 leaves are more than a bigint counts

Place = tuple[int, int]  # level, n


@dataclass(frozen=True, slots=True)
class Tile:
    """The hashes of one tile, one after another."""

    level: int
    n: int
    hashes: bytes


@dataclass(frozen=True, slots=True)
class Edge:
    """The partial tiles of a tree, one for each level from the leaves up: all that is needed to grow it.

    rows: the concatenated hashes (fewer than 256) at the right edge of each level.
    """

    rows: tuple[bytes, ...] = ()

    @property
    def size(self) -> int:
        """How many leaves the tree has."""
        return sum(len(row) // HASH_BYTES << 8 * level for level, row in enumerate(self.rows))

    def root(self) -> bytes:
        """The root of the tree."""
        if not self.size:
            return EMPTY
        parts: list[bytes] = []
        for row in reversed(self.rows):
            hashes = cut(row)
            parts += [root(hashes[start:end]) for start, end in perfect(0, len(hashes))]
        return fold(parts)

    def grow(self, leaves: bytes) -> tuple[Edge, list[Tile]]:
        """The edge with more leaf hashes at its end, and every tile that is new or wider than it was."""
        rows: list[bytes] = []
        tiles: list[Tile] = []
        size, fresh = self.size, leaves
        for level in range(LEVELS):
            had = self.rows[level] if level < len(self.rows) else b""
            if not fresh:
                rows += self.rows[level:]
                break
            first = size >> 8 * (level + 1)  # the number of this level's partial tile
            row = had + fresh
            whole = len(row) // (WIDTH * HASH_BYTES)
            full = [row[k * WIDTH * HASH_BYTES : (k + 1) * WIDTH * HASH_BYTES] for k in range(whole)]
            tiles += [Tile(level, first + k, hashes) for k, hashes in enumerate(full)]
            rest = row[whole * WIDTH * HASH_BYTES :]
            if rest:
                tiles.append(Tile(level, first + whole, rest))
            rows.append(rest)
            fresh = b"".join(root(cut(hashes)) for hashes in full)
        while rows and not rows[-1]:
            rows.pop()
        return Edge(tuple(rows)), tiles


def edge_places(size: int) -> list[Place]:
    """Where the partial tiles of a tree of `size` stand; only those that hold anything."""
    return [(level, size >> 8 * (level + 1)) for level in range(LEVELS) if (size >> 8 * level) % WIDTH]


def edge(size: int, tiles: Mapping[Place, bytes]) -> Edge | None:
    """The edge of a tree of `size` from the tiles at `edge_places`; None if one is missing or has another width."""
    rows: list[bytes] = []
    level = 0
    while size >> 8 * level:
        count = (size >> 8 * level) % WIDTH
        row = tiles.get((level, size >> 8 * (level + 1)), b"") if count else b""
        if len(row) != count * HASH_BYTES:
            return None
        rows.append(row)
        level += 1
    return Edge(tuple(rows))


def width(level: int, n: int, size: int) -> int:
    """How many hashes the tile has in a tree of `size`: 0 if it is not there, 256 if it is full."""
    return max(0, min(WIDTH, (size >> 8 * level) - n * WIDTH))


def cut(hashes: bytes) -> list[bytes]:
    """Concatenated hashes, one by one."""
    return [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]


def places(spans: Iterable[Span]) -> set[Place]:
    """The tiles that hold what is needed for the hashes of these spans."""
    found = set()
    for span in spans:
        for start, end in perfect(*span):
            level, first, _ = _inside(start, end)
            found.add((level, first // WIDTH))
    return found


def span_hash(span: Span, tile: Callable[[Place], bytes]) -> bytes:
    """The hash of a span of the tree. tile: answers the bytes of a tile, at least as wide as the tree makes it."""
    return fold(_whole(start, end, tile) for start, end in perfect(*span))


def _whole(start: int, end: int, tile: Callable[[Place], bytes]) -> bytes:
    level, first, count = _inside(start, end)
    at = first % WIDTH * HASH_BYTES
    return root(cut(tile((level, first // WIDTH))[at : at + count * HASH_BYTES]))


def _inside(start: int, end: int) -> tuple[int, int, int]:
    # A whole subtree lies in one tile: which level, from which hash of it, how many.
    height = (end - start).bit_length() - 1
    level = height // 8
    return level, start >> 8 * level, 1 << height % 8
