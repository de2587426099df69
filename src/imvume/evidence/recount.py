"""The tree counted anew, for whoever verifies a log.

Written a second time on purpose, from RFC 6962 and not from merkle.py and tiles.py, with
which the log was made: a mistake in the one is not repeated in the other. Only the two
hash functions are shared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from imvume.evidence.merkle import leaf, node

GROUP: Final = 256  # leaves in one tile of the lowest level
HASH: Final = 32


@dataclass(slots=True)
class Tree:
    """A tree that leaves are added to. peaks: its whole subtrees, the widest first, one for each bit of `size`."""

    size: int = 0
    peaks: list[bytes] = field(default_factory=list)

    def add(self, hash: bytes) -> list[tuple[int, int, bytes]]:
        """Add a leaf by its hash; answers the hashes that tiles above the lowest level hold: level, index, hash."""
        done: list[tuple[int, int, bytes]] = []
        height, rest = 0, self.size
        while rest & 1:
            hash = node(self.peaks.pop(), hash)
            height, rest = height + 1, rest >> 1
            if height % 8 == 0:
                done.append((height // 8, self.size >> height, hash))
        self.peaks.append(hash)
        self.size += 1
        return done

    def root(self) -> bytes:
        """The root over the leaves so far."""
        if not self.peaks:
            return hashlib.sha256(b"").digest()
        top = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            top = node(peak, top)
        return top

    def root_with(self, hashes: Sequence[bytes]) -> bytes:
        """What the root would be with these leaves added."""
        other = Tree(self.size, list(self.peaks))
        for hash in hashes:
            other.add(hash)
        return other.root()


@dataclass(frozen=True, slots=True)
class Group:
    """Up to 256 leaves as the entries give them and as their tile holds them.

    ours: from the bodies of the entries; None where an entry is missing.
    tile: the hashes that the tile holds for them, None if it is not there or has another width.
    """

    first: int
    ours: Sequence[bytes | None]
    tile: Sequence[bytes] | None

    @property
    def agrees(self) -> bool:
        """Whether entries and tile say the same."""
        return self.tile is not None and list(self.ours) == list(self.tile)

    def repaired(self) -> list[bytes] | None:
        """The entries' own hashes, with the tile's where an entry is missing; None if there is no telling."""
        if self.tile is None:
            return [hash for hash in self.ours if hash] if all(self.ours) else None
        return [mine or theirs for mine, theirs in zip(self.ours, self.tile, strict=True)]

    def differing(self) -> list[int]:
        """The places in the log at which entry and tile are both there and differ."""
        pairs = zip(self.ours, self.tile or (), strict=False)
        return [self.first + at for at, (mine, theirs) in enumerate(pairs) if mine and mine != theirs]

    def missing(self) -> list[int]:
        """The places in the log that have no entry."""
        return [self.first + at for at, mine in enumerate(self.ours) if mine is None]


def hashes(tile: bytes) -> list[bytes]:
    """The hashes of a tile, one by one."""
    return [tile[at : at + HASH] for at in range(0, len(tile), HASH)]


def of(body: bytes) -> bytes:
    """The leaf hash of an entry's body."""
    return leaf(body)


def whole(leaves: Sequence[bytes]) -> bytes:
    """The root over a whole group."""
    return Tree().root_with(leaves)
