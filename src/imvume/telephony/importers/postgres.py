"""PostgreSQL as a home of call records (cdr_pgsql, cel_pgsql, or by ODBC)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from imvume.errors import ImvumeError
from imvume.telephony.importers import server
from imvume.telephony.importers.address import Address
from imvume.telephony.importers.server import CONNECT_SECONDS, SLICE_ROWS


class Postgres:
    """PostgreSQL."""

    instants = "timestamp with time zone"

    def __init__(self, address: Address) -> None:
        self._address = address
        self._link: psycopg.Connection[tuple[Any, ...]] | None = None

    def columns(self, table: str) -> Mapping[str, str]:
        """As the protocol says."""
        asked = (
            b"SELECT column_name, data_type FROM information_schema.columns"
            b" WHERE table_schema = ANY (current_schemas(false)) AND table_name = %s"
        )
        return {str(name).lower(): str(kind) for name, kind in self._run(asked, [table])}

    def indexed(self, table: str) -> frozenset[str]:
        """As the protocol says."""
        asked = (
            b"SELECT DISTINCT a.attname FROM pg_index i"
            b" JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
            b" WHERE i.indrelid = to_regclass(quote_ident(%s)) AND i.indpred IS NULL"
        )
        return frozenset(str(name).lower() for (name,) in self._run(asked, [table]))

    def stream(
        self, columns: Sequence[str], table: str, where: str, given: Sequence[object]
    ) -> Iterator[tuple[Any, ...]]:
        """As the protocol says."""
        named = ", ".join(map(self.quote, columns))
        statement = f"SELECT {named} FROM {self.quote(table)} WHERE {where}"  # noqa: S608 -- names are quoted and checked against the server's own list
        return self._run(statement.encode(), given)

    def quote(self, name: str) -> str:
        """As the protocol says."""
        return '"' + name.replace('"', '""') + '"'

    def close(self) -> None:
        """As the protocol says."""
        if self._link is not None:
            with suppress(psycopg.Error):
                self._link.close()
            self._link = None

    def _run(self, statement: bytes, given: Sequence[object]) -> Iterator[tuple[Any, ...]]:
        try:
            with self._connection().transaction(), self._connection().cursor(name="imvume_import") as cursor:
                cursor.itersize = SLICE_ROWS
                cursor.execute(statement, list(given))
                yield from cursor
        except psycopg.Error as error:
            self.close()
            raise _error(error) from error

    def _connection(self) -> psycopg.Connection[tuple[Any, ...]]:
        if self._link is None:
            address = self._address
            given = {
                "dbname": address.database,
                "host": address.options.get("socket") or address.host,
                "port": str(address.port or ""),
                "user": address.user,
                "password": address.password,
                "sslmode": address.options.get("sslmode"),
                "sslrootcert": address.options.get("sslrootcert"),
                "connect_timeout": str(CONNECT_SECONDS),
                "application_name": "imvume import",
            }
            conninfo = make_conninfo("", **{name: value for name, value in given.items() if value})
            self._link = psycopg.connect(conninfo)
            self._link.read_only = True
            if self._link.info.parameter_status("server_encoding") == "SQL_ASCII":
                # Such a server keeps whatever bytes came; Latin-1 is the reading that never fails.
                self._link.execute("SET client_encoding TO 'LATIN1'")
                self._link.commit()
        return self._link


def _error(error: psycopg.Error) -> ImvumeError:
    state = error.sqlstate or ""
    if state.startswith("28") or state == "42501":
        return server.denied()
    if state in ("3D000", "42P01", "42703"):
        return server.missing()
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return (
            server.denied()
            if "authentication failed" in str(error) or "no password supplied" in str(error)
            else server.away()
        )
    return server.other(f"SQLSTATE {state}")
