"""`imvume evidence`: the log, for those who do not take our word."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import click

from imvume.archive.house import place_entries
from imvume.basics.ids import EntryId
from imvume.cli.frame import Door, call_of, command
from imvume.errors import BadInput
from imvume.evidence import ledger, note, proof, publish, stamp
from imvume.evidence.standing import standing


@click.group("evidence")
def evidence() -> None:
    """Checkpoints, proofs, time-stamps; publish the log."""


@command("show")
def show(door: Door) -> None:
    """How the log stands: its newest checkpoint and the key that signs it."""
    with door.tenant() as (house, tenant):
        place_entries(house, tenant, at=door.now())
        with house.database.transaction(tenant) as tx:
            now = standing(tx, house.vault, house.vault.folder, at=door.now())
            key = str(note.vkey(house.vault, tenant))
    head = now.checkpoint
    facts = {
        "verdict": now.verdict,
        "says": now.says,
        "size": head.size if head else 0,
        "root": head.root if head else None,
        "key": key,
        "stamped_at": now.stamped_at,
    }
    door.answer(facts, f"{now.says}\n{facts['size']} entries\n{key}")


@command("of")
@click.argument("ref")
def of(door: Door, ref: str) -> None:
    """Everything the log says about the call REF and its recordings."""
    with door.tenant() as (house, tenant):
        call = call_of(house, tenant, ref)
        with house.database.transaction(tenant) as tx:
            assets = [row["asset_id"] for row in tx.all("archive.assets_of", call=call)]
            said = ledger.about(tx, call, *assets)
    lines = [f"{'-' if s.idx is None else s.idx:>9}  {s.type:<20} {s.entry_id}" for s in said]
    door.answer([s.body.decode() for s in said], "\n".join(lines))


@command("proof")
@click.argument("entry")
def proof_(door: Door, entry: str) -> None:
    """The proof that ENTRY is in the log, as a C2SP tlog-proof."""
    try:
        id = EntryId(UUID(entry))
    except ValueError:
        raise BadInput(
            "cli.entry.unreadable", "That is not the id of an entry.", remedy="See `imvume evidence of`."
        ) from None
    with door.tenant() as (house, tenant):
        place_entries(house, tenant, at=door.now())
        with house.database.transaction(tenant) as tx:
            text = proof.make(tx, id)
    door.answer({"proof": text}, text)


@command("publish")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def publish_(door: Door, folder: Path) -> None:
    """Write the log to FOLDER as C2SP tlog-tiles, to be served or given away. It holds nothing personal."""
    with door.tenant() as (house, tenant):
        place_entries(house, tenant, at=door.now())
        size = publish.publish(house.database, tenant, folder)
    door.answer({"folder": str(folder), "size": size}, f"{folder}: a log of {size} entries")


@command("stamp")
@click.option("--roots", type=click.Path(path_type=Path, exists=True), help="The authority's root certificates (PEM).")
def stamp_(door: Door, roots: Path | None) -> None:
    """Have the newest checkpoint stamped with the time by the authority in the settings (RFC 3161)."""
    with door.tenant() as (house, tenant):
        place_entries(house, tenant, at=door.now())
        trusted = stamp.certificates(roots.read_bytes()) if roots else []
        done = stamp.stamp(house.database, tenant, house.config.time_stamp_url, at=door.now(), roots=trusted)
    door.answer(
        {"stamped": done is not None}, "Stamped." if done else "It was stamped before; nothing has been added since."
    )


for _command in (show, of, proof_, publish_, stamp_):
    evidence.add_command(_command)
command = evidence
