"""The second wall: as the program's own role, with one tenant set, no table shows or takes what is another's.

Every table is read from the schema, so that one which is added without its wall fails here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import errors as pg
from psycopg import sql
from psycopg.rows import dict_row

from imvume.archive import destroying, holding, shredding
from imvume.archive.house import House, place_entries
from imvume.basics.ids import StaffId, TenantId
from imvume.calls import actions
from imvume.staff.actions import looked
from imvume.store import tenants
from imvume.store.database import Database, Tx
from imvume.store.embedded import Postgres
from recorded import AT, facts, pieces

# Tables without a tenant. What they hold belongs to nobody, or to the house.
NOBODYS = {
    "attempt": "failed sign-ins by a keyed hash: who tries has no tenant yet",
    "migration": "what was applied to the database; the role may only read it",
}

# What stands between tenants by design, each with its reason: a function that runs as the owner is a door in the wall.
DOORS = {
    "open_month": "makes an empty partition",
    "session_of": "who comes in by a token has no tenant yet; the token's hash is the key",
    "sign_in_of": "the same, for a set-up link",
    "staff_of": "who signs in says an address, and has no tenant yet",
}

Owner = psycopg.Connection[dict[str, Any]]


@pytest.fixture
def owner(postgres: Postgres) -> Iterator[Owner]:
    """The role that owns the tables, for which there is no wall."""
    with psycopg.connect(postgres.owner_dsn, row_factory=dict_row, autocommit=True) as connection:
        yield connection


@pytest.fixture
def stranger(house: House, owner: Owner) -> TenantId:
    """Another tenant of the same house, with rows in every table."""
    with house.database.transaction(None) as tx:
        other = tenants.add(tx, "Another", zone="UTC", region="ZA", retention="fais-service", at=AT)
    with house.database.transaction(other) as tx:
        house.vault.begin(tx)
    call, gone = (actions.take_in(house, other, facts(ref), pieces(ref), at=AT).call for ref in ("1.0", "2.0"))
    with house.database.transaction(other) as tx:
        holding.hold(tx, house.vault, [call], reason="A matter", by=None, at=AT)
        destroying.destroy(tx, gone, ground="order", reason="Asked", by=None, at=AT)
        looked(tx, other, StaffId(uuid4()), "archive.opened", call, "A complaint", AT)
    shredding.shred(house, other, at=AT)
    place_entries(house, other, at=AT)
    with house.database.transaction(other) as tx:
        looked(tx, other, None, "archive.opened", call, "A complaint", AT)  # an entry without its place
        access = tx.connection.execute("SELECT access_id FROM access LIMIT 1").fetchone()
        assert access is not None
        mail, times = f"{uuid4()}@example.org", ("made_at", "seen_at", "fresh_at", "ends_at")
        for table, values in (
            ("staff", {"staff_id": uuid4(), "email": mail, "name": "Thandi", "role": "deputy", "made_at": AT}),
            ("sign_in", {"token_hash": uuid4().bytes, "kind": "session", **dict.fromkeys(times, AT)}),
            ("sweep", {"name": "verify", "started_at": AT, "moved_at": AT}),
            ("time_stamp", {"stamp_id": uuid4(), "size": 1, "authority": "a", "token": b"t", "stamped_at": AT}),
        ):  # fmt: skip
            _insert(tx, table, {"tenant_id": other, **values})
            if table == "sign_in":
                listening = {"token_hash": values["token_hash"], "call_id": call, "heard_at": AT}
                _insert(tx, "listening", {"tenant_id": other, **listening, "access_id": access["access_id"]})
    return other


def _insert(tx: Tx, table: str, values: dict[str, Any]) -> None:
    names = sql.SQL(", ").join(map(sql.Identifier, values))
    places = sql.SQL(", ").join(map(sql.Placeholder, values))
    tx.connection.execute(
        sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(sql.Identifier(table), names, places), values
    )


def _tables(owner: Owner, *, partitions: bool = False) -> list[str]:
    rows = owner.execute(
        """SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
              AND relispartition = %s ORDER BY relname""",
        [partitions],
    )
    return [row["relname"] for row in rows]


def _theirs(owner: Owner, table: str, other: TenantId) -> list[dict[str, Any]]:
    query = sql.SQL("SELECT t::text AS whole FROM {} t WHERE tenant_id = %s ORDER BY 1").format(sql.Identifier(table))
    return owner.execute(query, [other]).fetchall()


def test_every_table_has_its_wall_or_stands_in_the_list(owner: Owner) -> None:
    walled = {
        row["tablename"]
        for row in owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND rowsecurity")
    }
    assert set(_tables(owner)) - walled == set(NOBODYS)


def test_the_role_owns_nothing_and_no_wall_gives_way_to_it(database: Database) -> None:
    with database.transaction(None) as tx:
        role = tx.connection.execute("SELECT * FROM pg_roles WHERE rolname = current_user").fetchone()
        assert role is not None
        assert not any(role[power] for power in ("rolsuper", "rolbypassrls", "rolcreaterole", "rolcreatedb"))
        owned = "SELECT relname FROM pg_class WHERE relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user)"
        assert tx.connection.execute(owned).fetchall() == []
        made = tx.connection.execute("SELECT has_schema_privilege(current_user, 'public', 'CREATE') AS may").fetchone()
        assert made == {"may": False}


def test_another_tenants_rows_cannot_be_seen_in_any_table(
    database: Database, owner: Owner, tenant: TenantId, stranger: TenantId
) -> None:
    for table in _tables(owner):
        if table in NOBODYS:
            continue
        assert _theirs(owner, table, stranger), f"the stranger has nothing in {table}: this would prove nothing"
        query = sql.SQL("SELECT count(*) AS n FROM {} WHERE tenant_id <> %s").format(sql.Identifier(table))
        with database.transaction(tenant) as tx:
            assert tx.connection.execute(query, [tenant]).fetchone() == {"n": 0}, table


def test_without_a_tenant_no_table_shows_anything_but_the_list_of_tenants(
    database: Database, owner: Owner, stranger: TenantId
) -> None:
    for table in _tables(owner):
        if table in NOBODYS or table == "tenant":
            continue
        with database.transaction(None) as tx:
            query = sql.SQL("SELECT count(*) AS n FROM {}").format(sql.Identifier(table))
            assert tx.connection.execute(query).fetchone() == {"n": 0}, table


def test_another_tenants_rows_cannot_be_changed_removed_or_given_away_in_any_table(
    database: Database, owner: Owner, tenant: TenantId, stranger: TenantId
) -> None:
    for table in _tables(owner):
        if table in NOBODYS:
            continue
        name, before = sql.Identifier(table), _theirs(owner, table, stranger)
        for attempt in (
            sql.SQL("DELETE FROM {} WHERE tenant_id = %(other)s"),
            sql.SQL("UPDATE {} SET tenant_id = %(own)s WHERE tenant_id = %(other)s"),
            sql.SQL("UPDATE {} SET tenant_id = tenant_id WHERE tenant_id = %(other)s"),
        ):
            try:
                with database.transaction(tenant) as tx:
                    done = tx.connection.execute(attempt.format(name), {"own": tenant, "other": stranger})
                    assert done.rowcount == 0, table
            except pg.InsufficientPrivilege:
                pass  # the role may not do that to anyone's rows
        assert _theirs(owner, table, stranger) == before, table


def test_nothing_can_be_written_in_another_tenants_name_in_any_table(
    database: Database, owner: Owner, tenant: TenantId, stranger: TenantId
) -> None:
    for table in _tables(owner):
        if table in NOBODYS:
            continue
        name = sql.Identifier(table)
        [row] = owner.execute(sql.SQL("SELECT * FROM {} WHERE tenant_id = %s LIMIT 1").format(name), [stranger])
        with pytest.raises(pg.InsufficientPrivilege), database.transaction(tenant) as tx:  # before any constraint looks
            _insert(tx, table, row)


def test_a_partition_is_no_way_around_the_wall(database: Database, owner: Owner, stranger: TenantId) -> None:
    partitions = _tables(owner, partitions=True)
    assert partitions
    for table in partitions:
        with pytest.raises(pg.InsufficientPrivilege), database.transaction(stranger) as tx:
            tx.connection.execute(sql.SQL("SELECT 1 FROM {}").format(sql.Identifier(table)))


@pytest.mark.parametrize("verb", ["UPDATE {} SET tenant_id = tenant_id", "DELETE FROM {}", "TRUNCATE {}"])
@pytest.mark.parametrize("table", ["entry", "checkpoint", "time_stamp"])
def test_what_is_in_the_log_is_neither_changed_nor_removed(
    database: Database, stranger: TenantId, verb: str, table: str
) -> None:
    with pytest.raises(pg.InsufficientPrivilege), database.transaction(stranger) as tx:
        tx.connection.execute(verb.format(table).encode())


def test_a_function_that_runs_as_the_owner_is_known_pinned_and_not_for_everyone(owner: Owner) -> None:
    rows = owner.execute(
        """SELECT proname, proconfig, has_function_privilege('public', oid, 'EXECUTE') AS everyone FROM pg_proc
            WHERE prosecdef AND pronamespace = 'public'::regnamespace"""
    ).fetchall()
    assert {row["proname"] for row in rows} == set(DOORS)
    for row in rows:
        assert row["proconfig"] == ["search_path=public, pg_temp"], row["proname"]
        assert not row["everyone"], row["proname"]


@pytest.mark.parametrize(
    "month",
    ["0001-01-01 BC", "2026-01-01 BC", "1969-12-01", "10000-01-01", "5874897-01-01", "infinity", "-infinity", None],
)
def test_a_month_in_which_nobody_calls_is_not_opened(database: Database, tenant: TenantId, month: str | None) -> None:
    # The January of 2026 before our era had the name of ours, and stood in its place.
    with pytest.raises((psycopg.DataError, pg.FeatureNotSupported)), database.transaction(tenant) as tx:
        tx.connection.execute("SELECT open_month(%s::date)", [month])
