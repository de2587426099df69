"""`imvume keys`: rotate them, and keep a copy where it cannot be stolen with the house."""

from __future__ import annotations

from pathlib import Path

import click
from rich.progress import Progress

from imvume.archive import shredding
from imvume.cli.frame import Door, command, is_terminal
from imvume.keys import escrow
from imvume.keys.vault import Vault

KINDS = ("root", "buckets", "epochs", "subjects", "matters")


@click.group("keys")
def keys() -> None:
    """Rotate keys; write and read their escrow."""


@command("rotate")
@click.argument("kind", type=click.Choice([*KINDS, "all"]))
def rotate(door: Door, kind: str) -> None:
    """Give new keys of KIND. Nothing that was sealed is touched; interrupted, it can be run again."""
    with door.tenant() as (house, tenant), Progress(disable=door.json or not is_terminal()) as progress:
        done: dict[str, int] = {}
        for each in reversed(KINDS) if kind == "all" else (kind,):
            task = progress.add_task(each, total=None)

            def told(n: int, of: int, task: object = task) -> None:
                progress.update(task, completed=n, total=of)  # type: ignore[arg-type]  # rich's own id

            if each == "root":
                house.vault.rotate_root()
                done[each] = 1
            elif each == "buckets":
                done[each] = house.vault.rotate_buckets(house.database, tenant, told=told)
            else:
                turn = {
                    "epochs": shredding.rotate_epochs,
                    "subjects": shredding.rotate_subjects,
                    "matters": shredding.rotate_matters,
                }[each]
                done[each] = turn(house, tenant, at=door.now(), told=told)
    text = ", ".join(f"{count} {name}" for name, count in done.items())
    door.answer(done, f"New keys for {text}. Replace the escrow now: the old one opens nothing that comes.")


@command("escrow")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--to", "recipients", multiple=True, required=True, metavar="age1…", help="Who can open it; repeatable.")
def escrow_(door: Door, file: Path, recipients: tuple[str, ...]) -> None:
    """Write all keys of the house to the new FILE, encrypted to age recipients. Without it, a lost house is lost."""
    size = escrow.write(door.home / "keys", file, recipients)
    door.answer(
        {"file": str(file), "bytes": size}, f"{file}: {size:,} bytes. Keep it elsewhere; replace it after each batch."
    )


@command("restore")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--identity", type=click.Path(path_type=Path, exists=True), required=True, help="The age identity file.")
def restore(door: Door, file: Path, identity: Path) -> None:
    """Put the keys of an escrow FILE back into an empty keys folder."""
    count = escrow.read(file, identity, door.home / "keys")
    Vault(door.home / "keys")
    door.answer({"files": count}, f"{count} key files are back. Run `imvume doctor`, then `imvume verify`.")


for _command in (rotate, escrow_, restore):
    keys.add_command(_command)
command = keys
