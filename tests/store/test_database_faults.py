"""PostgreSQL killed under our hands: one error with a code, nothing half done, and then it works again."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from imvume.basics import clock
from imvume.basics.ids import TenantId, uuid7
from imvume.errors import Unavailable
from imvume.store import jobs, postmaster, sweeps, tenants
from imvume.store.database import Database, Tx
from imvume.store.embedded import Postgres
from imvume.store.migrate import migrate
from imvume.store.queue import Queue


@pytest.fixture
def server(home: Path) -> Iterator[Postgres]:
    """A server of this test alone, to be killed."""
    with Postgres(home) as server:
        migrate(server.owner_dsn)
        yield server


@pytest.fixture
def pool(server: Postgres) -> Iterator[Database]:
    with Database(server.dsn, wait_seconds=5) as database:
        yield database


def _kill(server: Postgres) -> None:
    told = postmaster.read(server.data)
    assert told is not None
    os.kill(told[0], signal.SIGKILL)


def _tenant(database: Database) -> TenantId:
    with database.transaction(None) as tx:
        return tenants.add(tx, "A", zone="UTC", region="ZA", retention="fais-service", at=clock.now())


def _open(tx: Tx, name: str) -> None:
    sweeps.open(tx, name, total=1, at=clock.now())


def test_killed_in_the_middle_of_a_transaction_nothing_of_it_stays(server: Postgres, pool: Database) -> None:
    tenant = _tenant(pool)
    with pool.transaction(tenant) as tx:
        _open(tx, "before")

    def killed() -> None:
        with pool.transaction(tenant) as tx:
            _open(tx, "during")
            _kill(server)
            for _ in range(1000):  # a backend outlives its postmaster by a moment
                sweeps.standing(tx, "during")
                threading.Event().wait(0.01)

    with pytest.raises(Unavailable) as told:
        killed()
    assert told.value.code == "store.database.away"
    server.start()
    with pool.transaction(tenant) as tx:
        assert sweeps.standing(tx, "before") is not None
        assert sweeps.standing(tx, "during") is None


def _write_until_it_fails(pool: Database, tenant: TenantId) -> None:
    for _ in range(1000):
        with pool.transaction(tenant) as tx:
            _open(tx, str(uuid7()))
        threading.Event().wait(0.01)


def test_while_it_is_away_each_call_says_so_and_afterwards_the_same_pool_works(
    server: Postgres, pool: Database
) -> None:
    tenant = _tenant(pool)
    for _ in range(2):
        _kill(server)
        with pytest.raises(Unavailable):
            _write_until_it_fails(pool, tenant)
        with pytest.raises(Unavailable) as told, pool.transaction(tenant) as tx:
            _open(tx, "while away")
        assert told.value.code == "store.database.away"
        server.start()
        with pool.transaction(tenant) as tx:
            assert sweeps.standing(tx, "while away") is None
            _open(tx, "after")


def test_a_connection_that_died_while_idle_costs_the_next_caller_nothing(server: Postgres, pool: Database) -> None:
    tenant = _tenant(pool)
    _kill(server)
    server.start()
    with pool.transaction(tenant) as tx:
        _open(tx, "after")


def test_a_pool_full_of_connections_that_died_idle_costs_the_next_caller_no_error(
    server: Postgres, pool: Database
) -> None:
    tenant = _tenant(pool)
    together = threading.Barrier(8)

    def use() -> None:
        with pool.transaction(tenant) as tx:
            together.wait()  # each has a connection of its own
            sweeps.standing(tx, "none")

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _kill(server)
    server.start()
    for _ in range(8):
        with pool.transaction(tenant) as tx:
            sweeps.standing(tx, "none")


def test_a_restart_while_eight_threads_write_loses_nothing_that_was_answered(server: Postgres, pool: Database) -> None:
    tenant = _tenant(pool)
    answered: list[str] = []
    refused: list[str] = []
    enough = threading.Event()

    def write() -> None:
        while not enough.is_set():
            name = str(uuid7())
            try:
                with pool.transaction(tenant) as tx:
                    _open(tx, name)
                answered.append(name)
            except Unavailable as error:
                refused.append(error.code)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    while len(answered) < 50:
        enough.wait(0.01)
    _kill(server)
    while not refused:
        enough.wait(0.01)
    server.start()
    before = len(answered)
    while len(answered) < before + 50:
        enough.wait(0.01)
    enough.set()
    for thread in threads:
        thread.join()
    assert set(refused) == {"store.database.away"}
    with pool.transaction(tenant) as tx:
        assert all(sweeps.standing(tx, name) for name in answered)


def test_a_worker_waits_for_a_killed_server_and_goes_on_with_the_queue(server: Postgres, pool: Database) -> None:
    tenant = _tenant(pool)
    kept: list[int] = []

    def promise(no: int) -> None:
        with pool.transaction(tenant) as tx:
            jobs.later(tx, "test.no", no=no)

    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    with ThreadPoolExecutor(2) as threads, ThreadPoolExecutor(1) as beside:
        queue = Queue(pool, {"test.no": lambda tenant, args: kept.append(args["no"])}, threads, 2, timedelta(seconds=2))
        running = beside.submit(loop.run_until_complete, queue.run(stop))
        try:
            promise(1)
            _eventually(lambda: 1 in kept)
            _kill(server)
            server.start()
            promise(2)
            _eventually(lambda: 2 in kept)
        finally:
            loop.call_soon_threadsafe(stop.set)
            running.result(timeout=40)
            loop.close()


def _eventually(true: Callable[[], object]) -> None:
    limit = time.monotonic() + 40
    while not true():
        assert time.monotonic() < limit, "it did not come about"
        time.sleep(0.05)


def test_an_error_of_the_caller_is_no_outage(pool: Database) -> None:
    tenant = _tenant(pool)

    def fails() -> None:
        with pool.transaction(tenant) as tx:
            _open(tx, "undone")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    with pool.transaction(tenant) as tx:
        assert sweeps.standing(tx, "undone") is None
