"""Promises: kept with their transaction, tried again, parked in the open, and taken over from the dead."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from imvume.basics import clock
from imvume.basics.ids import TenantId, uuid7
from imvume.errors import NotFound, Refused, Unavailable
from imvume.store import jobs
from imvume.store.database import Database
from imvume.store.embedded import Postgres
from imvume.store.queue import Queue

Seen = list[tuple[TenantId, dict[str, Any]]]


def _eventually(true: Callable[[], object], *, seconds: float = 30) -> None:
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit, "it did not come about"
        time.sleep(0.05)


@pytest.fixture
def name() -> str:
    """A kind of job that no other test has."""
    return f"test.{uuid4().hex[:12]}"


def _later(database: Database, tenant: TenantId, name: str, **args: jobs.Argument) -> None:
    with database.transaction(tenant) as tx:
        jobs.later(tx, name, **args)  # type: ignore[arg-type]  # made up by the fixture


@contextmanager
def _worker(database: Database, handlers: dict[str, Any], **how: Any) -> Iterator[None]:
    """A queue at work in this process, ended in order when the block ends."""
    with ThreadPoolExecutor(4) as threads, ThreadPoolExecutor(1) as beside:
        loop, stop = asyncio.new_event_loop(), asyncio.Event()
        queue = Queue(database, handlers, threads, at_once=4, heartbeat=timedelta(seconds=2), **how)
        running = beside.submit(loop.run_until_complete, queue.run(stop))
        try:
            yield
        finally:
            loop.call_soon_threadsafe(stop.set)
            running.result(timeout=30)
            loop.close()


def _rows(postgres: Postgres, name: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(postgres.owner_dsn) as connection:
        return connection.execute(
            "SELECT id, status::text, attempts FROM queue.pgqueuer WHERE entrypoint = %s ORDER BY id", [name]
        ).fetchall()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "DELAY_FIRST", timedelta(milliseconds=20))
    monkeypatch.setattr(jobs, "ATTEMPTS_MAX", 3)


def test_a_promise_is_kept_with_its_tenant_and_its_words(database: Database, tenant: TenantId, name: str) -> None:
    seen: Seen = []
    call = uuid7()
    with _worker(database, {name: lambda tenant, args: seen.append((tenant, args))}):
        _later(database, tenant, name, call=call, part=2, whole=True)
        _eventually(lambda: seen)
    assert seen == [(tenant, {"call": str(call), "part": 2, "whole": True})]


def test_a_promise_of_a_transaction_that_fails_was_never_made(
    postgres: Postgres, database: Database, tenant: TenantId, name: str
) -> None:
    def fails() -> None:
        with database.transaction(tenant) as tx:
            jobs.later(tx, name)  # type: ignore[arg-type]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert _rows(postgres, name) == []


def test_the_same_promise_made_once_waits_once(
    postgres: Postgres, database: Database, tenant: TenantId, name: str
) -> None:
    for day in (1, 1, 2):
        with database.transaction(tenant) as tx:
            jobs.later_once(tx, name, day=day)  # type: ignore[arg-type]
    assert len(_rows(postgres, name)) == 2


def test_a_promise_that_fails_is_tried_again(
    postgres: Postgres, database: Database, tenant: TenantId, name: str
) -> None:
    tries: list[int] = []

    def second_time_lucky(tenant: TenantId, args: dict[str, Any]) -> None:
        tries.append(1)
        if len(tries) < 2:
            raise ValueError("the first time")

    with _worker(database, {name: second_time_lucky}):
        _later(database, tenant, name)
        _eventually(lambda: len(tries) == 2 and not _rows(postgres, name))


def test_a_promise_that_cannot_be_kept_is_parked_with_a_code_and_no_words(
    postgres: Postgres, database: Database, tenant: TenantId, name: str
) -> None:
    def refused(tenant: TenantId, args: dict[str, Any]) -> None:
        raise Refused("archive.destroy.on-hold", "Naledi on +44 7700 900123 cannot be destroyed.", remedy="Wait.")

    def mine() -> list[jobs.Parked]:
        with database.transaction(None) as tx:
            return [parked for parked in jobs.parked(tx) if parked.name == name]

    with _worker(database, {name: refused}):
        _later(database, tenant, name)
        _eventually(mine)
    (parked,) = mine()
    assert (parked.code, parked.tries) == ("archive.destroy.on-hold", 3)
    with psycopg.connect(postgres.owner_dsn) as connection:
        diary = str(connection.execute("SELECT array_agg(l::text) FROM queue.pgqueuer_log l").fetchall())
    assert "Naledi" not in diary
    assert "900123" not in diary

    kept: Seen = []
    with database.transaction(None) as tx:
        jobs.again(tx, [parked.job])
    with _worker(database, {name: lambda tenant, args: kept.append((tenant, args))}):
        _eventually(lambda: kept and not mine())
    with pytest.raises(NotFound) as told, database.transaction(None) as tx:
        jobs.again(tx, [parked.job])
    assert told.value.code == "store.jobs.not-parked"


def test_what_is_away_is_waited_for_and_never_parked(database: Database, tenant: TenantId, name: str) -> None:
    tries: list[int] = []

    def away(tenant: TenantId, args: dict[str, Any]) -> None:
        tries.append(1)
        if len(tries) < 6:  # twice as often as it takes to park anything else
            raise Unavailable("archive.storage.away", "The object store does not answer.", remedy="Wait.")

    with _worker(database, {name: away}):
        _later(database, tenant, name)
        _eventually(lambda: len(tries) == 6)


def test_delays_grow_to_five_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert [jobs.delay(n).total_seconds() for n in (0, 1, 2, 8, 9, 10, 10_000)] == [1, 2, 4, 256, 300, 300, 300]


def test_a_clock_set_back_an_hour_does_not_hide_a_promise(
    postgres: Postgres, database: Database, tenant: TenantId, name: str
) -> None:
    # What lies in the queue when the clock goes back looks like work for an hour from now.
    _later(database, tenant, name)
    with psycopg.connect(postgres.owner_dsn) as connection:
        connection.execute("UPDATE queue.pgqueuer SET execute_after = now() + '1 hour' WHERE entrypoint = %s", [name])
    with database.transaction(None) as tx:
        assert jobs.mend(tx) >= 1
    seen: Seen = []
    with _worker(database, {name: lambda tenant, args: seen.append((tenant, args))}):
        _eventually(lambda: seen)


WORKER = """
    import sys, time
    from datetime import timedelta
    import asyncio
    from concurrent.futures import ThreadPoolExecutor
    from pathlib import Path
    from imvume.store.database import Database
    from imvume.store.queue import Queue
    dsn, name, mark, deed = sys.argv[1:]
    def work(tenant, args):
        with open(mark, "a") as file: file.write("begun ")
        if deed == "die": import os, signal; os.kill(os.getpid(), signal.SIGKILL)
        if deed == "hang": time.sleep(600)
        with open(mark, "a") as file: file.write("kept ")
    with Database(dsn) as database, ThreadPoolExecutor(1) as threads:
        asyncio.run(Queue(database, {name: work}, threads, 1, timedelta(seconds=2)).run(asyncio.Event()))
