"""One flipped bit anywhere in the database is found and named: every column of every table, read from the schema.

A new table or column fails here until it is covered, or stands in NOT_EVIDENCE with a sentence that says why not.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row
from test_verifying import check, lived_in

from imvume.archive.house import House
from imvume.basics.ids import TenantId
from imvume.store.embedded import Postgres

__all__ = ["lived_in"]

Owner = psycopg.Connection[dict[str, Any]]
PLACE = sql.SQL("ctid::text AS ctid, tableoid::int8 AS tableoid")

NOT_EVIDENCE = {
    "tenant": "settings of a tenant; what they decided stands with each record",
    "staff": "who works here; what they did is committed to by id",
    "sign_in": "open sessions, gone within a day",
    "attempt": "the brake on guessing, gone within a day",
    "listening": "which session hears what; each look itself is in access",
    "sweep": "where a long work stands; a lie makes it start again",
    "entry_pending": "tests/evidence does the same for the tables of the log",
    "entry": "tests/evidence",
    "tile": "tests/evidence",
    "checkpoint": "tests/evidence",
    "time_stamp": "tests/evidence",
    "migration": "what was applied; the program refuses to run on another",
}

WITHOUT_HARM = {
    (
        "bucket",
        "dying",
    ): "set, it costs one rotation; cleared, a destruction counts as final too early (threat model, C)",
}


def _columns(owner: Owner) -> dict[str, list[tuple[str, str]]]:
    rows = owner.execute(
        """SELECT c.table_name, c.column_name, c.data_type FROM information_schema.columns c
             JOIN pg_class k ON k.relname = c.table_name AND k.relnamespace = 'public'::regnamespace
            WHERE c.table_schema = 'public' AND k.relkind IN ('r', 'p') AND NOT k.relispartition
            ORDER BY 1, c.ordinal_position"""
    ).fetchall()
    tables: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        tables.setdefault(row["table_name"], []).append((row["column_name"], row["data_type"]))
    return tables


def _flipped(value: Any, kind: str) -> sql.Composable | None:
    if kind == "bytea":
        data = bytearray(value)
        if not data:
            return None
        data[len(data) // 2] ^= 1
        return sql.Literal(bytes(data))
    if kind in ("smallint", "integer", "bigint"):
        return sql.Literal(value ^ 1)
    if kind == "timestamp with time zone":
        return sql.Literal(value + timedelta(microseconds=1))
    if kind == "date":
        return sql.Literal(value + timedelta(days=1))
    if kind == "boolean":
        return sql.Literal(not value)
    if kind == "uuid":
        return sql.Literal(type(value)(int=value.int ^ 1))
    if kind == "text":
        return sql.Literal(value[:-1] + chr(ord(value[-1]) ^ 1)) if value else None
    if kind == "xid8":
        return None
    raise AssertionError(f"nobody has said how to flip a bit of {kind}")


@pytest.fixture
def owner(postgres: Postgres) -> Iterator[Owner]:
    """The role that may do everything, as whoever has the disks may."""
    with psycopg.connect(postgres.owner_dsn, row_factory=dict_row, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")  # no trigger and no foreign key stands in the way
        yield connection


def test_one_flipped_bit_in_any_column_of_any_row_is_named(lived_in: House, tenant: TenantId, owner: Owner) -> None:
    assert check(lived_in, tenant).findings == []
    unnoticed, tried = [], 0
    for table, columns in _columns(owner).items():
        if table in NOT_EVIDENCE:
            continue
        assert ("tenant_id", "uuid") in columns, table
        for column, kind in columns:
            if column == "tenant_id" or (table, column) in WITHOUT_HARM:
                continue
            for row in _samples(owner, table, column, tenant):
                flipped = _flipped(row["value"], kind)
                if flipped is None:
                    continue
                where = sql.SQL("{}.ctid = {}::tid AND tableoid = {}::oid").format(
                    sql.Identifier(table), sql.Literal(str(row["ctid"])), sql.Literal(row["tableoid"])
                )
                changed = _set(owner, table, column, flipped, where)
                if changed is None:
                    continue  # a constraint refused it
                tried += 1
                if not check(lived_in, tenant, deep=False).findings:
                    unnoticed.append(f"{table}.{column}")
                _set(owner, table, column, sql.Literal(row["value"]), changed)
    assert check(lived_in, tenant, deep=False).findings == []
    assert tried > 80
    assert sorted(set(unnoticed)) == []


def _samples(owner: Owner, table: str, column: str, tenant: TenantId) -> list[dict[str, Any]]:
    # The first and the last row in which the column says something: a living record, as a rule, and a dead one.
    query = sql.SQL("SELECT {p}, {c} AS value FROM {t} WHERE tenant_id = %s AND {c} IS NOT NULL").format(
        p=PLACE, c=sql.Identifier(column), t=sql.Identifier(table)
    )
    rows = owner.execute(query, [tenant]).fetchall()
    return rows[:1] + rows[-1:] if len(rows) > 1 else rows


def _set(owner: Owner, table: str, column: str, value: sql.Composable, where: sql.Composable) -> sql.Composable | None:
    try:
        row = owner.execute(
            sql.SQL("UPDATE {t} SET {c} = {v} WHERE {w} RETURNING {p}").format(
                t=sql.Identifier(table), c=sql.Identifier(column), v=value, w=where, p=PLACE
            )
        ).fetchone()
    except psycopg.errors.IntegrityError:
        return None
    assert row is not None
    return sql.SQL("{}.ctid = {}::tid AND tableoid = {}::oid").format(
        sql.Identifier(table), sql.Literal(row["ctid"]), sql.Literal(row["tableoid"])
    )
