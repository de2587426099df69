"""`imvume destroy`: a call's recordings, and the certificate that says so."""

from __future__ import annotations

from pathlib import Path

import click

from imvume.archive import certificate, destroying
from imvume.archive.house import place_entries
from imvume.cli.frame import Door, call_of, command
from imvume.errors import NotFound


@click.group("destroy")
def destroy() -> None:
    """Destroy a call's recordings; certify a destruction."""


@command("call")
@click.argument("ref")
@click.option("--reason", required=True, help="Why. The certificate states it.")
@click.option("--when-released", is_flag=True, help="Under a hold: wait for it to end, instead of refusing.")
@click.option("--dry-run", is_flag=True, help="Say what would be destroyed, and do nothing.")
def call_(door: Door, ref: str, reason: str, when_released: bool, dry_run: bool) -> None:
    """Destroy the recordings of the call REF. No copy can be opened once the daily batch has run (`imvume shred`)."""
    with door.tenant() as (house, tenant):
        call = call_of(house, tenant, ref)
        with house.database.transaction(tenant) as tx:
            if dry_run:
                assets = [row for row in tx.all("archive.assets_of", call=call) if row["destroyed_at"] is None]
                holds = [row["ref"] for row in tx.all("archive.holds_of", call=call)]
                size = sum(row["size"] for row in assets)
                text = f"{len(assets)} records of {size:,} bytes would be destroyed."
                if holds:
                    text = f"Nothing would be destroyed now: it is under the hold {', '.join(holds)}."
                return door.answer({"assets": len(assets), "bytes": size, "holds": holds, "dry_run": True}, text)
            done = destroying.destroy(
                tx, call, ground="order", reason=reason, by=None, at=door.now(), when_released=when_released
            )
        with house.database.transaction(tenant) as tx:
            destroying.remove_objects(tx, house.storage, call)
    text = f"{done.assets} records destroyed: {done.destruction}" if done.destroyed else "It waits for its hold to end."
    door.answer({"destruction": done.destruction, "destroyed": done.destroyed, "waits_for": done.waits_for}, text)


@command("certify")
@click.argument("ref")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write it to this new file.")
def certify(door: Door, ref: str, output: Path | None) -> None:
    """The certificate of the destruction of the call REF, with its proof."""
    with door.tenant() as (house, tenant):
        call = call_of(house, tenant, ref)
        place_entries(house, tenant, at=door.now())
        with house.database.transaction(tenant) as tx:
            rows = [row for row in tx.all("archive.destructions_of", call=call) if row["destroyed_at"]]
            if not rows:
                raise NotFound(
                    "cli.destruction.none",
                    "Nothing of this call has been destroyed.",
                    remedy="Destroy it with `imvume destroy call`, if it may be.",
                )
            made = certificate.certify(tx, house.vault, rows[0])
    text = certificate.as_text(made)
    if output:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    door.answer(made, text if output is None else f"{output}")


for _command in (call_, certify):
    destroy.add_command(_command)
command = destroy
