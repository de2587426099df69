"""Rows that somebody put in or took out are named, too: not only those in which a bit was flipped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from test_verifying import check, codes, lived_in

from imvume.archive import destroying, shredding
from imvume.archive.house import House
from imvume.basics.ids import TenantId
from imvume.store.embedded import Postgres
from recorded import AT, Take

__all__ = ["lived_in"]


@pytest.fixture
def owner(postgres: Postgres) -> Iterator[psycopg.Connection[Any]]:
    """The role that may do everything, as whoever has the disks may."""
    with psycopg.connect(postgres.owner_dsn, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        yield connection


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("DELETE FROM access WHERE tenant_id = %s", "staff.look.removed"),
        ("DELETE FROM identifier WHERE tenant_id = %s AND kind = 'phone'", "subjects.identifier.removed"),
        (
            "WITH gone AS (DELETE FROM identifier WHERE tenant_id = %s RETURNING subject_id) DELETE FROM data_subject",
            "subjects.identifier.removed",
        ),
        (
            "INSERT INTO call_source SELECT tenant_id, source, 'not-to-come-in', call_id FROM call"
            " WHERE tenant_id = %s LIMIT 1",
            "calls.source.strange",
        ),
        ("UPDATE data_subject SET key_id = NULL WHERE tenant_id = %s", "archive.key.orphaned"),
        ("DELETE FROM call WHERE tenant_id = %s", "calls.call.removed"),
        ("DELETE FROM held WHERE tenant_id = %s", "archive.hold.changed"),
        ("DELETE FROM destruction WHERE tenant_id = %s", "archive.destruction.removed"),
    ],
)
def test_what_was_put_in_or_taken_out_is_named(
    lived_in: House, tenant: TenantId, owner: psycopg.Connection[Any], statement: str, code: str
) -> None:
    if "data_subject" in statement and "WITH" in statement:
        statement += " WHERE subject_id IN (SELECT subject_id FROM gone)"
    done = owner.execute(statement.encode(), [tenant])
    assert done.rowcount > 0
    assert code in codes(check(lived_in, tenant, deep=False))


def test_a_destroyed_key_that_was_put_back_before_the_batch_is_named(
    house: House, tenant: TenantId, take: Take, owner: psycopg.Connection[Any]
) -> None:
    # The batch takes it for a survivor and wraps it again: last month's backup would open the recording for ever.
    call = take().call
    owner.execute("CREATE TEMP TABLE backup AS SELECT * FROM sealed_key WHERE tenant_id = %s", [tenant])
    with house.database.transaction(tenant) as tx:
        destroying.destroy(tx, call, ground="order", reason="Asked", by=None, at=AT)
        [row] = tx.all("archive.epochs_open")
        shredding.renew_epoch(tx, house.vault, row["epoch_id"], at=AT)
    owner.execute("INSERT INTO sealed_key SELECT * FROM backup ON CONFLICT DO NOTHING")
    with house.database.transaction(tenant) as tx:
        destroying.remove_objects(tx, house.storage, call)
    shredding.shred(house, tenant, at=AT)
    assert "archive.key.orphaned" in codes(check(house, tenant))
