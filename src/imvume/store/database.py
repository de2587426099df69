"""PostgreSQL: transactions that know their tenant, and queries that have a name.

A folder's SQL stands in its `queries.sql`, each query under a line `-- name --`
and a sentence that says what it is for. Code asks for "calls.find", never for SQL.
"""

from __future__ import annotations

import select
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from importlib.resources import files
from time import monotonic
from typing import Any, LiteralString

import psycopg
from psycopg import errors as pg
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool, PoolTimeout

from imvume.basics.ids import TenantId
from imvume.errors import Conflict, ImvumeError, NotFound, Unavailable

Row = dict[str, Any]

CONNECTIONS_MAX = 12  # a process; eight web threads and four for the work behind them
WAIT_SECONDS = 30.0  # for a free connection, and for PostgreSQL to come back
RETRY_SECONDS = 2.0  # the pool would wait ever longer between two tries, and find PostgreSQL back minutes too late
SLICE_ROWS = 1_000  # fetched at a time from a server-side cursor


class Database:
    """One pool of connections. Safe to share between threads, not between processes."""

    def __init__(self, dsn: str, *, connections_max: int = CONNECTIONS_MAX, wait_seconds: float = WAIT_SECONDS) -> None:
        self.dsn = dsn
        self._wait_seconds = wait_seconds
        self._pool = ConnectionPool(
            dsn,
            min_size=0,
            max_size=connections_max,
            timeout=RETRY_SECONDS,
            reconnect_timeout=RETRY_SECONDS,
            open=True,
            check=_check,
            kwargs={"row_factory": dict_row, "autocommit": False},
            configure=_configure,
            name="imvume",
        )

    @contextmanager
    def transaction(self, tenant: TenantId | None) -> Iterator[Tx]:
        """One transaction, committed when the block ends well, rolled back otherwise.

        tenant: whose rows may be seen; row-level security enforces it. None sees only
        the rows that belong to no tenant (the list of tenants, sign-in by token).
        Raises Unavailable when PostgreSQL cannot be reached or goes away.
        """
        try:
            with self._connection() as connection, connection.transaction():
                connection.execute(
                    "SELECT set_config('imvume.tenant', %s, true)", [str(tenant) if tenant else ""], prepare=True
                )
                yield Tx(connection, tenant)
        except (pg.AdminShutdown, pg.CrashShutdown, pg.CannotConnectNow, psycopg.InterfaceError, PoolTimeout) as error:
            raise _away() from error
        except psycopg.OperationalError as error:
            if isinstance(error, (pg.DiskFull, pg.OutOfMemory)):
                raise Unavailable(
                    "store.database.full",
                    "The database has no room left.",
                    why="PostgreSQL could not write.",
                    remedy="Free space on its disk; nothing was changed and the work will be tried again.",
                ) from error
            if error.sqlstate is None or error.sqlstate.startswith(("08", "57")):
                raise _away() from error
            raise

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection[Row]]:
        limit = monotonic() + self._wait_seconds
        with ExitStack() as stack:
            while True:
                try:
                    connection = stack.enter_context(self._pool.connection())
                    break
                except PoolTimeout:
                    if monotonic() >= limit:
                        raise
                    self._pool.check()  # after a restart all are dead; found one by one, each would cost a second
            yield connection

    def close(self) -> None:
        """Give every connection back."""
        self._pool.close()

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Tx:
    """A transaction in progress. Parameters are named; rows come back as dicts."""

    def __init__(self, connection: psycopg.Connection[Row], tenant: TenantId | None) -> None:
        self._connection = connection
        self.tenant_or_none = tenant

    @property
    def tenant(self) -> TenantId:
        """The tenant of this transaction. A programming error if there is none."""
        if self.tenant_or_none is None:
            raise AssertionError("this transaction belongs to no tenant")
        return self.tenant_or_none

    def all(self, name: LiteralString, /, **params: object) -> list[Row]:
        """Every row of the query `name`, such as "calls.find"."""
        return self._execute(name, params).fetchall()

    def one(self, name: LiteralString, /, **params: object) -> Row | None:
        """The first row of the query `name`, or None."""
        return self._execute(name, params).fetchone()

    def only(self, name: LiteralString, /, **params: object) -> Row:
        """The first row of the query `name`. Raises NotFound where there is none."""
        row = self.one(name, **params)
        if row is None:
            raise NotFound(
                "store.row.none", "There is no such record.", remedy="Check the reference; it may have been destroyed."
            )
        return row

    def run(self, name: LiteralString, /, **params: object) -> int:
        """Run the query `name` for its effect; answers how many rows it touched."""
        return self._execute(name, params).rowcount

    def many(self, name: LiteralString, /, rows: Sequence[Row]) -> None:
        """Run the query `name` once for each row, in one round trip."""
        with self._connection.cursor() as cursor:
            cursor.executemany(_query(name), [{"tenant": self.tenant_or_none, **row} for row in rows])

    def copy(self, table: LiteralString, columns: Sequence[LiteralString], rows: Iterable[Sequence[object]]) -> None:
        """Write many rows at once by COPY. Row-level security checks them like an insert."""
        statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)

    def stream(self, name: LiteralString, /, **params: object) -> Iterator[Row]:
        """The rows of the query `name`, fetched a slice at a time: memory stays flat."""
        with self._connection.cursor(name=f"stream_{name.replace('.', '_')}") as cursor:
            cursor.itersize = SLICE_ROWS
            cursor.execute(_query(name), {"tenant": self.tenant_or_none, **params})
            yield from cursor

    @property
    def connection(self) -> psycopg.Connection[Row]:
        """The connection itself, for `store/` only."""
        return self._connection

    def _execute(self, name: LiteralString, params: dict[str, object]) -> psycopg.Cursor[Row]:
        try:
            return self._connection.execute(_query(name), {"tenant": self.tenant_or_none, **params})
        except (pg.UniqueViolation, pg.ExclusionViolation, pg.SerializationFailure, pg.DeadlockDetected) as error:
            raise Taken(error.diag.constraint_name or "") from error


