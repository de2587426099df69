"""The escrow: a copy of all keys, encrypted with age to people who keep it somewhere else.

Losing the keys folder loses the archive, so there must be such a copy; and it is a copy of
the keys, so one that is younger than the last batch opens what that batch destroyed.
Replace it after each batch and destroy the one before.
"""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import pyrage

from imvume.errors import BadInput, Conflict
from imvume.keys import age

_BYTES_MAX = 1 << 30  # of an escrow that is read: a thousand tenants take a quarter of it


def write(folder: Path, to: Path, recipients: Sequence[str]) -> int:
    """Write the keys folder to the new file `to`; answers its size in bytes. Raises BadInput for a recipient."""
    keys = [age.recipient(text) for text in recipients]

    def produce(out: BinaryIO) -> None:
        with tarfile.open(fileobj=out, mode="w|") as tar:
            for path in _files(folder):
                tar.add(path, arcname=path.name)

    with os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        try:
            age.encrypt(produce, file, keys)
        except BaseException:
            to.unlink(missing_ok=True)
            raise
        file.flush()
        os.fsync(file.fileno())
        return file.tell()


def read(file: Path, identity: Path, folder: Path) -> int:
    """Put the keys back into the empty `folder`; answers how many files.

    Raises Conflict if there are keys already, BadInput if `identity` does not open it or it is no escrow.
    """
    if folder.exists() and any(folder.iterdir()):
        raise Conflict(
            "keys.escrow.occupied",
            "There are keys in this house already.",
            why="Putting others in their place would lose what they open.",
            remedy="Restore into an empty house, or move the keys folder away first.",
        )
    if file.stat().st_size > _BYTES_MAX:
        raise _unreadable()
    lines = identity.read_text("utf-8").splitlines()
    try:
        identities = [pyrage.x25519.Identity.from_str(line) for line in lines if line.startswith("AGE-SECRET-KEY-")]
        clear = pyrage.decrypt(file.read_bytes(), identities)
        with tarfile.open(fileobj=io.BytesIO(clear), mode="r:") as tar:
            members = tar.getmembers()
            if not members or any(not m.isfile() or "/" in m.name or m.name.startswith(".") for m in members):
                raise _unreadable()
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for member in members:
                content = tar.extractfile(member)
                descriptor = os.open(folder / member.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "wb") as out:
                    out.write(content.read() if content else b"")
                    out.flush()
                    os.fsync(out.fileno())
    except (pyrage.DecryptError, pyrage.IdentityError, tarfile.TarError) as error:
        raise _unreadable() from error
    return len(members)


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_file() and (p.suffix == ".shelf" or p.name.startswith("root.")))


def _unreadable() -> BadInput:
    return BadInput(
        "keys.escrow.unreadable",
        "This escrow does not open.",
        why="It was encrypted to somebody else, or it is no escrow of ours.",
        remedy="Give the identity file of one of its recipients, as age-keygen wrote it.",
    )
