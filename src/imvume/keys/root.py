"""The root key: one per deployment, never in PostgreSQL."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import Protocol

from imvume.errors import Broken, Unavailable
from imvume.keys.wrap import KEY_BYTES, fresh, unwrap, wrap

_MAGIC = "imvume-root-1 "


class Root(Protocol):
    """What wraps bucket keys. `id` (16 bytes) says which root it is, and tells nothing else about it."""

    @property
    def id(self) -> bytes: ...

    def wrap(self, context: str, key: bytes) -> bytes: ...

    def unwrap(self, context: str, wrapped: bytes) -> bytes: ...


class SealedFile:
    """The default root: a file that only its owner may read (0600)."""

    def __init__(self, path: Path) -> None:
        """Read the root key at `path`.

        Raises Unavailable where there is none, Broken where it is no root key or others may read it.
        """
        try:
            with path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                text = file.read(256).decode("ascii", "replace").strip()
        except FileNotFoundError:
            raise Unavailable(
                "keys.root.missing",
                "The root key is not there.",
                why="Without it nothing in the archive can be opened.",
                remedy="Put the keys folder back from its escrow, or run `imvume start` in an empty house.",
            ) from None
        if stat.S_IMODE(mode) & 0o077:
            raise Broken(
                "keys.root.readable",
                "The root key can be read by others.",
                why="Its file allows more than its owner.",
                remedy="Run `chmod 600` on it, then rotate it with `imvume keys rotate root`.",
            )
        if not text.startswith(_MAGIC) or len(text) != len(_MAGIC) + 2 * KEY_BYTES:
            raise Broken(
                "keys.root.unreadable",
                "The root key file is no root key.",
                why="It is truncated or was overwritten.",
                remedy="Put it back from its escrow.",
            )
        self._key = bytes.fromhex(text.removeprefix(_MAGIC))

    @classmethod
    def make(cls, path: Path) -> SealedFile:
        """A new root key at `path`, on the disk before this returns. Raises FileExistsError rather than overwrite."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(f"{_MAGIC}{fresh().hex()}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        fsync_folder(path.parent)
        return cls(path)

    @property
    def id(self) -> bytes:
        """Which root this is."""
        return hashlib.sha256(b"imvume/root-id/1" + self._key).digest()[:16]

    def wrap(self, context: str, key: bytes) -> bytes:
        """`key` wrapped under the root for `context`."""
        return wrap(self._key, context, key)

    def unwrap(self, context: str, wrapped: bytes) -> bytes:
        """The key back again. Raises Broken for a changed byte or another context."""
        return unwrap(self._key, context, wrapped)


def fsync_folder(folder: Path) -> None:
    """Make the names in `folder` durable; a file's own fsync does not."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
