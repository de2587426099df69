"""A PostgreSQL that is not ours, as a PBX has one: it listens on loopback and asks everybody for a password."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from imvume.store.account import account
from imvume.store.programs import programs

from .ports import free_ports


class PbxPostgres:
    """One server for the whole run. `owner` connects with every right, by the password in `password`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.password = folder, token_hex(12)
        (self.port,) = free_ports(1)
        self._account = account(folder / "data")
        self._programs = programs(self._account, folder)

    def start(self) -> None:
        """Make the data folder and start; it answers when this returns."""
        secret = self.folder / "secret"
        secret.write_text(self.password)
        (self.folder / "data").mkdir(mode=0o700)
        for path in (self.folder, secret, self.folder / "data"):
            os.chown(path, self._account.uid, self._account.gid)
        auth = ["--auth=scram-sha-256", f"--pwfile={secret}", "--username=owner"]
        self._run("initdb", "-D", self.folder / "data", "--encoding=UTF8", "--locale=C", "--no-sync", *auth)
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        self._run("pg_ctl", "start", "-D", self.folder / "data", "-l", self.folder / "log", "-w", "-o", options)

    def stop(self) -> None:
        """End it."""
        self._run("pg_ctl", "stop", "-D", self.folder / "data", "-m", "immediate", "-w")

    def dsn(self, database: str = "postgres") -> str:
        """Where the owner connects."""
        return make_conninfo(
            "", host="127.0.0.1", port=self.port, user="owner", password=self.password, dbname=database
        )

    def make(self, database: str, encoding: str) -> None:
        """A new database in an encoding of its own."""
        with psycopg.connect(self.dsn(), autocommit=True) as link:
            link.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING {}").format(
                    sql.Identifier(database), sql.Literal(encoding)
                )
            )

    def _run(self, program: str, *arguments: str | Path) -> None:
        code, said = self._account.run(self._programs / program, *arguments)
        assert code == 0, said


@pytest.fixture(scope="session")
def pbx_postgres() -> Iterator[PbxPostgres]:
    """A running PostgreSQL of somebody else's."""
    folder = Path(tempfile.mkdtemp(prefix="imvume-pbx-"))
    server = PbxPostgres(folder)
    try:
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
