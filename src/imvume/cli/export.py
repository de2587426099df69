"""`imvume export`: one call as a pack."""

from __future__ import annotations

from pathlib import Path

import click

from imvume.archive.house import place_entries
from imvume.calls import pack as packs
from imvume.cli.frame import Door, call_of, command, given_reason
from imvume.evidence import ledger
from imvume.staff.actions import looked


@command("export")
@click.argument("ref")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="The new file. [default: REF.zip]"
)
@click.option(
    "--to", "recipients", multiple=True, metavar="age1…", help="Encrypt it to this age recipient; repeatable."
)
@click.option("--reason", required=True, help="Why it leaves the house. It is kept with the call.")
def export(door: Door, ref: str, output: Path | None, recipients: tuple[str, ...], reason: str) -> None:
    """Write the call REF as a pack: sound, facts and proofs, to be checked with `imvume verify PACK.zip` anywhere."""
    given_reason(reason)
    with door.tenant() as (house, tenant):
        call = call_of(house, tenant, ref)
        to = output or Path(f"{ref}.zip{'.age' if recipients else ''}")
        place_entries(house, tenant, at=door.now())
        with house.database.transaction(tenant) as tx:
            looked(tx, tenant, None, "archive.exported", call, reason, door.now())
        done = packs.pack(house, tenant, call, to, recipients=recipients, at=door.now())
        with house.database.transaction(tenant) as tx:
            ledger.record(tx, "archive.packed", call, by=None, at=door.now(), digest=done.digest, size=done.size)
    facts = {"file": str(to), "bytes": done.size, "sha256": done.digest, "recordings": done.recordings}
    door.answer(facts, f"{to}: {done.recordings} recordings, {done.size:,} bytes\nsha256 {done.digest.hex()}")


command = export
