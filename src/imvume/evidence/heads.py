"""The last head of each log, kept in a file outside PostgreSQL, so that a log cut short is noticed.

A database that lost its tail, entries and checkpoints together, is in perfect order with
itself. Only somebody who remembers a later head can tell. This file is the nearest such
memory; a witness or a time-stamp elsewhere is a better one.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from imvume.basics.boundaries import passed
from imvume.basics.ids import TenantId
from imvume.errors import Unavailable
from imvume.evidence.note import NOTE_BYTES_MAX, Checkpoint, read
from imvume.keys.root import fsync_folder

SUFFIX: Final = ".head"


def path(folder: Path, tenant: TenantId) -> Path:
    """Where the head of the tenant's log is kept: the checkpoint itself, as text."""
    return folder / f"{tenant}{SUFFIX}"


def kept(folder: Path, tenant: TenantId) -> str | None:
    """The last head that was kept, as the note it is; None if there is none. Nothing is verified here."""
    return _text(path(folder, tenant))


def lost(folder: Path, tenant: TenantId) -> list[str]:
    """Heads that the database had lost when somebody decided to go on without what they stood for."""
    notes = (_text(found) for found in sorted(folder.glob(f"{tenant}.lost-*")))
    return [note for note in notes if note is not None]


def keep(folder: Path, tenant: TenantId, note: str) -> None:
    """Keep `note` as the tenant's head, durably, unless a later one is kept already.

    Raises Unavailable if it cannot be written; the log in the database is whole all the same,
    and the next batch writes the file again.
    """
    try:
        with _turn(folder, tenant):
            was = kept(folder, tenant)
            # Two sequencers may come here in the other order than they committed in.
            if was is None or read(was)[0].size < read(note)[0].size:
                _replace(path(folder, tenant), note.encode())
    except OSError as error:
        raise _unwritable() from error


def set_aside(folder: Path, tenant: TenantId, checkpoint: Checkpoint) -> None:
    """Keep the head under another name, and with it the memory that it was lost, so that the log may go on."""
    try:
        with _turn(folder, tenant):
            aside = folder / f"{tenant}.lost-{checkpoint.size}-{checkpoint.root[:4].hex()}"
            path(folder, tenant).rename(aside)
            fsync_folder(folder)
    except OSError as error:
        raise _unwritable() from error


def _text(found: Path) -> str | None:
    try:
        with found.open("rb") as file:
            # One byte more than a note may have: what is longer is no note, and says so when it is read.
            return file.read(NOTE_BYTES_MAX + 1).decode("utf-8", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unavailable(
            "evidence.head.unreadable",
            "The head of the log that is kept outside the database cannot be read.",
            why="The keys folder cannot be read by this user, or its disk is failing.",
            remedy="Mend its rights or its disk; without it nobody can tell whether the log was cut short.",
        ) from error


@contextmanager
def _turn(folder: Path, tenant: TenantId) -> Iterator[None]:
    lock = os.open(folder / f"{tenant}.turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _replace(target: Path, data: bytes) -> None:
    part = target.with_name(target.name + ".part")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    passed("sequence.head-written")
    part.replace(target)
    fsync_folder(target.parent)
    passed("sequence.head-replaced")


def _unwritable() -> Unavailable:
    return Unavailable(
        "evidence.head.unwritable",
        "The head of the log cannot be kept outside the database.",
        why="The keys folder cannot be read or written, or its disk is full.",
        remedy="Make room or mend its rights; the log is whole, and the head is written with the next entry.",
    )
