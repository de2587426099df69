"""A tenant with keys, and people who work there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from imvume.basics import clock
from imvume.basics.ids import TenantId
from imvume.keys.vault import Vault
from imvume.staff import actions, passwords
from imvume.staff.actions import Session
from imvume.store.database import Database

PASSWORD = "koffie brood venster trein"
IDLE = timedelta(hours=1)


@dataclass
class Office:
    """One tenant's staff room."""

    database: Database
    vault: Vault
    tenant: TenantId
    at: datetime

    @property
    def email(self) -> str:
        """Thandi's address; of this tenant alone, for all share one database."""
        return f"Thandi.{self.tenant.hex}@example.org"

    def begin(self) -> str:
        """Thandi takes up a link; answers her session's token."""
        with self.database.transaction(self.tenant) as tx:
            link = actions.set_up_link(tx, self.tenant, self.at)
        return actions.take_up(
            self.database, link, name="Thandi Mokoena", email=self.email, password=PASSWORD, at=self.at
        )

    def sign_in(self, password: str = PASSWORD, *, email: str = "", address: str = "10.0.0.7") -> str:
        """Somebody signs in, or tries."""
        return actions.sign_in(
            self.database, self.vault, email or self.email, password, address=f"{self.tenant}/{address}", at=self.at
        )

    def who(self, token: str) -> Session | None:
        """Who that token is."""
        return actions.session(self.database, token, at=self.at, idle=IDLE)

    def known(self, token: str) -> Session:
        """The same, where it must be somebody."""
        found = self.who(token)
        assert found is not None
        return found


@pytest.fixture(autouse=True)
def _quick_passwords(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real argon2id with the least it takes: these tests guess by the hundred, and it is slow on purpose."""
    if request.node.get_closest_marker("slow"):
        return
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    monkeypatch.setattr(passwords, "_nobodys", lambda: passwords._HASHER.hash("a password that nobody has"))


@pytest.fixture
def office(database: Database, tenant: TenantId, tmp_path: Path) -> Office:
    """A tenant with keys and nobody in it yet."""
    vault = Vault.make(tmp_path / "keys")
    with database.transaction(tenant) as tx:
        vault.begin(tx)
    return Office(database, vault, tenant, clock.now())
