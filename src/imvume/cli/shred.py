"""`imvume shred`: the daily batch, by hand."""

from __future__ import annotations

from imvume.archive import shredding
from imvume.cli.frame import Door, command


@command("shred")
def shred(door: Door) -> None:
    """Make every destruction final. The worker does this once a day; take a backup and an escrow after it."""
    with door.tenant() as (house, tenant):
        done = shredding.shred(house, tenant, at=door.now())
    door.answer(
        {"epochs": done.epochs, "buckets": done.buckets, "final": done.final},
        f"{done.final} destructions are final; {done.epochs} epochs and {done.buckets} buckets have new keys.",
    )


command = shred
