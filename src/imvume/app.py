"""The house, opened; and who keeps which promise.

The worker looks here for the handler of a job and for the duties that come round by the
clock; the doors open the house here. This is the one place that knows all the rooms.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from imvume import config as settings
from imvume.archive import destroying, shredding, sweeping
from imvume.archive.house import House, place_entries, storage_of
from imvume.basics.ids import CallId, TenantId
from imvume.errors import NotFound
from imvume.evidence import stamp
from imvume.keys.vault import Vault
from imvume.store import jobs, tenants
from imvume.store.database import Database
from imvume.store.embedded import Postgres

Handler = Callable[[House, TenantId, dict[str, Any]], None]

STOPPING = threading.Event()  # set when this process should end: long work looks at it between two slices


@dataclass(frozen=True, slots=True)
class Duty:
    """Something that comes round by the clock, in every worker; two of them at once must do no harm."""

    name: str
    every_seconds: float
    run: Callable[[House, datetime], None]


@contextmanager
def open_house(home: Path) -> Iterator[House]:
    """The house at `home`, with its database; the embedded PostgreSQL is started if it is the one in use.

    Raises NotFound where no house was ever started, so that a slip in a path does not make a new one.
    """
    config = settings.load(home)
    if not (config.keys / "root.key").exists():
        raise NotFound(
            "app.house.none",
            "There is no house here yet.",
            why="Nothing was ever started at this place.",
            remedy="Run `imvume start` to make one, or name the right place with --home or IMVUME_HOME.",
        )
    with ExitStack() as stack:
        dsn = config.dsn or stack.enter_context(Postgres(home)).dsn
        yield House(config, stack.enter_context(Database(dsn)), Vault(config.keys), storage_of(config))


def first_tenant(house: House, at: datetime) -> TenantId:
    """The oldest tenant of the house, with its keys; made from the settings where there is none yet."""
    config = house.config
    with house.database.transaction(None) as tx:
        tx.run("store.tenant_lock")  # two that start at once make one
        known = tenants.tenants(tx)
        tenant = (
            known[0].tenant_id
            if known
            else tenants.add(
                tx, "My contact centre", zone=config.zone, region=config.region, retention=config.retention, at=at
            )
        )
    with house.database.transaction(tenant) as tx:
        house.vault.begin(tx)  # again each time: a crash may have come between the tenant and its keys
    return tenant


def for_each_tenant(house: House, do: Callable[[TenantId], object]) -> None:
    """Do something for every tenant; one that fails does not keep the others waiting. Raises its error afterwards."""
    with house.database.transaction(None) as tx:
        known = tenants.tenants(tx)
    failed: Exception | None = None
    for tenant in known:
        try:
            do(tenant.tenant_id)
        except Exception as error:
            failed = failed or error
    if failed:
        raise failed


def _mend_queue(house: House, at: datetime) -> None:
    with house.database.transaction(None) as tx:
        jobs.mend(tx)
        jobs.forget(tx, before=at - timedelta(days=30))


def _place_entries(house: House, at: datetime) -> None:
    for_each_tenant(house, lambda tenant: place_entries(house, tenant, at=at))


def _remove_objects(house: House, tenant: TenantId, args: dict[str, Any]) -> None:
    with house.database.transaction(tenant) as tx:
        destroying.remove_objects(tx, house.storage, CallId(UUID(args["call"])))


def _sweep(house: House, at: datetime) -> None:
    for_each_tenant(house, lambda tenant: sweeping.sweep(house, tenant, at=at))


def _shred(house: House, at: datetime) -> None:
    for_each_tenant(house, lambda tenant: shredding.shred(house, tenant, at=at))


def _stamp(house: House, at: datetime) -> None:
    if not house.config.time_stamp_url:
        return
    for_each_tenant(house, lambda tenant: stamp.stamp(house.database, tenant, house.config.time_stamp_url, at=at))


JOBS: dict[str, Handler] = {
    "archive.remove_objects": _remove_objects,
}

DUTIES: list[Duty] = [
    Duty("evidence.place", 1, _place_entries),
    Duty("evidence.stamp", 3_600, _stamp),
    Duty("archive.sweep", 3_600, _sweep),
    Duty("archive.shred", 86_400, _shred),
    Duty("queue.mend", 60, _mend_queue),
]
