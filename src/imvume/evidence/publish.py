"""The log as static files (C2SP tlog-tiles), for anybody's software to read: in a folder, or one by one at a door.

    checkpoint
    tile/<level>/<number>[.p/<width>]       hashes
    tile/entries/<number>[.p/<width>]       the entries themselves, each behind its length in two bytes

Entries hold no personal information, so that this can be handed to an auditor as it is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from imvume.basics.ids import TenantId
from imvume.errors import Broken, ImvumeError, NotFound, Unavailable
from imvume.evidence import note, tiles
from imvume.evidence.merkle import HASH_BYTES
from imvume.store.database import Database, Tx

TEXT: Final = "text/plain; charset=utf-8"
BYTES: Final = "application/octet-stream"
FILES: Final = 32  # read in one transaction

_TILE = re.compile(
    r"tile/(?P<level>entries|[0-9]|[1-5][0-9]|6[0-3])/(?P<n>(?:x[0-9]{3}/){0,6}[0-9]{3})"
    r"(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


@dataclass(frozen=True, slots=True)
class Resource:
    """The bytes of one file. `lasting`: they never change, so that a cache may keep them for ever."""

    body: bytes
    media_type: str
    lasting: bool


def resource(tx: Tx, path: str) -> Resource:
    """The bytes at `path`, relative to the log's prefix: "checkpoint", "tile/0/x001/067", "tile/entries/000.p/17".

    Raises NotFound for a path that is none, and for what the newest checkpoint does not cover.
    """
    newest = tx.one("evidence.checkpoint_newest")
    if newest is None:
        raise _none()
    if path == "checkpoint":
        return Resource(newest["note"].encode(), TEXT, lasting=False)
    found = _TILE.fullmatch(path)
    if found is None:
        raise _none()
    n = int(found["n"].replace("x", "").replace("/", ""))
    entries = found["level"] == "entries"
    level = 0 if entries else int(found["level"])
    width = int(found["width"] or tiles.WIDTH)
    # Only one way to write a number: "x000/001" is no path, "001" is.
    if number(n) != found["n"] or (found["width"] and width >= tiles.WIDTH) or level >= tiles.LEVELS:
        raise _none()
    if width > tiles.width(level, n, newest["size"]):
        raise _none()
    return Resource(_bundle(tx, n, width) if entries else _hashes(tx, level, n, width), BYTES, lasting=True)


def publish(database: Database, tenant: TenantId, folder: Path) -> int:
    """Bring `folder` up to the newest checkpoint; answers how many files were written.

    Only what is new since the folder's own checkpoint is read and written; the checkpoint comes
    last, so that whoever reads meanwhile finds all that it promises. Doing it twice writes nothing.
    Raises Broken `evidence.publish.other-log` if the folder holds a checkpoint that is not one of
    this log's; Unavailable if the folder cannot be written.
    """
    with database.transaction(tenant) as tx:
        newest = tx.one("evidence.checkpoint_newest")
        had = _published(tx, folder)
    if newest is None or had == newest["size"]:
        return 0
    written = 0
    due = _due(had, newest["size"])
    try:
        while files := list(islice(due, FILES)):
            with database.transaction(tenant) as tx:
                bodies = [
                    _bundle(tx, n, width) if level < 0 else _hashes(tx, level, n, width) for level, n, width in files
                ]
            for (level, n, width), body in zip(files, bodies, strict=True):
                _put(folder / "tile" / ("entries" if level < 0 else str(level)) / number(n), width, body)
            written += len(files)
        _write(folder / "checkpoint", newest["note"].encode())
    except OSError as error:
        raise Unavailable(
            "evidence.publish.unwritable",
            "The log cannot be written to this folder.",
            why="It may not be written, or its disk is full.",
            remedy="Make room or choose another folder, then publish again; it goes on where it was.",
        ) from error
    return written + 1


def number(n: int) -> str:
    """The number of a tile as its path has it: 1234067 is "x001/x234/067"."""
    parts = [f"{n % 1000:03d}"]
    while n := n // 1000:
        parts.append(f"x{n % 1000:03d}")
    return "/".join(reversed(parts))


def _due(had: int, size: int) -> Iterator[tuple[int, int, int]]:
    """Which files a folder at `had` lacks of a log of `size`: level (-1 for entries), number, width."""
    for level in range(-1, tiles.LEVELS):
        held, wanted = had >> 8 * max(level, 0), size >> 8 * max(level, 0)
        for n in range(held // tiles.WIDTH, -(-wanted // tiles.WIDTH)):
            if wanted > held:
                yield level, n, tiles.width(max(level, 0), n, size)


def _published(tx: Tx, folder: Path) -> int:
    """How far the folder's own checkpoint reaches, which must be one that we signed."""
    try:
        text = (folder / "checkpoint").read_text("utf-8")
    except FileNotFoundError:
        return 0
    except (OSError, UnicodeDecodeError) as error:
        raise _other_log() from error
    try:
        size = note.read(text)[0].size
    except ImvumeError as error:
        raise _other_log() from error
    stored = tx.one("evidence.checkpoint_at", size=size)
    if stored is None or stored["note"] != text:
        raise _other_log()
    return size


def _hashes(tx: Tx, level: int, n: int, width: int) -> bytes:
    rows = tx.all("evidence.tiles_at", levels=[level], ns=[n])
    hashes = bytes(rows[0]["hashes"])[: width * HASH_BYTES] if rows else b""
    if len(hashes) != width * HASH_BYTES:
        raise _lacking()
    return hashes


def _bundle(tx: Tx, n: int, width: int) -> bytes:
    start = n * tiles.WIDTH
    rows = tx.all("evidence.bodies", start=start, end=start + width)
    if [row["idx"] for row in rows] != list(range(start, start + width)):
        raise _lacking()
    return b"".join(len(row["body"]).to_bytes(2) + row["body"] for row in rows)


def _put(place: Path, width: int, body: bytes) -> None:
    partial = place.with_name(place.name + ".p")
    if width < tiles.WIDTH:
        _write(partial / str(width), body)
    else:
        _write(place, body)
        _clear(partial)  # the full tile serves for every narrower one


def _write(path: Path, body: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _clear(folder: Path) -> None:
    if folder.is_dir():
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()


def _none() -> NotFound:
    return NotFound(
        "evidence.resource.none", "The log has no such file.", remedy="Read its checkpoint, then ask for its tiles."
    )


def _lacking() -> Broken:
    return Broken(
        "evidence.publish.lacking",
        "The log lacks what its checkpoint covers.",
        why="An entry or a tile is missing from the database.",
        remedy="Run `imvume verify`, which names it.",
    )


def _other_log() -> Broken:
    return Broken(
        "evidence.publish.other-log",
        "This folder holds the checkpoint of another log, or of another past of this one.",
        why="Its checkpoint is not one that this log has signed.",
        remedy="Keep it, it may be evidence; publish to an empty folder.",
    )
