"""`imvume open`: a call's sound, decrypted into a file, with a reason that is kept."""

from __future__ import annotations

import os
from pathlib import Path

import click

from imvume.archive import opening
from imvume.cli.frame import Door, call_of, command
from imvume.staff.actions import looked


@command("open")
@click.argument("ref")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--reason", required=True, help="Why it is opened. It is kept with the call.")
def open_(door: Door, ref: str, file: Path, reason: str) -> None:
    """Write the sound of the call REF to the new FILE, as a WAV: caller left, agent right."""
    with door.tenant() as (house, tenant):
        call = call_of(house, tenant, ref)
        with house.database.transaction(tenant) as tx:
            playback = opening.player(house.storage, house.vault, tx, call)
            looked(tx, tenant, None, "archive.opened", call, reason, door.now())
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            for block in playback.read(0, playback.size):
                out.write(block)
    door.answer({"file": str(file), "bytes": playback.size}, f"{file}: {playback.size:,} bytes")


command = open_
