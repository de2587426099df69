"""Children kept running, and ended together."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from imvume.cli import supervise
from imvume.cli.supervise import Child, Family


def _eventually(true: Callable[[], object]) -> None:
    limit = time.monotonic() + 20
    while not true():
        assert time.monotonic() < limit, "it did not come about"
        time.sleep(0.02)


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def raise_family(told: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Family]]:
    """Starts children of one line of Python each, and ends them after the test."""
    monkeypatch.setattr(supervise, "PAUSE_FIRST_SECONDS", 0.05)
    families: list[tuple[Family, threading.Thread]] = []

    def begin(*programs: str, log: Path | None = None) -> Family:
        children = [
            Child(f"child {no}", [sys.executable, "-c", text], log, pause=0.05) for no, text in enumerate(programs)
        ]
        family = Family(children, say=told.append)
        family.start()
        thread = threading.Thread(target=family.watch)
        thread.start()
        families.append((family, thread))
        return family

    yield begin
    for family, thread in families:
        family.end()
        thread.join()


SLEEP = "import time; time.sleep(600)"


def test_a_child_that_is_killed_is_started_again_and_the_others_stay(
    raise_family: Callable[..., Family], told: list[str]
) -> None:
    first, second = raise_family(SLEEP, SLEEP).children
    assert first.process
    assert second.process
    old, other = first.process.pid, second.process.pid
    os.kill(old, signal.SIGKILL)
    _eventually(lambda: first.alive and first.process and first.process.pid != old)
    assert second.process.pid == other
    assert told[0].startswith("The child 0 has ended")


def test_a_child_that_falls_at_once_is_tried_ever_less_often(
    raise_family: Callable[..., Family], told: list[str]
) -> None:
    (child,) = raise_family("raise SystemExit(1)").children
    _eventually(lambda: len(told) >= 3)
    assert child.pause >= 0.4


def test_they_are_told_to_end_and_who_does_not_is_killed(
    raise_family: Callable[..., Family], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(supervise, "GRACE_SECONDS", 0.5)
    deaf = f"import signal; signal.signal(15, signal.SIG_IGN); open({str(tmp_path / 'deaf')!r}, 'w').close(); {SLEEP}"
    polite = (
        f"import signal, sys; signal.signal(15, lambda *_: (open({str(tmp_path / 'bye')!r}, 'w').close(), sys.exit()));"
        f"open({str(tmp_path / 'polite')!r}, 'w').close(); {SLEEP}"
    )
    family = raise_family(deaf, polite)
    _eventually(lambda: (tmp_path / "deaf").exists() and (tmp_path / "polite").exists())
    family.end()
    assert not any(child.alive for child in family.children)
    assert (tmp_path / "bye").exists()


def test_what_they_print_goes_to_their_log_and_a_long_one_is_put_aside(
    raise_family: Callable[..., Family], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervise, "LOG_BYTES_MAX", 100)
    log = tmp_path / "child.log"
    log.write_text("x" * 101)
    raise_family(f"print('said', flush=True); {SLEEP}", log=log)
    _eventually(lambda: log.exists() and log.read_text() == "said\n")
    assert (tmp_path / "child.log.1").read_text() == "x" * 101
    assert log.stat().st_mode & 0o777 == 0o600
