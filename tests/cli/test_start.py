"""`imvume start`: from nothing to a page that answers, through faults, to an orderly end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from imvume.store import postmaster


class Running:
    """An `imvume start` of a test."""

    def __init__(self, home: Path, *words: str) -> None:
        self.home = home
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "imvume", "--home", str(home), "start", *words, "--json"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def ready(self) -> dict[str, Any]:
        """What it says once the console answers."""
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read() if self.process.stderr else ""
        said = json.loads(line)
        assert isinstance(said, dict)
        return said

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end; answers its status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            self.process.communicate(timeout=40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise
        return self.process.returncode

    def children(self) -> dict[str, int]:
        """Process ids of the console and the worker, by the command each was given."""
        found = {}
        for path in Path("/proc").iterdir():
            if path.name.isdigit():
                try:
                    words = (path / "cmdline").read_bytes().split(b"\0")
                    parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
                except (OSError, IndexError, ValueError):
                    continue
                if parent == self.process.pid:
                    found.update({word: int(path.name) for word in ("web", "worker") if word.encode() in words})
        return found


@pytest.fixture
def home() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="imvume-start-"))
    yield path / "house"
    if told := postmaster.read(path / "house" / "postgres" / "data"):
        os.kill(told[0], signal.SIGKILL)
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def begin(home: Path) -> Iterator[Callable[..., Running]]:
    begun: list[Running] = []
    if home.parent.stat().st_uid == 0:
        home.parent.chmod(0o711)  # under root, the server is another user and must come through

    def start(*words: str) -> Running:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        begun.append(Running(home, "--listen", f"127.0.0.1:{port}", *words))
        return begun[-1]

    yield start
    for one in begun:
        one.end()


def _eventually(true: Callable[[], object]) -> None:
    limit = time.monotonic() + 40
    while not true():
        assert time.monotonic() < limit, "it did not come about"
        time.sleep(0.1)


def _answers(address: str) -> int:
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310  # our own, on loopback
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return 0


def test_from_nothing_to_a_link_that_opens_and_back_to_nothing(home: Path, begin: Callable[..., Running]) -> None:
    first = begin()
    said = first.ready()
    assert _answers(said["set_up"]) == 200
    assert set(first.children()) == {"web", "worker"}
    assert home.stat().st_mode & 0o007 == 0
    assert (home / "keys").stat().st_mode & 0o777 == 0o700
    assert first.end() == 0
    assert postmaster.read(home / "postgres" / "data") is None
    assert _answers(said["address"]) == 0
    assert "the worker has stopped" in (home / "logs" / "worker.log").read_text()
    # The same house again: the same tenant, and a link still, for nobody has taken one up.
    again = begin()
    assert again.ready()["set_up"]
    assert again.end(signal.SIGINT) == 0


def test_a_second_start_of_one_house_is_told_that_it_runs(home: Path, begin: Callable[..., Running]) -> None:
    begin().ready()
    second = begin()
    out, _ = second.process.communicate(timeout=40)
    assert json.loads(out)["error"]["code"] == "cli.start.running"
    assert second.process.returncode == 75


def test_a_port_that_is_taken_is_told_before_anything_runs(home: Path, begin: Callable[..., Running]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        start = Running(home, "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
        out, _ = start.process.communicate(timeout=40)
    assert json.loads(out)["error"]["code"] == "cli.start.port-taken"
    assert postmaster.read(home / "postgres" / "data") is None


@pytest.mark.slow
def test_console_worker_and_database_are_brought_back_when_they_are_killed(
    home: Path, begin: Callable[..., Running]
) -> None:
    start = begin()
    said = start.ready()
    before = start.children()
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    _eventually(lambda: set(start.children()) == {"web", "worker"} and start.children() != before)
    told = postmaster.read(home / "postgres" / "data")
    assert told
    os.kill(told[0], signal.SIGKILL)
    _eventually(lambda: (now := postmaster.read(home / "postgres" / "data")) and now[0] != told[0])
    _eventually(lambda: _answers(said["set_up"]) == 200)
    assert start.end() == 0


def test_killed_outright_it_leaves_no_child_and_the_next_start_works(home: Path, begin: Callable[..., Running]) -> None:
    if not shutil.which("setpriv"):
        pytest.skip("this machine has no setpriv to tie children to their parent")
    start = begin()
    start.ready()
    children = start.children()
    start.process.kill()
    start.process.communicate()
    _eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children.values()))
    _eventually(lambda: postmaster.read(home / "postgres" / "data") is None)  # the last to leave stops it
    assert begin().ready()["set_up"]


def test_the_terminal_shows_few_lines_with_address_link_and_how_to_stop(
    home: Path, begin: Callable[..., Running]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "imvume", "--home", str(home), "start", "--listen", f"127.0.0.1:{port}"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert process.stdout
        lines = [process.stdout.readline()]
        while "Ctrl-C" not in lines[-1]:
            lines.append(process.stdout.readline())
            assert lines[-1], "".join(lines)
        text = "".join(lines)
        assert len(lines) < 16
        assert f"http://127.0.0.1:{port}/set-up?link=" in text
        assert "PostgreSQL, in this house" in text
        assert "\x1b" not in text  # colours are for terminals
    finally:
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=40)
    assert out.strip().endswith("Stopped. Nothing is running any more.")
    assert process.returncode == 0
