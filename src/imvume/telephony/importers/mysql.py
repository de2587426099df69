"""MySQL and MariaDB: where Asterisk, FreePBX and VICIdial mostly keep their records."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pymysql
import pymysql.cursors
from pymysql.constants import CR, ER

from imvume.errors import ImvumeError
from imvume.telephony.importers import server
from imvume.telephony.importers.address import Address
from imvume.telephony.importers.server import ANSWER_SECONDS, CONNECT_SECONDS, SLICE_ROWS

_SOCKETS = ("/run/mysqld/mysqld.sock", "/var/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock")
_DENIED = {ER.ACCESS_DENIED_ERROR, ER.DBACCESS_DENIED_ERROR, ER.TABLEACCESS_DENIED_ERROR, ER.COLUMNACCESS_DENIED_ERROR}
_GONE = {ER.CON_COUNT_ERROR, ER.SERVER_SHUTDOWN, ER.NEW_ABORTING_CONNECTION}  # the server says so itself
_MISSING = {ER.NO_SUCH_TABLE, ER.BAD_DB_ERROR, ER.BAD_FIELD_ERROR}


class MySql:
    """MySQL or MariaDB."""

    instants = "timestamp"

    def __init__(self, address: Address) -> None:
        self._address = address
        self._link: pymysql.connections.Connection[Any] | None = None

    def columns(self, table: str) -> Mapping[str, str]:
        """As the protocol says."""
        asked = (
            "SELECT column_name, data_type FROM information_schema.columns"
            " WHERE table_schema = database() AND table_name = %s"
        )
        return {str(name).lower(): str(kind).lower() for name, kind in self._run(asked, [table])}

    def indexed(self, table: str) -> frozenset[str]:
        """As the protocol says."""
        asked = (
            "SELECT DISTINCT column_name FROM information_schema.statistics"
            " WHERE table_schema = database() AND table_name = %s AND seq_in_index = 1"
        )
        return frozenset(str(name).lower() for (name,) in self._run(asked, [table]))

    def stream(
        self, columns: Sequence[str], table: str, where: str, given: Sequence[object]
    ) -> Iterator[tuple[Any, ...]]:
        """As the protocol says."""
        named = ", ".join(map(self.quote, columns))
        return self._run(f"SELECT {named} FROM {self.quote(table)} WHERE {where}", given)  # noqa: S608 -- names are quoted and checked against the server's own list

    def quote(self, name: str) -> str:
        """As the protocol says."""
        return "`" + name.replace("`", "``") + "`"

    def close(self) -> None:
        """As the protocol says."""
        if self._link is not None:
            with suppress(pymysql.err.MySQLError, OSError):
                self._link.close()
            self._link = None

    def _run(self, statement: str, given: Sequence[object]) -> Iterator[tuple[Any, ...]]:
        try:
            with closing(self._connection().cursor(pymysql.cursors.SSCursor)) as cursor:
                cursor.execute(statement, list(given))
                while rows := cursor.fetchmany(SLICE_ROWS):
                    yield from rows
        except (pymysql.err.MySQLError, OSError) as error:
            self.close()
            raise _error(error) from error

    def _connection(self) -> pymysql.connections.Connection[Any]:
        if self._link is None:
            defaults = Path.home() / ".my.cnf"
            self._link = pymysql.connect(
                database=self._address.database,
                charset="utf8mb4",
                connect_timeout=CONNECT_SECONDS,
                read_timeout=ANSWER_SECONDS,
                autocommit=True,
                **({"read_default_file": str(defaults)} if defaults.is_file() else {}),
                **self._where(),
            )
            with self._link.cursor() as cursor:
                # Timestamps come in UTC, whatever zone the server lives in; and we hold ourselves to reading.
                cursor.execute("SET time_zone = '+00:00'")
                with suppress(pymysql.err.ProgrammingError):  # before MySQL 5.6 there is only the GRANT to hold us
                    cursor.execute("SET SESSION TRANSACTION READ ONLY")
        return self._link

    def _where(self) -> dict[str, Any]:
        address, where = self._address, dict[str, Any]()
        socket = address.options.get("socket", "")
        if not socket and address.host in ("", "localhost") and address.port is None:
            socket = next((path for path in _SOCKETS if os.path.exists(path)), "")
        if socket:
            where["unix_socket"] = socket
        elif address.host:
            where["host"] = address.host
        if address.port is not None:
            where["port"] = address.port
        if address.user:
            where["user"] = address.user
        if address.password is not None:
            where["password"] = address.password
        if "ssl_ca" in address.options:
            where |= {"ssl_ca": address.options["ssl_ca"], "ssl_verify_cert": True, "ssl_verify_identity": True}
        return where


def _error(error: Exception) -> ImvumeError:
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    if number in _DENIED:
        return server.denied()
    if number in _MISSING:
        return server.missing()
    if isinstance(error, OSError) or number >= CR.CR_ERROR_FIRST or number in _GONE:
        return server.away()
    return server.other(f"MySQL error {number}")
