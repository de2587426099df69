"""The shelf: a tenant's bucket keys, in a file that keeps no history.

    sector 0         magic, the id of the root key that wraps everything here, the number of slots
    slot 0, 1, …     two halves of one sector (512 bytes) each: version, length, wrapped key

A slot's current key is the half whose version PostgreSQL names. A new version is written
into the other half first, PostgreSQL commits to it, and only then the old half is
overwritten: at every instant at least one of them is whole, whatever is pulled out.
A sector is what a disk writes in one piece.

What overwriting can promise: on a disk that remaps (SSD) or a file system that copies on
write (ZFS, Btrfs) an old sector may live on below us for a while. Put the shelf on an
encrypted disk, or use a root key in OpenBao; docs/explain/threat-model.md says more.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from imvume.errors import Broken, Unavailable
from imvume.keys.root import Root, fsync_folder
from imvume.keys.wrap import fresh

BUCKETS = 4096
LOOKUP = BUCKETS  # the key of keyed hashes: by it people are found
SIGNING = BUCKETS + 1  # the log's Ed25519 seed
SLOTS = BUCKETS + 2

OTHER_ROOT = "keys.shelf.other-root"

_SECTOR = 512
_MAGIC = b"imvume-shelf-1\0\0"
_HEADER = struct.Struct(">16s16sI")
_HALF = struct.Struct(">IH")  # version, length of the wrapped key that follows


class Gone(Broken):
    """The wanted version of a key is not on the shelf (any more)."""

    def __init__(self) -> None:
        super().__init__(
            "keys.bucket.gone",
            "The key that protected this has been destroyed.",
            why="Its bucket was given a new key since.",
            remedy="Nothing can open it again. If that was a mistake, bring back the escrow of that day.",
        )


class Shelf:
    """One tenant's shelf. `name` is bound into every wrap, so that shelves cannot be swapped."""

    def __init__(self, path: Path, name: str, root: Root) -> None:
        """Open the shelf at `path`. Raises Unavailable if it is missing, Broken if another root wrapped it."""
        self._path, self._name, self._root = path, name, root
        try:
            header = self._read(0, _HEADER.size)
        except FileNotFoundError:
            raise Unavailable(
                "keys.shelf.missing",
                "The shelf of this tenant's keys is not there.",
                why="Without it nothing of this tenant can be opened.",
                remedy="Put the keys folder back from its escrow.",
            ) from None
        magic, root_id, slots = _HEADER.unpack(header.ljust(_HEADER.size, b"\0"))
        if magic != _MAGIC or slots != SLOTS:
            raise _damaged()
        if root_id != root.id:
            raise _other_root()

    @classmethod
    def make(cls, path: Path, name: str, root: Root) -> Shelf:
        """A new shelf with a fresh key in every slot, version 1. Does nothing if there is one already."""
        if not path.exists():
            _write_whole(path, root, lambda slot: {1: root.wrap(_context(name, slot, 1), fresh())})
        return cls(path, name, root)

    def key(self, slot: int, version: int) -> bytes:
        """The key of `slot` in that version. Raises Gone if it is not there, Broken if it was changed."""
        found, wrapped = self._half(slot, version)
        if found != version:
            raise Gone
        return self._root.unwrap(_context(self._name, slot, version), wrapped)

    def put(self, slot: int, version: int, key: bytes) -> None:
        """Write a new version beside the current one, durably."""
        self._write(slot, version, self._root.wrap(_context(self._name, slot, version), key))

    def erase(self, slot: int, *, keep: int) -> None:
        """Overwrite the half that does not hold version `keep`, durably. Its key is gone for ever."""
        if self._half(slot, keep)[0] != keep:
            raise _damaged()  # never erase the only half left
        self._write(slot, keep + 1, b"", empty=True)

    def rewrapped(self, root: Root) -> Shelf:
        """The same keys under another root: a new file in the place of the old, which is overwritten."""
        with self._locked(), self._path.open("r+b") as old:

            def halves(slot: int) -> dict[int, bytes]:
                kept = {}
                for parity in (0, 1):
                    version, wrapped = self._half(slot, parity)
                    if version:
                        context = _context(self._name, slot, version)
                        kept[version] = root.wrap(context, self._root.unwrap(context, wrapped))
                return kept

            _write_whole(self._path, root, halves)
            # The old file has no name any more, but its sectors are still ours to overwrite.
            old.seek(0)
            old.write(b"\0" * _SECTOR * (1 + 2 * SLOTS))
            old.flush()
            os.fsync(old.fileno())
        return Shelf(self._path, self._name, root)

    def doubled(self) -> list[int]:
        """The buckets with a key in both halves: one of them is of before, or of a rotation that came to nothing."""
        whole = self._read(0, _SECTOR * (1 + 2 * SLOTS))
        if len(whole) < _SECTOR * (1 + 2 * SLOTS):
            raise _damaged()
        return [
            slot for slot in range(BUCKETS) if all(_HALF.unpack_from(whole, _place(slot, half))[0] for half in (0, 1))
        ]

    def slots(self) -> Iterator[tuple[int, int]]:
        """Every (slot, version) on the shelf whose key opens. Raises Broken at the first that does not."""
        for slot in range(SLOTS):
            for parity in (0, 1):
                version, wrapped = self._half(slot, parity)
                if version:
                    self._root.unwrap(_context(self._name, slot, version), wrapped)
                    yield slot, version

    def _half(self, slot: int, version: int) -> tuple[int, bytes]:
        sector = self._read(_place(slot, version), _SECTOR)
        if len(sector) < _SECTOR:
            raise _damaged()
        found, length = _HALF.unpack_from(sector)
        return found, sector[_HALF.size : _HALF.size + length]

    def _write(self, slot: int, version: int, wrapped: bytes, *, empty: bool = False) -> None:
        sector = _HALF.pack(0 if empty else version, len(wrapped)) + wrapped
        with self._locked() as descriptor:
            # The root may have been rotated since we read it: under the old one this key would be lost.
            if _HEADER.unpack(os.pread(descriptor, _HEADER.size, 0))[1] != self._root.id:
                raise _other_root()
            os.pwrite(descriptor, sector.ljust(_SECTOR, b"\0"), _place(slot, version))
            os.fdatasync(descriptor)

    def _read(self, at: int, size: int) -> bytes:
        descriptor = os.open(self._path, os.O_RDONLY)
        try:
            return os.pread(descriptor, size, at)
        finally:
            os.close(descriptor)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        while True:
            descriptor = os.open(self._path, os.O_RDWR)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                # The root may have been rotated while we waited: then this file has no name any more.
                if os.fstat(descriptor).st_ino == os.stat(self._path).st_ino:
                    yield descriptor
                    return
            finally:
                os.close(descriptor)


