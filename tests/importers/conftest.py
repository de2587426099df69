"""What the tests of importing may ask for besides a house: a PBX's own databases, and a folder to import."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from importing import Bench

from imvume.archive.house import House
from imvume.basics.ids import TenantId
from servers.mariadb import mariadb
from servers.pbx_postgres import pbx_postgres
from servers.ports import free_ports

__all__ = ["mariadb", "pbx_postgres"]


@pytest.fixture
def unused_port() -> int:
    """A loopback port where nobody answers."""
    return free_ports(1)[0]


@pytest.fixture
def bench(tmp_path: Path, house: House, tenant: TenantId) -> Iterator[Bench]:
    """An empty folder and a house to import it into."""
    (tmp_path / "monitor").mkdir()
    made = Bench(tmp_path / "monitor", house, tenant)
    yield made
    made.close()
