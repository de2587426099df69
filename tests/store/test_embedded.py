"""The embedded PostgreSQL: its own house, its own clients, and a life that a kill does not end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from imvume.errors import Unavailable
from imvume.store import account, embedded, postmaster, programs
from imvume.store.embedded import Postgres


def _pid(server: Postgres) -> int:
    told = postmaster.read(server.data)
    assert told is not None
    return told[0]


def _one(dsn: str, query: str) -> object:
    with psycopg.connect(dsn, autocommit=True) as connection:
        done = connection.execute(query.encode())
        row = done.fetchone() if done.description else None
        return row[0] if row else None


def test_a_house_gets_a_server_of_its_own_and_keeps_what_was_written(home: Path) -> None:
    with Postgres(home) as server:
        _one(server.owner_dsn, "CREATE TABLE t AS SELECT 42 AS n")
    with Postgres(home) as server:
        assert _one(server.owner_dsn, "SELECT n FROM t") == 42
    assert postmaster.read(home / "postgres" / "data") is None


def test_it_is_utf8_with_the_locale_c_checksums_on_and_nothing_lost_to_speed(home: Path) -> None:
    with Postgres(home) as server:
        with psycopg.connect(server.dsn) as connection:
            said = {
                name: (connection.execute("SELECT current_setting(%s)", [name]).fetchone() or ("",))[0]
                for name in (
                    "server_encoding", "data_checksums", "fsync", "synchronous_commit", "full_page_writes",
                    "listen_addresses", "unix_socket_permissions", "log_parameter_max_length_on_error",
                )
            }  # fmt: skip
            collation = connection.execute(
                "SELECT datcollate FROM pg_database WHERE datname = current_database()"
            ).fetchone()
        assert collation == ("C",)
    assert said["server_encoding"] == "UTF8"
    assert [said[name] for name in ("data_checksums", "fsync", "synchronous_commit", "full_page_writes")] == ["on"] * 4
    assert (said["listen_addresses"], said["unix_socket_permissions"]) == ("", "0700")
    assert said["log_parameter_max_length_on_error"] == "0"


def test_the_role_of_the_program_owns_nothing_and_sees_through_no_wall(home: Path) -> None:
    with Postgres(home) as server, psycopg.connect(server.dsn) as connection:
        row = connection.execute(
            "SELECT rolname, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole FROM pg_roles"
            " WHERE rolname = current_user"
        ).fetchone()
    assert row == ("imvume_app", False, False, False, False)


def test_only_the_socket_is_a_way_in_and_only_our_roles_pass(home: Path) -> None:
    with Postgres(home) as server:
        with psycopg.connect(server.owner_dsn) as connection:
            rules = connection.execute(
                "SELECT type, database, user_name, auth_method FROM pg_hba_file_rules"
            ).fetchall()
        assert {rule[0] for rule in rules} == {"local"}
        assert {rule[3] for rule in rules} == {"peer"}
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(server.owner_dsn.replace("user=imvume", "user=postgres"))
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(server.dsn.replace("dbname=imvume", "dbname=postgres"))


def test_a_second_process_attaches_and_the_last_to_leave_stops_it(home: Path) -> None:
    first, second = Postgres(home), Postgres(home)
    first.start()
    pid = _pid(first)
    second.start()
    assert _pid(second) == pid
    first.stop()
    assert _one(second.dsn, "SELECT 1") == 1
    second.stop()
    assert postmaster.read(first.data) is None
    second.stop()  # leaving twice is no harm


def test_a_process_that_is_killed_has_left(home: Path) -> None:
    script = "import sys, time; from imvume.store.embedded import Postgres; from pathlib import Path\n"
    script += "Postgres(Path(sys.argv[1])).start(); print('up', flush=True); time.sleep(600)"
    other = subprocess.Popen([sys.executable, "-c", script, str(home)], stdout=subprocess.PIPE)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == b"up\n"
        server = Postgres(home)
        server.start()
        other.kill()
        other.wait()
        assert _one(server.dsn, "SELECT 1") == 1  # it outlives the one who started it
        server.stop()
        assert postmaster.read(server.data) is None
    finally:
        other.kill()
        other.wait()
        other.stdout.close() if other.stdout else None


def test_two_that_start_at_once_share_one_server(home: Path) -> None:
    script = "import sys; from pathlib import Path\n"
    script += "from imvume.store import postmaster; from imvume.store.embedded import Postgres\n"
    script += "p = Postgres(Path(sys.argv[1])); p.start(); print(postmaster.read(p.data)[0], flush=True)\n"
    script += "sys.stdin.read(); p.stop()"
    both = [
        subprocess.Popen([sys.executable, "-c", script, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    pids = [process.stdout.readline() for process in both if process.stdout]
    assert pids[0] == pids[1] != b""
    for process in both:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert postmaster.read(home / "postgres" / "data") is None


def test_what_was_committed_survives_a_kill_and_the_next_start_comes_at_once(home: Path) -> None:
    server = Postgres(home)
    server.start()
    _one(server.owner_dsn, "CREATE TABLE t AS SELECT generate_series(1, 50000) AS n")
    os.kill(_pid(server), signal.SIGKILL)
    server.start()  # no pause: the dead postmaster may still be a zombie that holds its lock
    assert _one(server.owner_dsn, "SELECT count(*) FROM t") == 50000
    server.stop()


def test_a_zombie_that_holds_the_lock_counts_as_dead(home: Path) -> None:
    with Postgres(home):
        pass
    child = subprocess.Popen(["true"])
    while Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.01)
    lock = home / "postgres" / "data" / "postmaster.pid"
    lock.write_text(f"{child.pid}\n{lock.parent}\n1\n5432\n/nowhere\n\n 0 0\nready\n")
    assert not postmaster.alive(child.pid, lock.parent)
    child.wait()
    with Postgres(home) as server:
        assert _one(server.dsn, "SELECT 1") == 1


def test_a_number_that_now_names_a_stranger_does_not_keep_the_house_shut(home: Path) -> None:
    # After a power cut in a container: the old postmaster's number is now somebody else's.
    with Postgres(home) as server:
        owner = server.data.stat()
    stranger = subprocess.Popen(
        ["sleep", "600"], **({"user": owner.st_uid, "group": owner.st_gid} if owner.st_uid != os.geteuid() else {})
    )
    try:
        lock = home / "postgres" / "data" / "postmaster.pid"
        lock.write_text(f"{stranger.pid}\n{lock.parent}\n1\n5432\n/nowhere\n\n 0 0\nready\n")
        with Postgres(home) as server:
            assert _one(server.dsn, "SELECT 1") == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_birth_that_was_interrupted_is_begun_again(home: Path) -> None:
    part = home / "postgres" / "data.part"
    part.mkdir(parents=True)
    (part / "PG_VERSION").write_text("18\n")
    (part / "half").write_text("a file of an initdb that was killed")
    with Postgres(home) as server:
        assert _one(server.dsn, "SELECT 1") == 1
    assert not part.exists()


def test_data_of_another_version_is_named_and_left_alone(home: Path) -> None:
    data = home / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("9\n")
    if os.geteuid() == 0:
        who = account.account(home / "none")
        os.chown(data, who.uid, who.gid)
    with pytest.raises(Unavailable) as told:
        Postgres(home).start()
    assert told.value.code == "store.embedded.other-version"
    assert (data / "PG_VERSION").read_text() == "9\n"


def test_without_any_postgresql_it_says_how_to_get_one(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(programs, "find_spec", lambda name: None)
    monkeypatch.setattr(programs, "SYSTEM", tmp_path)
    with pytest.raises(Unavailable) as told:
        Postgres(home).start()
    assert told.value.code == "store.embedded.no-programs"


def test_the_postgresql_of_the_system_will_do(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "find_spec", lambda name: None)
    if not programs.candidates():
        pytest.skip("this machine has no PostgreSQL of its own")
    with Postgres(home) as server:
        assert _one(server.dsn, "SELECT current_setting('data_checksums')") == "on"
    monkeypatch.undo()
    with Postgres(home) as server:  # the wheel is back: the data keeps to the version that wrote it
        assert _one(server.dsn, "SELECT 1") == 1


def test_a_server_that_cannot_start_says_so(home: Path) -> None:
    with Postgres(home) as server:
        pass
    (server.data / "global" / "pg_control").write_bytes(b"nothing")
    monkey = pytest.MonkeyPatch()
    monkey.setattr(embedded, "START_TRIES_SECONDS", 0.5)
    try:
        with pytest.raises(Unavailable) as told:
            Postgres(home).start()
    finally:
        monkey.undo()
    assert told.value.code == "store.embedded.no-start"
    assert str(home) not in str(told.value)


def test_what_the_server_logs_of_a_failure_quotes_no_row(home: Path) -> None:
    with Postgres(home) as server:
        with psycopg.connect(server.owner_dsn, autocommit=True) as connection:
            connection.execute("CREATE TABLE staff (email text UNIQUE)")
            connection.execute("INSERT INTO staff VALUES (%s)", ["naledi@example.org"])
            for statement in ("INSERT INTO staff VALUES (%s)", "SELECT %s::int"):
                with pytest.raises(psycopg.DatabaseError):
                    connection.execute(statement.encode(), ["naledi@example.org"])
        logs = b"".join(path.read_bytes() for path in (server.data / "log").iterdir())
    assert b"duplicate key" in logs
    # The message of a cast quotes its input; that is PostgreSQL's message and cannot be turned off.
    assert b"Key (email)" not in logs
    assert b"INSERT INTO" not in logs
