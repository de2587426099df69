"""Stopped, killed, without its database or its disk: an import loses nothing and doubles nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from importing import Bench, Given, codes, known, notes
from pbx import channel

from imvume.basics.boundaries import Boundary
from imvume.calls.facts import CallFacts
from imvume.errors import Broken, Conflict, ImvumeError, Unavailable


def away(times: int, error: type[ImvumeError] = Unavailable, code: str = "store.database.away") -> Callable[..., None]:
    """Something that is away so many times, and then back."""
    left = iter(range(times))

    def ask(*_: object) -> None:
        if next(left, None) is not None:
            raise error(code, "It does not answer.", remedy="Try again.")

    return ask


def fill(bench: Bench, count: int) -> Given:
    for n in range(count):
        bench.sound(f"{channel(n)}.wav", pitch=300 + 20 * n, seconds=0.1)
    return Given(*map(known, range(count)))


def test_a_stop_finishes_the_calls_in_hand_and_the_next_import_goes_on(bench: Bench) -> None:
    records = fill(bench, 12)

    def stop_soon(facts: CallFacts) -> None:
        if len(bench.taker.taken) == 3:
            bench.stop.set()

    bench.taker.before = stop_soon
    first = bench.run(records, workers=1)
    assert first.stopped
    assert not first.complete
    assert 4 <= first.taken < 12
    assert len(bench.calls()) == first.taken
    bench.stop.clear()
    second = bench.run(records)
    assert (second.taken, second.skipped) == (12 - first.taken, first.taken)
    assert sorted(bench.taker.taken) == sorted(channel(n) for n in range(12))
    assert len(bench.calls()) == 12


def test_a_stop_ends_the_waiting_too(bench: Bench) -> None:
    bench.sound("x.wav", age=0)
    bench.stop.set()
    assert bench.run(wait_seconds=600, settle_seconds=60).stopped


def test_a_database_that_comes_back_costs_nothing_but_time(bench: Bench) -> None:
    bench.taker.before = away(2)
    outcome = bench.run(fill(bench, 3), patience_seconds=60)
    assert (outcome.taken, outcome.error) == (3, None)


def test_records_that_come_back_cost_nothing_but_time(bench: Bench) -> None:
    records = fill(bench, 2)
    records.before = away(2, code="telephony.server.away")
    assert bench.run(records, patience_seconds=60).taken == 2


def test_a_database_that_stays_away_ends_the_import_and_loses_nothing(bench: Bench) -> None:
    records = fill(bench, 5)
    bench.taker.before = lambda facts: away(9)() if len(bench.taker.taken) >= 2 else None
    outcome = bench.run(records, workers=1)
    assert outcome.error is not None
    assert outcome.error.code == "store.database.away"
    assert outcome.taken == len(bench.calls()) == 2
    bench.taker.before = lambda facts: None
    assert bench.run(records).taken == 3


def test_a_broken_archive_ends_the_import(bench: Bench) -> None:
    bench.taker.before = away(1, Broken, "archive.object.missing")
    outcome = bench.run(fill(bench, 1))
    assert outcome.error is not None
    assert outcome.error.code == "archive.object.missing"


def test_a_file_that_changes_under_us_is_tried_again_when_it_rests(bench: Bench) -> None:
    bench.taker.before = away(1, Conflict, "telephony.file.changed")
    outcome = bench.run(fill(bench, 1), wait_seconds=30)
    assert (outcome.taken, outcome.waiting) == (1, 0)


def test_a_file_that_grows_while_it_is_sealed_leaves_nothing_behind(bench: Bench) -> None:
    records = fill(bench, 1)
    path = bench.path / f"{channel(0)}.wav"

    def grow(facts: CallFacts) -> None:
        with path.open("ab") as more:
            more.write(b"x" * 100)

    bench.taker.before = grow
    outcome = bench.run(records)
    assert (outcome.taken, outcome.waiting) == (0, 1)
    assert bench.calls() == []
    assert not [*bench.house.config.objects.rglob("*.cob"), *bench.house.config.objects.rglob("*.part")]


def test_sources_go_only_after_they_were_read_back(bench: Bench) -> None:
    records = fill(bench, 3)
    order: list[str] = []
    bench.taker.confirming = lambda: order.append(f"{len(list(bench.path.iterdir()))} left")
    outcome = bench.run(records, move=True, workers=1)
    assert (outcome.taken, outcome.removed) == (3, 3)
    assert order == ["3 left", "2 left", "1 left"]
    assert list(bench.path.iterdir()) == []
    assert len(bench.calls()) == 3


def test_a_source_stays_when_what_was_sealed_of_it_cannot_be_read_back(bench: Bench) -> None:
    records = fill(bench, 1)
    bench.run(records)
    for path in bench.house.config.objects.rglob("*.cob"):
        raw = bytearray(path.read_bytes())
        raw[len(raw) // 2] ^= 1
        path.chmod(0o600)
        path.write_bytes(raw)
    outcome = bench.run(records, move=True)
    assert outcome.error is not None
    assert isinstance(outcome.error, Broken)
    assert outcome.removed == 0
    assert len(list(bench.path.iterdir())) == 1


def test_files_taken_before_are_moved_by_a_later_import(bench: Bench) -> None:
    records = fill(bench, 2)
    bench.run(records)
    outcome = bench.run(records, move=True)
    assert (outcome.taken, outcome.skipped, outcome.removed) == (0, 2, 2)
    assert list(bench.path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may remove anything")
def test_a_source_that_may_not_be_removed_is_noted(bench: Bench) -> None:
    records = fill(bench, 1)
    bench.path.chmod(0o500)
    try:
        outcome = bench.run(records, move=True)
    finally:
        bench.path.chmod(0o700)
    assert notes(outcome) == {f"{channel(0)}.wav": "telephony.file.stays"}
    assert outcome.taken == 1


def test_the_disk_is_full_and_nothing_is_half_there(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    records = fill(bench, 1)
    real = os.fsync

    def full(fd: int) -> None:
        if os.readlink(f"/proc/self/fd/{fd}").startswith(str(bench.house.config.objects)):
            raise OSError(28, "No space left on device")
        real(fd)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        outcome = bench.run(records)
    assert outcome.error is not None
    assert isinstance(outcome.error, Unavailable)
    assert bench.calls() == []
    assert bench.run(records).taken == 1


_SCRIPT = """
import sys, threading, time
from datetime import datetime
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo
from imvume.archive.house import House, storage_of
from imvume.basics import clock
from imvume.config import Config
from imvume.keys.vault import Vault
from imvume.store.database import Database
from imvume.telephony.importers.engine import Import, Plan
from imvume.telephony.importers.folder import Folder
from imvume.telephony.importers.outcome import Nobody
from imvume.telephony.importers.records import NoRecords
from imvume.telephony.importers.taker import HouseTaker

