"""The embedded PostgreSQL: made, started, shared and stopped for one house.

It listens on a socket alone, and knows its clients by the user they run as (peer
authentication). The wheels' own starters trust every local user; this one trusts us.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import re
import shlex
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from imvume.errors import ImvumeError, Unavailable
from imvume.store import postmaster
from imvume.store.account import Account, account
from imvume.store.database import Tx
from imvume.store.programs import programs

SOCKET_PATH_MAX = 107  # bytes, by the kernel's sockaddr_un
START_TRIES_SECONDS = 10.0  # a postmaster that was killed may stay a zombie, and hold its lock, for a second or two
RECOVERY_SECONDS = 3600  # replaying a large log after a crash takes long, and is not to be cut short

SETTINGS = """\
# Written anew by Imvume at every start. Your own settings go in with ALTER SYSTEM, and win.
listen_addresses = ''
port = 5432
unix_socket_permissions = 0700
max_connections = 100
max_locks_per_transaction = 256   # a query over years of monthly tables locks each of them, and their indexes
shared_buffers = 128MB
max_wal_size = 1GB
fsync = on
full_page_writes = on
synchronous_commit = on
timezone = 'UTC'
log_timezone = 'UTC'
datestyle = 'iso, ymd'
default_text_search_config = 'pg_catalog.simple'
logging_collector = on
log_filename = 'server-%d.log'    # a month of days, each overwritten when it comes round
log_truncate_on_rotation = on
log_rotation_age = 1d
log_rotation_size = 0
# What PostgreSQL says of a failed statement quotes rows and parameters, and those are people.
log_error_verbosity = terse
log_min_error_statement = panic
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
"""

ADMISSION = """\
# Written anew by Imvume at every start: this socket, these roles, known by the user of the system.
local  imvume,postgres  imvume      peer map=imvume
local  imvume           imvume_app  peer map=imvume
local  replication      imvume      peer map=imvume
"""


class Postgres:
    """The server of the house at `home`. Use it as a context, or call start() and stop().

    Any number of processes may start the same house: the first makes the server, the
    others attach, and the last to leave stops it. A process that is killed has left.
    """

    def __init__(self, home: Path) -> None:
        self.folder = home.absolute() / "postgres"
        self.data = self.folder / "data"
        self._socket: Path | None = None
        self._using: int | None = None

    @property
    def dsn(self) -> str:
        """Where the role `imvume_app`, which owns no table, connects."""
        return self._dsn("imvume_app", "imvume")

    @property
    def owner_dsn(self) -> str:
        """Where the role `imvume`, which owns everything, connects. Only to migrate."""
        return self._dsn("imvume", "imvume")

    def start(self) -> None:
        """Make the server if there is none, start it if it does not run, and attach.

        Returns once it answers: about 2 s for a new house, 0.2 s for a known one, longer after a
        crash. Called again, it starts a server that died meanwhile.
        Raises Unavailable with a code `store.embedded.*` for whatever stands in the way.
        """
        try:
            self._lay_out()
            with self._turn():
                if (socket := self._serving()) is None:
                    socket = self._launch()
                self._socket = socket
                self._found()
                if self._using is None:
                    self._using = os.open(self.folder / "users", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                    fcntl.flock(self._using, fcntl.LOCK_SH)
        except PermissionError as error:
            raise _not_ours() from error
        except OSError as error:
            raise _no_start("The system refused: " + os.strerror(error.errno or 0) + ".") from error
        except psycopg.Error as error:
            raise _no_start("It started and does not answer.") from error

    def serving(self) -> bool:
        """Whether the server answers, or will in a moment; cheap enough to ask every second."""
        told = postmaster.read(self.data)
        return told is not None and postmaster.alive(told[0], self.data)

    def stop(self) -> None:
        """Leave, and stop the server if nobody else of this house is using it."""
        if self._using is None:
            return
        using, self._using, self._socket = self._using, None, None
        try:
            with self._turn():
                try:
                    fcntl.flock(using, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return  # somebody is still here
                who = account(self.data)
                who.run(self._programs(who) / "pg_ctl", "stop", "-D", self.data, "-m", "fast", "-w", "-t", "60")
        finally:
            os.close(using)

    def __enter__(self) -> Postgres:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _dsn(self, role: str, database: str) -> str:
        if self._socket is None:
            raise AssertionError("the embedded PostgreSQL is not started")
        return make_conninfo(host=str(self._socket), port=5432, user=role, dbname=database)

    def _programs(self, who: Account) -> Path:
        with suppress(FileNotFoundError):
            return programs(who, self.folder, major=int((self.data / "PG_VERSION").read_text().strip()))
        return programs(who, self.folder)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        # One at a time may make, start or stop. The kernel takes the lock back from the dead.
        lock = os.open(self.folder / "turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _lay_out(self) -> None:
        """The folders, such that the server's user can walk to his own and to nothing else."""
        home = self.folder.parent
        for folder in (home, self.folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        who = account(self.data)
        if not who.other:
            if self.data.exists() and self.data.stat().st_uid != who.uid:
                raise _not_ours()
            return
        for folder in (home, self.folder):
            if folder.stat().st_uid == 0 and not who.reaches(folder):
                os.chown(folder, 0, who.gid)
                folder.chmod(stat.S_IMODE(folder.stat().st_mode) | 0o010)
        if not who.reaches(self.folder):
            raise Unavailable(
                "store.embedded.unreachable",
                "The user that PostgreSQL runs as cannot walk to the folder of the house.",
                why="PostgreSQL does not run as root, and a folder above the house is closed to others.",
                remedy="Choose a house below /var/lib with --home, or run Imvume as an ordinary user.",
            )

    def _serving(self) -> Path | None:
        """The socket folder of the server that runs on our data, once it is ready; None if none runs."""
        limit = time.monotonic() + RECOVERY_SECONDS
        while (told := postmaster.read(self.data)) and postmaster.alive(told[0], self.data):
            if told[2] == "ready":
                return told[1]
            if time.monotonic() > limit:
                raise _no_start("It has been starting or stopping for an hour.")
            time.sleep(0.05)
        return None

    def _launch(self) -> Path:
        who = account(self.data)
        bin = self._programs(who)
        if not (self.data / "PG_VERSION").exists():
            self._make(who, bin)
        socket = self._socket_folder(who)
        options = self._settings(who, socket)
        limit = time.monotonic() + START_TRIES_SECONDS
        while True:
            postmaster.forget_stranger(self.data)
            code, said = who.run(
                bin / "pg_ctl", "start", "-D", self.data, "-l", self.data / "start.log",
                "-w", "-t", str(RECOVERY_SECONDS), "-o", options,
            )  # fmt: skip
            if code == 0:
                return socket
            if time.monotonic() > limit:
                raise _no_start(_reason(said + _tail(self.data / "start.log")))
            time.sleep(0.25)

    def _make(self, who: Account, bin: Path) -> None:
        """A new, empty cluster; complete or not there at all."""
        part = self.folder / "data.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(mode=0o700)
        if who.other:
            os.chown(part, who.uid, who.gid)
        code, said = who.run(
            bin / "initdb", "-D", part, "--username=imvume", "--auth=peer",
            "--locale=C", "--encoding=UTF8",  # without the encoding, the locale C means SQL_ASCII
            "--data-checksums",
        )  # fmt: skip
        if code != 0:
            raise _no_start(_reason(said))
        part.rename(self.data)

    def _socket_folder(self, who: Account) -> Path:
        """Where the socket goes: in the house if its path is short and plain enough, else a private folder."""
        folder = self.folder / "socket"
        if len(os.fsencode(folder / ".s.PGSQL.5432")) > SOCKET_PATH_MAX or not re.fullmatch(r"[\w./+-]+", str(folder)):
            mark = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
            runtime = "/run" if os.geteuid() == 0 else os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
            folder = Path(runtime, f"imvume-{mark}")
        folder.mkdir(mode=0o700, exist_ok=True)
        if who.other and folder.stat().st_uid == 0 and not folder.is_symlink():
            os.chown(folder, who.uid, who.gid)
        found = folder.lstat()
        # Anyone may make a folder in /tmp before us; we put no socket in a stranger's hands.
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != who.uid:
            raise Unavailable(
                "store.embedded.socket-taken",
                "The folder for PostgreSQL's socket belongs to somebody else.",
                remedy="Choose a house with a shorter path, or remove that folder from the folder of temporary files.",
            )
        folder.chmod(0o700)
        return folder

    def _settings(self, who: Account, socket: Path) -> str:
        """Write the three files that steer the server; answers the options that name them."""
        names = {who.name, pwd.getpwuid(os.geteuid()).pw_name}
        idents = "".join(f'imvume  "{name}"  {role}\n' for name in sorted(names) for role in ("imvume", "imvume_app"))
        files = {"config_file": SETTINGS, "hba_file": ADMISSION, "ident_file": idents}
        options = [f"-c unix_socket_directories={shlex.quote(str(socket))}"]
        for setting, text in files.items():
            # Never inside the data folder: what root writes there, the server's user could redirect.
            path = self.folder / f"{setting.removesuffix('_file')}.conf"
            handle, part = tempfile.mkstemp(dir=self.folder)
            with open(handle, "w", encoding="utf-8") as file:
                file.write(text)
            if who.other:
                os.chown(part, 0, who.gid)
                os.chmod(part, 0o640)
            os.replace(part, path)
            options.append(f"-c {setting}={shlex.quote(str(path))}")
        return " ".join(options)

    def _found(self) -> None:
        """The role that owns nothing and the database, where they are not there yet."""
        with psycopg.connect(self._dsn("imvume", "postgres"), autocommit=True, row_factory=dict_row) as connection:
            tx = Tx(connection, None)
            known = tx.only("store.founded")
            if not known["role"]:
                tx.run("store.found_role")
            if not known["database"]:
                tx.run("store.found_database")


def _tail(path: Path) -> str:
    with suppress(OSError):
        return path.read_text("utf-8", "replace")[-2000:]
    return ""


def _reason(said: str) -> str:
    """Why it did not start, as far as its own words are known to name nobody."""
    known: dict[str, Any] = {
        "another server": "Another server holds the same data.",
        "lock file": "Another server holds the same data.",
        "No space left": "The disk is full.",
        "could not create shared memory": "The system gives it no shared memory.",
        "could not bind": "Its socket cannot be made.",
        "incompatible": "The data was written by another version.",
        "Permission denied": "It may not use its own folder.",
    }
    return next((why for sign, why in known.items() if sign in said), "Its log says why.")


def _no_start(why: str) -> ImvumeError:
    return Unavailable(
        "store.embedded.no-start",
        "The embedded PostgreSQL does not start.",
        why=why,
        remedy="Read postgres/data/start.log in the house and run `imvume doctor`, then start again.",
    )


def _not_ours() -> ImvumeError:
    return Unavailable(
        "store.embedded.not-ours",
        "The house belongs to another user.",
        why="Only the user who made it, or root, may start its PostgreSQL.",
        remedy="Run Imvume as that user, or choose another house with --home.",
    )
