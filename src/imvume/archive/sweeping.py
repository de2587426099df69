"""Sweeping: objects that no living record needs. What a crash left, and what a destruction has yet to remove."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from uuid import UUID

from imvume.archive.house import House
from imvume.archive.storage import SUFFIX
from imvume.basics.ids import TenantId

STRAY_AGE = timedelta(hours=1)  # a younger one may be the recording that is being sealed this minute
SLICE = 1_000


def sweep(house: House, tenant: TenantId, *, at: datetime) -> int:
    """Remove the tenant's objects that belong to no living record; answers how many. Doing it twice does nothing.

    An object is older than STRAY_AGE, or it stays: its row may be about to be written.
    """
    removed, after = 0, ""
    while slice_ := list(itertools.islice(house.storage.list(f"t/{tenant}", after=after), SLICE)):
        after = slice_[-1][0]
        old = [path for path, _, written in slice_ if written < at - STRAY_AGE]
        asset_of = {path: id for path in old if (id := _asset(path))}
        with house.database.transaction(tenant) as tx:
            known = {row["asset_id"] for row in tx.all("archive.assets_known", assets=list(asset_of.values()))}
        for path in old:
            # What is not named as an asset is half an object: a writer that died.
            if asset_of.get(path) not in known:
                removed += house.storage.remove(path)
    return removed


def _asset(path: str) -> UUID | None:
    name = path.rsplit("/", 1)[-1]
    try:
        return UUID(name.removesuffix(SUFFIX)) if name.endswith(SUFFIX) else None
    except ValueError:
        return None