home, tenant, dsn, folder = sys.argv[1:]
config = Config(home=Path(home))
house = House(config, Database(dsn), Vault(config.keys), storage_of(config))
plan = Plan(source="pbx", zone=ZoneInfo("UTC"), region="ZA", move=True, workers=1, settle_seconds=0.1)
importing = Import(plan, Folder(Path(folder)), NoRecords(), HouseTaker(house, UUID(tenant)), Nobody(),
                   now=clock.now, ticks=time.monotonic, stop=threading.Event())
print(importing.run().taken)
"""


@pytest.mark.parametrize(
    "boundary",
    [
        "seal.begun", "seal.object-written", "seal.object-durable", "seal.read-back", "seal.rows-written",
        "seal.committed", "move.confirmed", "move.removed",
    ],
)  # fmt: skip
def test_killed_at_any_boundary_it_goes_on_where_it_was(bench: Bench, boundary: Boundary) -> None:
    for n in range(3):
        bench.sound(f"call{n}.wav", pitch=300 + 50 * n, seconds=0.2)
    script = [sys.executable, "-c", _SCRIPT, str(bench.house.config.home), str(bench.tenant)]
    script += [bench.house.database.dsn, str(bench.path)]
    killed = subprocess.run(
        script, env={**os.environ, "IMVUME_TEST_DIE_AT": boundary}, capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    calls, left = len(bench.calls()), len(list(bench.path.iterdir()))
    assert calls + left >= 3
    done = subprocess.run(script, capture_output=True, text=True, check=True)
    assert int(done.stdout) == 3 - calls
    assert list(bench.path.iterdir()) == []
    assert len(bench.calls()) == 3
    assert all(bench.legs(call.call) == ["both"] for call in bench.calls())


def test_two_imports_of_one_folder_at_once_double_nothing(bench: Bench, tmp_path: Path) -> None:
    for n in range(8):
        bench.sound(f"call{n}.wav", pitch=300 + 50 * n, seconds=0.2)
    script = [sys.executable, "-c", _SCRIPT.replace("move=True", "move=False"), str(bench.house.config.home)]
    script += [str(bench.tenant), bench.house.database.dsn, str(bench.path)]
    both = [subprocess.Popen(script, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    said = [one.communicate() for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    assert len(bench.calls()) == 8
    assert all(bench.legs(call.call) == ["both"] for call in bench.calls())
    assert codes(bench.run()) == {}
