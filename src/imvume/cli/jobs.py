"""`imvume jobs`: work that was laid aside."""

from __future__ import annotations

import click

from imvume.cli.frame import Door, command
from imvume.store import jobs as promises


@command("jobs")
@click.argument("ids", nargs=-1, type=int, metavar="[JOB]...")
@click.option("--again", is_flag=True, help="Try the jobs named once more; without a name, all of them.")
def jobs(door: Door, ids: tuple[int, ...], again: bool) -> None:
    """List the jobs that failed until they were laid aside, with the code of what ended them."""
    with door.house() as house, house.database.transaction(None) as tx:
        parked = promises.parked(tx)
        if again:
            wanted = ids or tuple(job.job for job in parked)
            promises.again(tx, wanted)
            return door.answer({"again": wanted}, f"{len(wanted)} jobs will be tried again.")
        waiting = promises.waiting(tx)
    lines = [f"{job.job:>8}  {job.name:<24}{job.since:%Y-%m-%d %H:%M}  {job.code}" for job in parked]
    door.answer(
        {"waiting": waiting, "parked": [job._asdict() for job in parked]},
        "\n".join([*lines, f"{len(parked)} laid aside, {waiting} waiting."]),
    )


command = jobs
