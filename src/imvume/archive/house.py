"""The house: what an action needs when it outlives one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from imvume.archive.storage import Disk, ObjectStore, Storage
from imvume.basics.ids import TenantId
from imvume.config import Config
from imvume.evidence import sequencer
from imvume.keys.vault import Vault
from imvume.store.database import Database


@dataclass(frozen=True, slots=True)
class House:
    """Settings, database, keys and objects of one installation. Shared between threads."""

    config: Config
    database: Database
    vault: Vault
    storage: Storage


def storage_of(config: Config) -> Storage:
    """The place for objects that the settings name: an object store, else a folder in the house."""
    if config.storage:
        return ObjectStore(
            config.storage,
            endpoint=config.storage_endpoint,
            region=config.storage_region,
            key_file=config.storage_key_file,
        )
    return Disk(config.objects)


def place_entries(house: House, tenant: TenantId, *, at: datetime) -> int:
    """Give every waiting entry of the log its place; answers how many. The worker does this every second."""
    placed = 0
    while count := sequencer.sequence(house.database, house.vault, tenant, at=at, heads_in=house.vault.folder):
        placed += count
    return placed
