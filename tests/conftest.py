"""What every test may ask for: a real PostgreSQL, and a tenant that no other test has."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from imvume.archive.house import House, storage_of
from imvume.basics import clock
from imvume.basics.ids import TenantId
from imvume.config import Config
from imvume.keys.vault import Vault
from imvume.store import tenants
from imvume.store.database import Database
from imvume.store.embedded import Postgres
from imvume.store.migrate import migrate

pytest_plugins = ["asterisk.fixture", "servers.s3"]  # a real Asterisk with calls on it, a real S3 server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for the whole run, with every migration applied."""
    # Not below tmp_path: pytest closes that to others, and under root the server is another user.
    home = Path(tempfile.mkdtemp(prefix="imvume-tests-"))
    try:
        with Postgres(home) as server:
            migrate(server.owner_dsn)
            yield server
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def _pool(postgres: Postgres) -> Iterator[Database]:
    with Database(postgres.dsn) as database:
        yield database


@pytest.fixture
def database(_pool: Database) -> Database:
    """The database as the program sees it: the role that owns nothing."""
    return _pool


@pytest.fixture
def tenant(database: Database) -> TenantId:
    """A tenant of this test alone; row-level security keeps all others out of its sight."""
    with database.transaction(None) as tx:
        return tenants.add(
            tx,
            "A contact centre",
            zone="Africa/Johannesburg",
            region="ZA",
            retention="fais-service",
            at=clock.now(),
        )


@pytest.fixture
def house(database: Database, tenant: TenantId, tmp_path: Path) -> House:
    """A house of this test alone: its own keys and objects, and the tenant with its shelf."""
    config = Config(home=tmp_path)
    vault = Vault.make(config.keys)
    with database.transaction(tenant) as tx:
        vault.begin(tx)
    return House(config, database, vault, storage_of(config))
