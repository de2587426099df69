"""The keeping of promises: takes jobs from the queue and runs plain functions for them, each in a thread.

A job whose function raises is tried again, later each time, and parked in the end where
`imvume doctor` shows it. A worker that is killed stops its heartbeat, and another takes its
jobs up. A job that kills its worker time after time is parked as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg
import structlog
from pgqueuer.adapters.drivers.psycopg import PsycopgDriver
from pgqueuer.core.executors import AbstractEntrypointExecutor, EntrypointExecutorParameters
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.errors import PgqException, RetryRequested
from pgqueuer.domain.models import Context, Job

from imvume.basics import log as logs
from imvume.basics.ids import TenantId
from imvume.errors import Unavailable
from imvume.store import jobs
from imvume.store.database import Database

HEARTBEAT = timedelta(seconds=30)  # a worker silent for so long is dead, and its jobs are anybody's
LOST_WAIT_SECONDS = 30.0  # the longest pause between two tries to reach a database that is away

Keep = Callable[[TenantId, dict[str, Any]], None]

log = structlog.get_logger("imvume.queue")


@dataclass
class Queue:
    """One worker's end of the queue. `handlers` by the name of the job; `at_once` run side by side in `threads`."""

    database: Database
    handlers: Mapping[str, Keep]
    threads: Executor
    at_once: int
    heartbeat: timedelta = HEARTBEAT

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`, then finish what is in hand. A database that goes away is waited for."""
        wait = 1.0
        while not stop.is_set():
            try:
                await self._connected(stop)
                return
            except (psycopg.Error, PgqException, OSError) as error:
                log.warning("the queue is out of reach", code="store.database.away", kind=type(error).__name__)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), wait)
            wait = min(wait * 2, LOST_WAIT_SECONDS)

    async def _connected(self, stop: asyncio.Event) -> None:
        if not self.handlers:
            await stop.wait()
            return
        async with (
            await psycopg.AsyncConnection.connect(self.database.dsn, autocommit=True) as asking,
            await psycopg.AsyncConnection.connect(self.database.dsn, autocommit=True) as hearing,
        ):
            queries = jobs.queries(asking)
            queries.driver = _TwoLines(hearing, asking)
            manager = QueueManager(queries, channel=jobs.QUEUE.channel)
            for name, keep in self.handlers.items():
                manager.register_executor(name, _Kept(self._parameters(), self, keep))
            ending = asyncio.create_task(_then(stop, manager.shutdown))
            try:
                await manager.run(
                    # Waiting longer than this, nobody would notice a dead worker's jobs in time.
                    dequeue_timeout=self.heartbeat / 2,
                    batch_size=max(1, self.at_once // 2),
                    max_concurrent_tasks=max(2, self.at_once),
                    heartbeat_timeout=self.heartbeat,
                    shutdown_on_listener_failure=True,
                )
            finally:
                ending.cancel()

    def _parameters(self) -> EntrypointExecutorParameters:
        async def unused(job: Job) -> None:  # the executor below does the work
            raise NotImplementedError

        return EntrypointExecutorParameters(concurrency_limit=0, func=unused, on_failure="hold")

    def begun(self, job: int) -> int:
        """Note the beginning of `job`; answers how many workers died over it."""
        with self.database.transaction(None) as tx:
            return jobs.begun(tx, job)


class _TwoLines(PsycopgDriver):
    """The library's driver with a second connection for its questions.

    With one, whoever listens holds it for a second at a time, and each question waits as long:
    a job then took three seconds instead of some milliseconds.
    """

    def __init__(self, hearing: psycopg.AsyncConnection, asking: psycopg.AsyncConnection) -> None:
        super().__init__(hearing)
        self._questions = PsycopgDriver(asking)

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        return await self._questions.fetch(query, *args)

    async def execute(self, query: str, *args: object) -> str:
        return await self._questions.execute(query, *args)


class Given(Exception):  # "Given up": its text is the code alone, the queue writes it down
    """A job that is parked, with the code of what ended it and no other word."""


@dataclass
class _Kept(AbstractEntrypointExecutor):
    queue: Queue
    keep: Keep

    async def execute(self, job: Job, context: Context) -> None:
        loop, threads = asyncio.get_running_loop(), self.queue.threads
        try:
            deaths = await loop.run_in_executor(threads, self.queue.begun, job.id)
            if deaths < jobs.DEATHS_MAX:
                tenant, args = jobs.read(job.payload)
                await loop.run_in_executor(threads, self.keep, tenant, args)
                return
            code, lasting = "store.jobs.deadly", True
            log.error("a job has ended its worker too often and is parked", job=job.entrypoint, id=job.id)
        except Exception as error:  # whatever it is, it is this job's alone
            told = logs.fault(error)
            code = told.get("code") or f"crash.{told['error']}"
            # What is away comes back, and then there was nothing wrong with the job.
            lasting = job.attempts + 1 >= jobs.ATTEMPTS_MAX and not isinstance(error, Unavailable)
            log.warning(
                "a job is parked" if lasting else "a job is tried again later",
                **{**told, "code": code}, job=job.entrypoint, id=job.id, attempt=job.attempts + 1,
            )  # fmt: skip
        # Raised out here, so that no text of the first error travels along into the queue's diary.
        if lasting:
            raise Given(code)
        raise RetryRequested(jobs.delay(job.attempts), code)


async def _then(first: asyncio.Event, second: asyncio.Event) -> None:
    await first.wait()
    second.set()