def _place(slot: int, version: int) -> int:
    return _SECTOR * (1 + 2 * slot + version % 2)


def _context(name: str, slot: int, version: int) -> str:
    return f"shelf|{name}|{slot}|{version}"


def _write_whole(path: Path, root: Root, halves: Callable[[int], dict[int, bytes]]) -> None:
    fresh_path = path.with_suffix(".new")
    descriptor = os.open(fresh_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(_HEADER.pack(_MAGIC, root.id, SLOTS).ljust(_SECTOR, b"\0"))
        for slot in range(SLOTS):
            sectors = [b"", b""]
            for version, wrapped in halves(slot).items():
                sectors[version % 2] = _HALF.pack(version, len(wrapped)) + wrapped
            file.write(b"".join(sector.ljust(_SECTOR, b"\0") for sector in sectors))
        file.flush()
        os.fsync(file.fileno())
    fresh_path.rename(path)
    fsync_folder(path.parent)


def _other_root() -> Broken:
    return Broken(
        OTHER_ROOT,
        "The shelf belongs to another root key.",
        why="The root key was replaced, or the shelf comes from another house.",
        remedy="Put back the root key that was used with it.",
    )


def _damaged() -> Broken:
    return Broken(
        "keys.shelf.damaged",
        "The shelf of keys is damaged.",
        why="It is truncated, or a slot does not hold the version it should.",
        remedy="Put it back from its escrow, then run `imvume verify`.",
    )
