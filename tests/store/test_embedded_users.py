"""Who may start the embedded PostgreSQL, who it runs as, and who is kept out of it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import psycopg
import pytest

from imvume.errors import Unavailable
from imvume.store import account, embedded, postmaster, programs
from imvume.store.embedded import Postgres

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs to be root to become somebody else")


def _pid(server: Postgres) -> int:
    told = postmaster.read(server.data)
    assert told is not None
    return told[0]


def _one(dsn: str, query: str) -> object:
    with psycopg.connect(dsn, autocommit=True) as connection:
        done = connection.execute(query.encode())
        row = done.fetchone() if done.description else None
        return row[0] if row else None


@AS_ROOT
def test_another_user_of_the_machine_is_kept_out_by_folder_and_by_peer(home: Path) -> None:
    with Postgres(home) as server:
        nobody = pwd.getpwnam("nobody")

        def psql() -> tuple[int, str]:
            return account.Account("nobody", nobody.pw_uid, nobody.pw_gid).run(
                server._programs(account.account(server.data)) / "psql", "-c", "SELECT 1", server.dsn
            )

        code, said = psql()
        assert (code != 0, "Permission denied" in said) == (True, True)
        # Even with every folder open, the kernel tells PostgreSQL who is calling.
        for path in (home, server.folder, server.folder / "socket", server.folder / "socket" / ".s.PGSQL.5432"):
            path.chmod(0o777)
        code, said = psql()
        assert (code != 0, "Peer authentication failed" in said) == (True, True)


@AS_ROOT
def test_under_root_the_server_is_somebody_else_and_its_settings_are_not_his(home: Path) -> None:
    with Postgres(home) as server:
        uid = os.stat(f"/proc/{_pid(server)}").st_uid
        assert uid != 0
        assert server.data.stat().st_uid == uid
        assert server.data.stat().st_mode & 0o777 == 0o700
        assert (server.folder / "hba.conf").stat().st_uid == 0
        assert (server.folder / "hba.conf").stat().st_mode & 0o022 == 0
        assert home.stat().st_mode & 0o007 == 0  # he may walk through; others may not even that


@AS_ROOT
def test_the_programs_are_copied_where_the_servers_user_cannot_reach_them(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Root's own virtual environment, below a folder that is closed to others.
    wheel = programs.candidates()[0].parent.parent
    shut = tmp_path / "shut"
    shut.mkdir(mode=0o700)
    shutil.copytree(wheel, shut / wheel.name, ignore=shutil.ignore_patterns("include"))
    shutil.copytree(wheel.with_name(f"{wheel.name}.libs"), shut / f"{wheel.name}.libs")
    monkeypatch.setattr(programs, "candidates", lambda: [shut / wheel.name / "pginstall" / "bin"])
    for _ in range(2):
        with Postgres(home) as server:
            assert _one(server.dsn, "SELECT 1") == 1
    (copy,) = (home / "postgres").glob("programs-*")
    assert copy.stat().st_uid == 0


@AS_ROOT
def test_a_house_behind_a_closed_folder_is_refused_with_a_way_out(home: Path) -> None:
    shut = home / "shut"
    shut.mkdir(mode=0o700)
    with pytest.raises(Unavailable) as told:
        Postgres(shut / "house").start()
    assert told.value.code == "store.embedded.unreachable"
    assert str(home) not in str(told.value)


@AS_ROOT
def test_an_ordinary_user_runs_it_as_himself(home: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    script = """
        import os, sys
        from imvume.store import postmaster
        from imvume.store.embedded import Postgres
        import psycopg
        with Postgres(__import__("pathlib").Path(sys.argv[1])) as server:
            with psycopg.connect(server.dsn) as c:
                print(c.execute("SELECT current_user").fetchone()[0])
            print(os.stat(f"/proc/{postmaster.read(server.data)[0]}").st_uid)
    """
    # He may read this Python, which lies in root's own folder on some machines, and has no other right.
    done = subprocess.run(
        ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups",
         "--inh-caps=-all,+dac_read_search", "--ambient-caps=+dac_read_search", "--bounding-set=-all,+dac_read_search",
         sys.executable, "-c", textwrap.dedent(script), str(home)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout.split(), done.returncode) == (["imvume_app", str(nobody.pw_uid)], 0), done.stderr
    # Root, on the house of somebody else, runs the server as him still.
    with Postgres(home) as server:
        assert os.stat(f"/proc/{_pid(server)}").st_uid == nobody.pw_uid
        assert _one(server.owner_dsn, "SELECT 1") == 1


def test_a_house_deep_in_the_tree_gets_a_short_private_socket(home: Path) -> None:
    deep = home / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    for folder in (home, deep.parent, deep):
        folder.chmod(0o711)
    with Postgres(deep) as server:
        socket = server._socket
        assert socket is not None
        assert len(str(socket / ".s.PGSQL.5432")) <= embedded.SOCKET_PATH_MAX
        assert socket.stat().st_mode & 0o777 == 0o700
        assert _one(server.dsn, "SELECT 1") == 1
    socket.rmdir()


def test_a_house_with_a_quote_and_a_space_in_its_name_works(home: Path) -> None:
    odd = home / "Thandi's house, number one"
    odd.mkdir()
    for folder in (home, odd):
        folder.chmod(0o711)
    with Postgres(odd) as server:
        assert _one(server.dsn, "SELECT 1") == 1
        socket = server._socket
    assert socket is not None
    socket.rmdir()


def test_no_socket_is_put_into_a_folder_that_somebody_else_made(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with Postgres(home) as server:
        who = account.account(server.data)
    monkeypatch.setattr(embedded, "SOCKET_PATH_MAX", 10)  # every path is too long now
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr(embedded.hashlib, "sha256", lambda data: _Fixed())
    runtime = Path("/run") if os.geteuid() == 0 else Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    trap = runtime / "imvume-0123456789abcdef"
    trap.symlink_to(tmp_path / "elsewhere")
    try:
        with pytest.raises(Unavailable) as told:
            server._socket_folder(who)
        assert told.value.code == "store.embedded.socket-taken"
    finally:
        trap.unlink()


class _Fixed:
    def hexdigest(self) -> str:
        return "0123456789abcdef"
