"""Migrations: each once, in order, whole or not at all, and never changed afterwards."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from imvume.errors import Broken, Conflict, ImvumeError, Unavailable
from imvume.store.embedded import Postgres
from imvume.store.migrate import FOLDER, migrate, require, standing


@pytest.fixture
def empty(postgres: Postgres) -> Iterator[tuple[str, str]]:
    """A database of the shared server that has had no migration: its addresses for the owner and for the program."""
    name = f"empty_{uuid4().hex[:12]}"
    with psycopg.connect(postgres.owner_dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        _until_let_in(_of(postgres.owner_dsn, name))
        yield _of(postgres.owner_dsn, name), _of(postgres.dsn, name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _of(dsn: str, name: str) -> str:
    # The program's role is let into no database but its own; here both are the owner's.
    return dsn.replace("dbname=imvume", f"dbname={name}").replace("user=imvume_app", "user=imvume")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three small migrations of our own."""
    for number in (1, 2, 3):
        (tmp_path / f"000{number}_step.sql").write_text(f"CREATE TABLE step_{number} (n int); -- it costs 100 %\n")
    return tmp_path


@pytest.fixture(autouse=True)
def _let_in(postgres: Postgres) -> Iterator[None]:
    """Let the owner into databases of other names, which a house does not have."""
    hba = postgres.folder / "hba.conf"
    before = hba.read_text()
    hba.write_text(before + "local  all  imvume  peer map=imvume\n")
    _reload(postgres)
    yield
    hba.write_text(before)
    _reload(postgres)


def _reload(postgres: Postgres) -> None:
    with psycopg.connect(postgres.owner_dsn, autocommit=True) as connection:
        connection.execute("SELECT pg_reload_conf()")


def _until_let_in(dsn: str) -> None:
    # The server takes a signal to heart in its own time.
    limit = time.monotonic() + 10
    while True:
        try:
            psycopg.connect(dsn).close()
            return
        except psycopg.OperationalError:
            assert time.monotonic() < limit
            time.sleep(0.02)


def _tables(dsn: str) -> set[str]:
    with psycopg.connect(dsn) as connection:
        return {row[0] for row in connection.execute("SELECT relname FROM pg_class WHERE relname LIKE 'step_%'")}


def test_everything_is_applied_once_and_then_nothing(empty: tuple[str, str]) -> None:
    owner, _ = empty
    done = migrate(owner)
    assert done[: len(done) - 1] == sorted(entry.name for entry in FOLDER.iterdir() if entry.name.endswith(".sql"))
    assert done[-1].startswith("pgqueuer ")
    assert migrate(owner) == []
    assert standing(owner).pending == ()
    require(owner)


def test_a_database_that_was_never_migrated_lacks_everything(empty: tuple[str, str], folder: Path) -> None:
    owner, _ = empty
    found = standing(owner, folder)
    assert (found.applied, len(found.pending)) == ((), 3)
    with pytest.raises(Conflict) as told:
        require(owner)
    assert told.value.code == "store.migrate.pending"


def test_the_next_file_is_applied_on_top(empty: tuple[str, str], folder: Path) -> None:
    owner, _ = empty
    third = (folder / "0003_step.sql").rename(folder / "later")
    assert [name for name in migrate(owner, folder) if name.endswith(".sql")] == ["0001_step.sql", "0002_step.sql"]
    third.rename(folder / "0003_step.sql")
    assert migrate(owner, folder) == ["0003_step.sql"]
    assert _tables(owner) == {"step_1", "step_2", "step_3"}


def test_a_file_that_fails_leaves_no_trace_and_the_files_before_it_stay(empty: tuple[str, str], folder: Path) -> None:
    owner, _ = empty
    good = (folder / "0002_step.sql").read_text()
    (folder / "0002_step.sql").write_text("CREATE TABLE step_2 (n int); CREATE TABLE step_1 (n int);")
    with pytest.raises(Broken) as told:
        migrate(owner, folder)
    assert told.value.code == "store.migrate.failed"
    assert _tables(owner) == {"step_1"}
    (folder / "0002_step.sql").write_text(good)
    migrate(owner, folder)
    assert _tables(owner) == {"step_1", "step_2", "step_3"}


def test_a_file_that_was_changed_afterwards_is_refused(empty: tuple[str, str], folder: Path) -> None:
    owner, _ = empty
    migrate(owner, folder)
    (folder / "0002_step.sql").write_text("CREATE TABLE step_2 (n bigint);")
    for ask in (migrate, standing):
        with pytest.raises(Broken) as told:
            ask(owner, folder)
        assert told.value.code == "store.migrate.changed"


def test_a_database_newer_than_the_program_is_refused(empty: tuple[str, str], folder: Path) -> None:
    owner, _ = empty
    migrate(owner, folder)
    (folder / "0003_step.sql").unlink()
    with pytest.raises(Conflict) as told:
        migrate(owner, folder)
    assert told.value.code == "store.migrate.newer"


def test_a_file_slipped_in_between_is_refused(empty: tuple[str, str], folder: Path) -> None:
    owner, _ = empty
    migrate(owner, folder)
    (folder / "0002_also.sql").write_text("SELECT 1")
    with pytest.raises(Broken) as told:
        migrate(owner, folder)
    assert told.value.code == "store.migrate.gap"


def test_two_runs_at_once_apply_each_file_once(empty: tuple[str, str]) -> None:
    owner, _ = empty
    done: list[list[str]] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(migrate(owner))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert sorted(map(bool, done)) == [False, False, True]


def test_the_role_of_the_program_may_use_the_queue_and_look_but_not_migrate(postgres: Postgres) -> None:
    assert standing(postgres.dsn).pending == ()
    with pytest.raises(ImvumeError) as told:
        migrate(postgres.dsn)
    assert told.value.code == "store.migrate.failed"
    with psycopg.connect(postgres.dsn) as connection:
        connection.execute("SELECT count(*) FROM queue.pgqueuer")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM migration")


def test_a_database_that_is_away_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as told:
        migrate(f"host={tmp_path} dbname=imvume")
    assert told.value.code == "store.database.away"


def test_what_the_files_say_is_taken_as_it_stands(empty: tuple[str, str], folder: Path) -> None:
    # A percent sign is no parameter, and two statements in one file are one step.
    owner, _ = empty
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "0001_step.sql").write_text("CREATE TABLE step_1 (t text); INSERT INTO step_1 VALUES ('100 %s');")
    migrate(owner, folder)
    with psycopg.connect(owner) as connection:
        assert connection.execute("SELECT t FROM step_1").fetchone() == ("100 %s",)
