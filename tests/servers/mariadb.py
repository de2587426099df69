"""A real MariaDB, as Asterisk, FreePBX and VICIdial keep their records in: its own data folder, ended by its pid."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

from .ports import free_ports

READY_SECONDS = 60.0


class MariaDb:
    """One server for the whole run, on a socket and on a loopback port. `root` may do all, without a password."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "server.sock"
        (self.port,) = free_ports(1)
        # Under root the server keeps root's rights only when told so, and its folder is nobody else's anyway.
        self._as = ["--user=root"] if os.geteuid() == 0 else []
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Make the data folder if there is none, start the server, wait until it answers."""
        data = self.folder / "data"
        if not data.exists():
            make = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--skip-test-db", *self._as]
            subprocess.run([*make, "--auth-root-authentication-method=normal"], check=True, capture_output=True)
        with (self.folder / "log").open("ab") as log:
            self._running = subprocess.Popen(
                [
                    shutil.which("mariadbd") or "/usr/sbin/mariadbd",
                    "--no-defaults",
                    f"--datadir={data}",
                    f"--socket={self.socket}",
                    "--bind-address=127.0.0.1",
                    f"--port={self.port}",
                    f"--pid-file={self.folder / 'pid'}",
                    "--skip-log-bin",
                    "--innodb-flush-log-at-trx-commit=0",
                    "--innodb-buffer-pool-size=32M",
                    "--key-buffer-size=8M",
                    # A PBX's server runs in its own wall clock, and so do the times in its tables.
                    "--default-time-zone=+02:00",
                    *self._as,
                ],
                stdout=log,
                stderr=log,
            )
        until = time.monotonic() + READY_SECONDS
        while True:
            if self._listens():  # pymysql leaves a socket open that it could not connect
                self.root("SELECT 1")
                return
            if time.monotonic() > until or self._running.poll() is not None:
                raise AssertionError((self.folder / "log").read_text("utf-8", "replace")[-2000:])
            time.sleep(0.1)

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as end:
            return end.connect_ex(str(self.socket)) == 0

    def stop(self) -> None:
        """End it, and wait until it has gone."""
        if self._running is not None:
            self._running.terminate()
            self._running.wait(60)
            self._running = None

    def root(self, *statements: str, database: str | None = None, charset: str = "utf8mb4") -> None:
        """Run statements with every right."""
        with (
            pymysql.connect(
                unix_socket=str(self.socket), user="root", database=database, charset=charset, autocommit=True
            ) as link,
            link.cursor() as cursor,
        ):
            for statement in statements:
                cursor.execute(statement)

    def insert(self, database: str, table: str, rows: list[dict[str, object]], *, charset: str = "utf8mb4") -> None:
        """Put rows into a table."""
        with (
            pymysql.connect(
                unix_socket=str(self.socket), user="root", database=database, charset=charset, autocommit=False
            ) as link,
            link.cursor() as cursor,
        ):
            columns = list(rows[0])
            named, holes = ", ".join(f"`{name}`" for name in columns), ", ".join(["%s"] * len(columns))
            cursor.executemany(
                f"INSERT INTO `{table}` ({named}) VALUES ({holes})",  # noqa: S608 -- a test's own names
                [tuple(row[name] for name in columns) for row in rows],
            )
            link.commit()


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDb]:
    """A running MariaDB; `mariadb.root` makes databases and users in it."""
    folder = Path(tempfile.mkdtemp(prefix="imvume-mariadb-"))
    server = MariaDb(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