"""


def _start(postgres: Postgres, name: str, mark: Path, deed: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WORKER), postgres.dsn, name, str(mark), deed], stderr=subprocess.DEVNULL
    )


def test_the_job_of_a_killed_worker_is_taken_up_by_another(
    postgres: Postgres, database: Database, tenant: TenantId, name: str, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    mark.touch()
    _later(database, tenant, name)
    first = _start(postgres, name, mark, "hang")
    try:
        _eventually(lambda: "begun" in mark.read_text())
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        assert _rows(postgres, name)[0][1] == "picked"  # it could not say goodbye
        second = _start(postgres, name, mark, "keep")
        try:
            _eventually(lambda: not _rows(postgres, name))
        finally:
            second.kill()
            second.wait()
    finally:
        first.kill()
        first.wait()
    assert mark.read_text().split() == ["begun", "begun", "kept"]


@pytest.mark.slow
def test_a_job_that_kills_its_worker_every_time_is_parked(
    postgres: Postgres, database: Database, tenant: TenantId, name: str, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    mark.touch()
    _later(database, tenant, name)
    for _ in range(jobs.DEATHS_MAX):
        before = mark.read_text().count("begun")
        worker = _start(postgres, name, mark, "die")
        try:
            worker.wait(timeout=60)
        finally:
            worker.kill()
            worker.wait()
        assert mark.read_text().count("begun") == before + 1
    with _worker(database, {name: lambda tenant, args: mark.write_text("run again")}):
        _eventually(lambda: _rows(postgres, name)[0][1] == "failed")
    with database.transaction(None) as tx:
        (parked,) = [parked for parked in jobs.parked(tx) if parked.name == name]
    assert parked.code == "store.jobs.deadly"
    assert "run again" not in mark.read_text()


def test_the_diary_of_old_jobs_is_forgotten_and_that_of_a_parked_one_is_not(
    postgres: Postgres, database: Database, tenant: TenantId, name: str
) -> None:
    def diary(of: str) -> int:
        with psycopg.connect(postgres.owner_dsn) as connection:
            row = connection.execute("SELECT count(*) FROM queue.pgqueuer_log WHERE entrypoint = %s", [of]).fetchone()
            return int(row[0]) if row else 0

    def refused(tenant: TenantId, args: dict[str, Any]) -> None:
        raise ValueError

    kept = f"{name}.kept"
    with _worker(database, {name: refused, kept: lambda tenant, args: None}):
        _later(database, tenant, kept)
        _later(database, tenant, name)
        _eventually(lambda: not _rows(postgres, kept) and _rows(postgres, name)[0][1] == "failed")
    assert diary(kept) > 0
    with database.transaction(None) as tx:
        jobs.forget(tx, before=clock.now() + timedelta(minutes=1))
    assert diary(kept) == 0
    assert diary(name) > 0


def test_of_two_workers_one_keeps_each_promise(
    postgres: Postgres, database: Database, tenant: TenantId, name: str
) -> None:
    seen: list[int] = []

    def keep(tenant: TenantId, args: dict[str, Any]) -> None:
        seen.append(args["no"])

    for no in range(40):
        _later(database, tenant, name, no=no)
    with _worker(database, {name: keep}), _worker(database, {name: keep}):
        _eventually(lambda: not _rows(postgres, name))
    assert sorted(seen) == list(range(40))
