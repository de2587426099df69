"""A log of a tenant, to be written to, placed and tampered with."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from psycopg.rows import dict_row

from imvume.basics.ids import EntryId, TenantId, uuid7
from imvume.evidence import ledger, note
from imvume.evidence.sequencer import sequence
from imvume.keys.vault import Vault
from imvume.store.database import Database

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class Stranger:
    """Signs the logs of the same names under a key of its own."""

    def __init__(self) -> None:
        self.key = Ed25519PrivateKey.generate()

    def origin(self, tenant: TenantId) -> str:
        return f"imvume.local/log/{tenant}"

    def signing(self, tenant: TenantId) -> Ed25519PrivateKey:
        return self.key


@dataclass
class Log:
    """One log, to be written to, placed and tampered with."""

    database: Database
    tenant: TenantId
    vault: Vault
    owner_dsn: str

    @property
    def heads_in(self) -> Path:
        return self.vault.folder

    @property
    def vkey(self) -> note.Vkey:
        return note.vkey(self.vault, self.tenant)

    def say(self, count: int = 1) -> list[EntryId]:
        """Write entries of several types in one transaction."""
        entries = [
            ledger.Entry(type="archive.rewrapped", about=uuid7(), by=None, at=AT, fields={"assets": index})
            if index % 2
            else ledger.Entry(type="calls.taken", about=uuid7(), by=uuid7(), at=AT, fields={"commitment": b"c" * 32})
            for index in range(count)
        ]
        with self.database.transaction(self.tenant) as tx:
            return ledger.record_all(tx, entries)

    def place(self, at: datetime = AT, entries_max: int = 10_000) -> int:
        """Give places to one batch."""
        return sequence(self.database, self.vault, self.tenant, at=at, heads_in=self.heads_in, entries_max=entries_max)

    def placed(self, at: datetime = AT, entries_max: int = 10_000) -> int:
        """Give places to one batch that is known to wait.

        PostgreSQL's own housekeeping may run a transaction for an instant, and everything after it waits.
        """
        limit = time.monotonic() + 20
        while not (count := self.place(at, entries_max)) and time.monotonic() < limit:
            time.sleep(0.01)
        return count

    def place_all(self) -> None:
        """Give places until nothing waits."""
        with self.database.transaction(self.tenant) as tx:
            waiting = ledger.waiting(tx).count
        while waiting > 0:
            count = self.placed()
            assert count, "entries wait that nobody places"
            waiting -= count

    def grow(self, *batches: int) -> None:
        """Write and place batches of these sizes, a checkpoint after each."""
        for count in batches:
            self.say(count)
            assert self.placed() == count

    def rows(self, sql: str, *params: Any) -> list[dict[str, Any]]:
        """What the owner of the tables sees."""
        with psycopg.connect(self.owner_dsn, row_factory=dict_row) as connection:
            return connection.execute(sql, params).fetchall()

    def tamper(self, *statements: str | tuple[str, Sequence[Any]]) -> None:
        """Do as the owner of the tables, who can switch the triggers off, what nobody may."""
        with psycopg.connect(self.owner_dsn) as connection:
            connection.execute("ALTER TABLE tile DISABLE TRIGGER USER")
            for statement in statements:
                sql, params = (statement, ()) if isinstance(statement, str) else statement
                assert connection.execute(sql, params).rowcount != 0, sql
            connection.execute("ALTER TABLE tile ENABLE TRIGGER USER")

    def entries(self) -> list[dict[str, Any]]:
        return self.rows(
            "SELECT idx, entry_id, type, about, body FROM entry WHERE tenant_id = %s ORDER BY idx", self.tenant
        )

    def checkpoints(self) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM checkpoint WHERE tenant_id = %s ORDER BY size", self.tenant)
