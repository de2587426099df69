"""A log of a tenant, with a real vault, for the tests of the evidence."""

from __future__ import annotations

import pytest
from a_log import Log

from imvume.basics.ids import TenantId
from imvume.keys.vault import Vault
from imvume.store.database import Database
from imvume.store.embedded import Postgres


@pytest.fixture
def vault(tmp_path_factory: pytest.TempPathFactory) -> Vault:
    return Vault.make(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def log(postgres: Postgres, database: Database, tenant: TenantId, vault: Vault) -> Log:
    """An empty log of a tenant of this test alone."""
    with database.transaction(tenant) as tx:
        vault.begin(tx)
    return Log(database, tenant, vault, postgres.owner_dsn)
