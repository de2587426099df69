"""`imvume open`: a call's sound, decrypted into a file, with a reason that is kept."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click

from imvume.archive import opening
from imvume.cli.frame import Door, call_of, command, given_reason
from imvume.errors import BadInput
from imvume.staff.actions import looked


@command("open")
@click.argument("ref")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--reason", required=True, help="Why it is opened. It is kept with the call.")
def open_(door: Door, ref: str, file: Path, reason: str) -> None:
    """Write the sound of the call REF to the new FILE, as a WAV: caller left, agent right."""
    given_reason(reason)
    with door.tenant() as (house, tenant), _new(file) as out:
        call = call_of(house, tenant, ref)
        with house.database.transaction(tenant) as tx:
            playback = opening.player(house.storage, house.vault, tx, call)
            looked(tx, tenant, None, "archive.opened", call, reason, door.now())
        for block in playback.read(0, playback.size):
            out.write(block)
    door.answer({"file": str(file), "bytes": playback.size}, f"{file}: {playback.size:,} bytes")


@contextmanager
def _new(file: Path) -> Iterator[BinaryIO]:
    """A file that was not there before; it is gone again if it cannot be written whole."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise BadInput(
            "cli.open.exists",
            "There is a file of that name already.",
            why="A recording never replaces anything.",
            remedy="Choose another name, or remove it.",
        ) from None
    with os.fdopen(descriptor, "wb") as out:
        try:
            yield out
        except BaseException:
            file.unlink(missing_ok=True)
            raise


command = open_
