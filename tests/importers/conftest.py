"""What the tests of importing may ask for besides a house: a PBX's own database."""

from __future__ import annotations

import pytest

from servers.mariadb import mariadb
from servers.pbx_postgres import pbx_postgres
from servers.ports import free_ports

__all__ = ["mariadb", "pbx_postgres"]


@pytest.fixture
def unused_port() -> int:
    """A loopback port where nobody answers."""
    return free_ports(1)[0]
