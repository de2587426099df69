"""`imvume import` as a person runs it: a house, a PBX's database, files, a terminal, a signal."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any

import pbx
import pytest
from importing import Bench
from pbx import NALEDI, at, cdr, channel
from test_import_csv import master

from imvume.archive.house import House
from servers.mariadb import MariaDb


class Shell:
    """Runs `imvume` in the house of the bench."""

    def __init__(self, bench: Bench) -> None:
        self.home = bench.house.config.home
        self.bench = bench
        (self.home / "config.toml").write_text(f'dsn = "{bench.house.database.dsn}"\nsettle_seconds = 1\n')

    def words(self, *words: str) -> list[str]:
        program = [sys.executable, "-P", "-c", _ONE_TENANT.format(tenant=self.bench.tenant), "--home", str(self.home)]
        return [*program, "import", str(self.bench.path), *words]

    def run(self, *words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(self.words(*words), capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stdout + done.stderr
        return done

    def json(self, *words: str, status: int = 0) -> dict[str, Any]:
        (line,) = self.run("--json", *words, status=status).stdout.splitlines()
        said = json.loads(line)
        assert isinstance(said, dict)
        return said


# The command works for the first tenant; this database has those of every test.
_ONE_TENANT = """
from imvume.store import tenants
every = tenants.tenants
tenants.tenants = lambda tx: [one for one in every(tx) if str(one.tenant_id) == "{tenant}"]
from imvume.__main__ import main
main()
"""


@pytest.fixture
def shell(bench: Bench) -> Shell:
    return Shell(bench)


@pytest.fixture
def freepbx(mariadb: MariaDb) -> Iterator[str]:
    name = f"cmd_{token_hex(4)}"
    mariadb.root(f"CREATE DATABASE {name}")
    mariadb.root(pbx.FREEPBX_CDR.format(charset="utf8mb4"), pbx.FREEPBX_CEL, database=name)
    mariadb.insert(name, "cdr", [cdr(n) for n in range(5)])
    yield f"mysql://root@localhost/{name}?socket={mariadb.socket}"
    mariadb.root(f"DROP DATABASE {name}")


def test_a_freepbx_is_imported_from_its_folder_and_its_database(shell: Shell, freepbx: str) -> None:
    for n in range(5):
        shell.bench.sound(f"2026/11/23/q-600-{NALEDI}-20261123-09{n:02}00-{channel(n)}.wav", pitch=300 + 40 * n)
    said = shell.json("--from", "freepbx", "--records", freepbx, "--name", "durban-2")
    assert (said["taken"], said["calls"], said["refused"], said["error"]) == (5, 5, [], None)
    calls = shell.bench.calls()
    assert [call.started_at for call in calls] == [at(n) for n in (4, 3, 2, 1, 0)]
    assert {(call.direction, call.queue, call.disposition) for call in calls} == {("in", "600", "answered")}
    assert [person.role for person in calls[0].people] == ["caller", "agent"]
    again = shell.json("--from", "freepbx", "--records", freepbx, "--name", "durban-2", "--move")
    assert (again["taken"], again["skipped"], again["removed"]) == (0, 5, 5)


def test_an_asterisk_is_imported_from_its_folder_and_master_csv(shell: Shell, tmp_path: Path) -> None:
    csv = tmp_path / "Master.csv"
    csv.write_text(master(1) + "not a row\n" + master(2))
    for n in (1, 2):
        shell.bench.sound(f"{channel(n)}-rx.wav", pitch=300 + n)
        shell.bench.sound(f"{channel(n)}-tx.wav", pitch=500 + n)
    done = shell.run("--from", "asterisk", "--records", str(csv), status=75)
    assert "Took 4 recordings of 2 new calls" in done.stdout
    assert "call records: Line 2 of the call records cannot be read." in done.stderr
    assert "telephony.record.unreadable" in done.stdout


def test_what_is_refused_is_named_and_the_status_says_so(shell: Shell) -> None:
    shell.bench.sound("good.wav")
    for name in ("\x1b[2J\n.wav", "empty.wav"):
        (shell.bench.path / name).touch()
        shell.bench.age(shell.bench.path / name, 3600)
    done = shell.run(status=75)
    assert r"\u{1b}[2J\u{a}.wav: The file is empty." in done.stderr
    assert "\x1b" not in done.stderr + done.stdout
    assert "2 could not be taken" in done.stdout
    said = shell.json(status=75)
    assert [(one["file"], one["code"]) for one in said["refused"]] == [
        (r"\u{1b}[2J\u{a}.wav", "telephony.file.empty"),
        ("empty.wav", "telephony.file.empty"),
    ]
    assert all(one["remedy"] for one in said["refused"])


def test_progress_in_json_is_lines_and_the_last_is_the_answer(shell: Shell) -> None:
    for n in range(3):
        shell.bench.sound(f"x{n}.wav", pitch=300 + 40 * n)
    (shell.bench.path / "empty.wav").touch()
    shell.bench.age(shell.bench.path / "empty.wav", 3600)
    *lines, last = (json.loads(line) for line in shell.run("--json", "--progress", status=75).stdout.splitlines())
    assert {key for line in lines for key in line} == {"progress", "refused"}
    progress = next(line["progress"] for line in lines if "progress" in line)
    assert progress["of_files"] == 4
    assert {"files_per_second", "audio_hours_per_second", "seconds_left"} <= set(progress)
    assert last["taken"] == 3


def test_a_dry_run_takes_nothing(shell: Shell) -> None:
    shell.bench.sound("x.wav")
    assert "Would take 1 recording of 1 new call" in shell.run("--dry-run").stdout
    assert shell.json("--dry-run")["dry_run"] is True
    assert shell.bench.calls() == []


def test_a_mistake_is_three_sentences_and_a_status(shell: Shell) -> None:
    for words, code, status in [
        (("--records", "mysql://root:secret@localhost/x", "--from", "freepbx"), "telephony.address.password", 65),
        (("--records", "none.csv", "--from", "asterisk"), "telephony.records.none", 66),
        (("--pbx-zone", "Mars/Olympus"), "telephony.zone.unknown", 65),
        (("--name", "no name"), "telephony.name.unfit", 65),
    ]:
        done = shell.run(*words, status=status)
        assert code in done.stderr
        assert "secret" not in done.stderr
    shell.bench.path.rmdir()
    assert shell.json(status=66)["error"]["code"] == "telephony.folder.none"


def test_a_terminal_gets_a_bar_with_rate_and_time_left(shell: Shell) -> None:
    for n in range(6):
        shell.bench.sound(f"x{n}.wav", pitch=300 + 40 * n, seconds=20)
    (shell.bench.path / "[red]empty.wav").touch()
    shell.bench.age(shell.bench.path / "[red]empty.wav", 3600)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        shell.words(), stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm", "COLUMNS": "160"}
    )
    os.close(theirs)
    said = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:
            break
        if not piece:
            break
        said += piece
    os.close(ours)
    assert process.wait() == 75
    text = said.decode()
    assert "files/s" in text
    assert "audio hours/s" in text
    assert "of 7 files" in text
    assert "[red]empty.wav: The file is empty." in text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_after_the_calls_in_hand(shell: Shell, number: signal.Signals) -> None:
    for n in range(60):
        shell.bench.sound(f"x{n:02}.wav", pitch=300 + 10 * n, seconds=3)
    process = subprocess.Popen(
        shell.words("--json", "--progress"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()  # the first progress: it is at work
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 75, err
    said = json.loads(out.splitlines()[-1])
    assert "Stopping after the calls in hand" in err
    assert said["stopped"] is True
    assert said["taken"] == len(shell.bench.calls()) < 60
    again = shell.json()
    assert again["taken"] + said["taken"] == 60
    assert len(shell.bench.calls()) == 60


def test_a_house_that_was_never_started_says_so(tmp_path: Path, bench: Bench, house: House) -> None:
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-P", "-m", "imvume", "--home", str(tmp_path / "none"), "import", str(bench.path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 66
    assert "imvume start" in done.stderr
    assert time.monotonic() - began < 120
