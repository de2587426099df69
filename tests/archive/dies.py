"""Does one piece of work in a process of its own, so that it can be ended at a write boundary (IMVUME_TEST_DIE_AT).

python dies.py HOME DSN TENANT WORK [REF]
"""

from __future__ import annotations

import sys
from pathlib import Path
from uuid import UUID

from imvume.archive import destroying, shredding
from imvume.archive.house import House, storage_of
from imvume.basics.ids import CallId, TenantId
from imvume.calls import actions
from imvume.config import Config
from imvume.keys.vault import Vault
from imvume.store.database import Database
from recorded import AT, facts, pieces


def main() -> None:
    home, dsn, tenant_text, work, ref = sys.argv[1:6]
    config, tenant = Config(home=Path(home)), TenantId(UUID(tenant_text))
    with Database(dsn) as database:
        house = House(config, database, Vault(config.keys), storage_of(config))
        if work == "seal":
            actions.take_in(house, tenant, facts(ref), pieces(ref), at=AT)
        elif work == "destroy":
            with database.transaction(tenant) as tx:
                destroying.destroy(tx, CallId(UUID(ref)), ground="order", reason="Asked", by=None, at=AT)
            from imvume.basics.boundaries import passed

            passed("destroy.committed")
            with database.transaction(tenant) as tx:
                destroying.remove_objects(tx, house.storage, CallId(UUID(ref)))
        elif work == "shred":
            shredding.shred(house, tenant, at=AT)
        elif work == "rotate-buckets":
            house.vault.rotate_buckets(database, tenant, told=lambda *_: None)
        elif work == "rotate-root":
            house.vault.rotate_root()
        else:
            raise SystemExit(f"nobody knows how to {work}")


if __name__ == "__main__":
    main()