class Taken(Conflict):
    """Somebody else was first. `constraint` names what was taken, for the folder that knows what it means."""

    def __init__(self, constraint: str) -> None:
        super().__init__("store.row.taken", "Somebody else was first.", remedy="Look again, then decide anew.")
        self.constraint = constraint


def _check(connection: psycopg.Connection[Row]) -> None:
    # A server that restarted must not cost the next caller an error. An idle connection has
    # nothing to say: one that can be read from has most likely been closed. Asking the socket
    # first saves a round trip in every transaction; only the server's own answer is believed,
    # and lets libpq know that the connection is dead, without which the pool would keep it.
    if select.select([connection.fileno()], [], [], 0)[0]:
        ConnectionPool.check_connection(connection)


def _configure(connection: psycopg.Connection[Row]) -> None:
    # Joins of calls and participants stay inside a month: 26 to 60 times faster over
    # 24 partitions than the default (measured in bench/search).
    connection.execute("SET enable_partitionwise_join = on")
    connection.execute("SET timezone = 'UTC'")
    connection.commit()


def _away() -> ImvumeError:
    return Unavailable(
        "store.database.away",
        "The database does not answer.",
        why="PostgreSQL is stopped, restarting or unreachable.",
        remedy="Nothing was lost; run `imvume doctor`, then try again.",
    )


@cache
def _folder(folder: str) -> dict[str, LiteralString]:
    queries: dict[str, LiteralString] = {}
    name, lines = "", list[str]()
    text = files("imvume").joinpath(folder, "queries.sql").read_text("utf-8")
    for line in [*text.splitlines(), "-- end --"]:
        if line.startswith("-- ") and line.endswith(" --"):
            if name:
                # We vouch for these files as for code: they ship with it and take no input.
                queries[name] = "\n".join(lines).strip().rstrip(";")
            name, lines = line[3:-3].strip(), []
        else:
            lines.append(line)
    return queries


@cache
def _query(name: str) -> LiteralString:
    folder, _, query = name.partition(".")
    return _folder(folder)[query]
