"""Promises of work, made in the transaction that calls for them and kept by the worker.

The queue is only a hint: whatever must happen by a day is a row of its own, and is promised
again by whoever looks for what is due. A lost job costs time, never a duty.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

import msgspec
import psycopg
from pgqueuer.adapters.persistence import qb
from pgqueuer.domain.settings import DBSettings, Durability
from pgqueuer.domain.types import Channel
from pgqueuer.queries import Queries, SyncQueries
from psycopg import RawCursor
from psycopg.rows import dict_row

from imvume.basics.ids import TenantId
from imvume.errors import NotFound
from imvume.store.database import Tx

Argument = UUID | str | int | bool | None

# The queue keeps to a schema of its own. Every name is said: the library would otherwise
# read them from variables of the environment as common as FUNCTION and TRIGGER.
QUEUE = DBSettings(
    prefix="",
    db_schema="queue",
    channel=Channel("ch_pgqueuer"),
    function="fn_pgqueuer_changed",
    statistics_table="pgqueuer_statistics",
    queue_status_type="pgqueuer_status",
    queue_table="pgqueuer",
    queue_table_log="pgqueuer_log",
    trigger="tg_pgqueuer_changed",
    schedules_table="pgqueuer_schedules",
    durability=Durability.durable,
    widen_id=True,
)


class Job(NamedTuple):
    """A promise as it lies in the queue."""

    tenant: TenantId
    args: dict[str, Any]


class Parked(NamedTuple):
    """A promise that could not be kept, laid aside until somebody has looked."""

    job: int
    name: str
    tries: int
    since: datetime
    code: str  # of the error that ended it: never its text


def later(tx: Tx, name: LiteralString, **args: Argument) -> None:
    """Promise the job `name` in this transaction: it exists if, and only if, this commits.

    args: ids, codes and counts, which the handler gets back as JSON has them (a UUID as text).
    Never a name, a number or content: the queue is no place for people.
    """
    _enqueue(tx, name, args, once=False)


def later_once(tx: Tx, name: LiteralString, **args: Argument) -> None:
    """The same, unless this very promise is already waiting: for whoever looks again and again for what is due."""
    _enqueue(tx, name, args, once=True)


def _enqueue(tx: Tx, name: str, args: dict[str, Argument], *, once: bool) -> None:
    payload = msgspec.json.encode({"tenant": tx.tenant, "args": args}, order="sorted")
    queue = SyncQueries(_InTransaction(tx), qbq=qb.QueryQueueBuilder(QUEUE))
    if once:
        queue.enqueue(name, payload, dedupe_key=f"{name} {payload.decode()}", on_conflict="skip")
    else:
        queue.enqueue(name, payload)


def read(payload: bytes | None) -> Job:
    """What `later` wrote."""
    said = msgspec.json.decode(payload or b"")
    return Job(TenantId(UUID(said["tenant"])), said["args"])


def queries(connection: psycopg.AsyncConnection[Any]) -> Queries:
    """The library's queries over `connection` (autocommit), knowing where our queue is."""
    made = Queries.from_psycopg_connection(connection)
    made.qbe = qb.QueryBuilderEnvironment(QUEUE)
    made.qbq = qb.QueryQueueBuilder(QUEUE)
    made.qbs = qb.QuerySchedulerBuilder(QUEUE)
    return made


def begun(tx: Tx, job: int) -> int:
    """Note that a worker begins with `job`; answers how many workers died over it before.

    A worker that is killed cannot say so; only the beginnings without an end tell.
    """
    row = tx.one("store.job_begun", job=job)
    return max(0, row["begun"] - row["attempts"] - 1) if row else 0


def mend(tx: Tx) -> int:
    """Bring back what a clock that was set back has put out of reach; answers how many jobs."""
    return tx.run("store.job_mend", delay_max=DELAY_MAX + timedelta(minutes=1))


def forget(tx: Tx, *, before: datetime) -> None:
    """Drop the queue's own diary of jobs that ended before then; nobody reads it, and it only grows."""
    tx.run("store.job_forget", before=before)
    tx.run("store.job_forget_counts", before=before)


def waiting(tx: Tx) -> int:
    """How many jobs wait or are being done, of every tenant."""
    return int(tx.only("store.jobs_waiting")["jobs"])


def parked(tx: Tx) -> list[Parked]:
    """What could not be kept and waits for somebody to look, the oldest first, of every tenant."""
    return [Parked(**row) for row in tx.all("store.jobs_parked")]


def again(tx: Tx, jobs: Sequence[int]) -> None:
    """Try parked jobs once more, as if for the first time. Raises NotFound if one is not parked."""
    if tx.run("store.jobs_again", jobs=list(jobs)) != len(set(jobs)):
        raise NotFound(
            "store.jobs.not-parked", "There is no such parked job.", remedy="Run `imvume jobs` to see those there are."
        )


ATTEMPTS_MAX = 10  # then it is parked; with the delays below, after about nine minutes
DEATHS_MAX = 3  # workers that one job may take with it before it is parked
DELAY_FIRST = timedelta(seconds=1)
DELAY_MAX = timedelta(minutes=5)


def delay(attempt: int) -> timedelta:
    """How long to wait after the failed attempt number `attempt`, counted from 0: 1, 2, 4 ... 300 seconds."""
    return min(DELAY_FIRST * (1 << min(attempt, 16)), DELAY_MAX)


class _InTransaction:
    """The library's driver, inside the caller's transaction. Its own insists on autocommit."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        cursor = RawCursor(self._tx.connection, row_factory=dict_row)
        cursor.execute(query.encode(), args or None)
        return cursor.fetchall()
