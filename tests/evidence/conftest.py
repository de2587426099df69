"""A log of a tenant, with a real vault, for the tests of the evidence."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from a_log import AT, Log
from a_tsa import Authority, serving

from imvume.basics.ids import TenantId
from imvume.evidence import stamp
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


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A time-stamp authority that stamps for real."""
    return Authority.make(tmp_path_factory.mktemp("tsa"))


@pytest.fixture
def stamped(log: Log, authority: Authority) -> Callable[[], None]:
    """Have the newest checkpoint stamped."""

    def once() -> None:
        with serving(authority.good) as address:
            assert stamp.stamp(log.database, log.tenant, address, at=AT, roots=[authority.root])

    return once
