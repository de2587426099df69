"""The log: how fast entries are written and placed, how fast one is proved among a million, how fast all are verified.

    python bench/evidence.py FOLDER [--runs 5] [--seconds 5] [--leaves 1000000]

FOLDER keeps the database (about 1 GB at a million leaves); a second run goes on with it. Writers, the
sequencer and PostgreSQL share the machine. The peer, in the same run and on the same server, is what a
table that proves anything is commonly made of: a trigger that chains each row's hash to the one before it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from imvume.basics import clock
from imvume.basics.ids import EntryId, TenantId, uuid7
from imvume.evidence import ledger, note, proof
from imvume.evidence.publish import publish
from imvume.evidence.sequencer import BATCH, sequence
from imvume.evidence.verify import Verification
from imvume.keys.vault import Vault
from imvume.store import tenants
from imvume.store.database import Database
from imvume.store.embedded import Postgres
from imvume.store.migrate import migrate

WRITERS = 4  # connections
OURS = (("200 a transaction", 200, False), ("200 a transaction, one by one", 200, True), ("one a transaction", 1, True))
THEIRS = (
    ("peer: trigger hash chain, 200 a transaction", "chained", 200),
    ("peer: trigger hash chain, one a transaction", "chained", 1),
    ("floor: plain insert that proves nothing, 200 a transaction", "plain", 200),
    ("floor: plain insert that proves nothing, one a transaction", "plain", 1),
)
AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

PEER = """\
CREATE TABLE IF NOT EXISTS chained (
    no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, type text, about uuid, body bytea, hash bytea);
CREATE TABLE IF NOT EXISTS plain (LIKE chained INCLUDING ALL);
CREATE OR REPLACE FUNCTION chain() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(4711);
    NEW.hash := sha256(coalesce((SELECT hash FROM chained ORDER BY no DESC LIMIT 1), ''::bytea) || NEW.body);
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER chain BEFORE INSERT ON chained FOR EACH ROW EXECUTE FUNCTION chain();
GRANT SELECT, INSERT ON chained, plain TO imvume_app;
"""


def entry(n: int) -> ledger.Entry:
    """An entry as a sealed recording makes it."""
    fields = {"call": uuid7(), "digest": os.urandom(32), "size": n, "commitment": os.urandom(32)}
    return ledger.Entry(type="archive.sealed", about=uuid7(), by=None, at=AT, fields=fields)


# What runs in processes of its own -----------------------------------------------------------


def write(dsn: str, tenant: UUID, go: Event, seconds: float, per: int, singly: bool, counts: Any) -> None:
    """Write entries, `per` a transaction, each transaction committed durably, for a while."""
    with Database(dsn, connections_max=1) as database:
        with database.transaction(TenantId(tenant)):
            pass
        go.wait()
        written, until, cpu = 0, time.perf_counter() + seconds, time.process_time()
        while time.perf_counter() < until:
            with database.transaction(TenantId(tenant)) as tx:
                if singly:
                    for n in range(per):
                        one = entry(n)
                        ledger.record(tx, "archive.sealed", one.about, by=None, at=AT, **one.fields)
                else:
                    ledger.record_all(tx, [entry(n) for n in range(per)])
            written += per
        counts.put((written, time.process_time() - cpu))


def write_peer(dsn: str, table: str, go: Event, seconds: float, per: int, counts: Any) -> None:
    """The same rows into a table of the peer's."""
    statement = f"INSERT INTO {table} (type, about, body) SELECT * FROM unnest(%s::text[], %s::uuid[], %s::bytea[])"  # noqa: S608
    with psycopg.connect(dsn) as connection:
        go.wait()
        written, until, cpu = 0, time.perf_counter() + seconds, time.process_time()
        while time.perf_counter() < until:
            said = [entry(n) for n in range(per)]
            bodies = [ledger.body(uuid7(), one) for one in said]
            connection.execute(statement, [[one.type for one in said], [one.about for one in said], bodies])
            connection.commit()
            written += per
        counts.put((written, time.process_time() - cpu))


def place(dsn: str, tenant: UUID, keys: Path, go: Event, stop: Event, counts: Any) -> None:
    """Give places as the worker does, as long as there is anything to place; a little rest where there is not."""
    vault = Vault(keys)
    with Database(dsn, connections_max=1) as database:
        go.wait()
        cpu = time.process_time()
        while True:
            ended = stop.is_set()
            count = sequence(database, vault, TenantId(tenant), at=clock.now(), heads_in=keys)
            if count < BATCH:
                if ended and count == 0:
                    counts.put((0, time.process_time() - cpu))
                    return
                time.sleep(0.2)


class Spent:
    """Seconds of CPU that the server has taken since this was made.

    A machine that has other work to do slows every wall clock; the CPU that an entry costs it changes little.
    """

    def __init__(self, folder: Path) -> None:
        self._server = int((folder / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
        self._before = self._now()

    def seconds(self) -> float:
        return self._now() - self._before

    def _now(self) -> float:
        ticks = sum(map(int, _stat(self._server)[11:15]))  # of the server and of those it has seen end
        for path in Path("/proc").glob("[0-9]*"):
            try:
                fields = _stat(int(path.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[1]) == self._server:
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


# What is measured ----------------------------------------------------------------------------


def written_and_placed(
    dsn: str, tenant: TenantId, keys: Path, seconds: float, *, per: int, singly: bool = False
) -> tuple[float, float, float]:
    """Entries a second: committed by the writers, and placed under a signed checkpoint; CPU seconds for each."""
    spawn = multiprocessing.get_context("spawn")
    go, stop, counts = spawn.Event(), spawn.Event(), spawn.Queue()
    writers = [
        spawn.Process(target=write, args=(dsn, tenant, go, seconds, per, singly, counts)) for _ in range(WRITERS)
    ]
    placer = spawn.Process(target=place, args=(dsn, tenant, keys, go, stop, counts))
    for process in [*writers, placer]:
        process.start()
    time.sleep(3)  # until all have connected
    began, spent = time.perf_counter(), Spent(keys.parent)
    go.set()
    told = [counts.get() for _ in writers]
    committed = time.perf_counter() - began
    stop.set()
    told.append(counts.get())
    placer.join()
    placed = time.perf_counter() - began
    for process in writers:
        process.join()
    with Database(dsn) as database, database.transaction(tenant) as tx:
        assert ledger.waiting(tx).count == 0
    total = sum(written for written, _ in told)
    return total / committed, total / placed, (spent.seconds() + sum(cpu for _, cpu in told)) / total


def peer(dsn: str, table: str, folder: Path, seconds: float, *, per: int) -> tuple[float, float]:
    """Rows a second into a table of the peer's, by as many connections; CPU seconds for each."""
    spawn = multiprocessing.get_context("spawn")
    go, counts = spawn.Event(), spawn.Queue()
    writers = [spawn.Process(target=write_peer, args=(dsn, table, go, seconds, per, counts)) for _ in range(WRITERS)]
    for process in writers:
        process.start()
    time.sleep(3)
    began, spent = time.perf_counter(), Spent(folder)
    go.set()
    told = [counts.get() for _ in writers]
    took = time.perf_counter() - began
    for process in writers:
        process.join()
    total = sum(written for written, _ in told)
    return total / took, (spent.seconds() + sum(cpu for _, cpu in told)) / total


def fill(database: Database, vault: Vault, tenant: TenantId, keys: Path, leaves: int) -> float:
    """Bring the log to a million entries; answers how many a second were placed of a backlog, 0 if it was there."""
    placed, took = 0, 0.0
    with database.transaction(tenant) as tx:
        newest = tx.one("evidence.checkpoint_newest")
    have = newest["size"] if newest else 0
    while have < leaves:
        count = min(100_000, leaves - have)
        for _ in range(0, count, 10_000):
            with database.transaction(tenant) as tx:
                ledger.record_all(tx, [entry(n) for n in range(min(10_000, count))])
        began = time.perf_counter()
        while done := sequence(database, vault, tenant, at=clock.now(), heads_in=keys):
            placed += done
        took += time.perf_counter() - began
        have += count
    return placed / took if took else 0.0


def timed(rounds: int, act: Callable[[int], object]) -> tuple[float, float]:
    """Median and 99th percentile of an act, in milliseconds."""
    took = []
    for n in range(rounds):
        began = time.perf_counter()
        act(n)
        took.append((time.perf_counter() - began) * 1000)
    took.sort()
    return statistics.median(took), took[len(took) * 99 // 100]


def proofs(database: Database, vault: Vault, tenant: TenantId, rounds: int) -> list[tuple[str, ...]]:
    """Proofs of entries at random, made from the tables and checked with nothing but the key."""
    with database.transaction(tenant) as tx:
        size = tx.only("evidence.checkpoint_newest")["size"]
        ids = [
            EntryId(UUID(tx.all("evidence.verify_entries", start=at, end=at + 1)[0]["entry_id"]))
            for at in random.sample(range(size), rounds)
        ]
    made: list[str] = []

    def make(n: int) -> None:
        with database.transaction(tenant) as tx:
            made.append(proof.make(tx, ids[n]))

    key = note.vkey(vault, tenant)
    make_p50, make_p99 = timed(rounds, make)
    check_p50, check_p99 = timed(rounds, lambda n: proof.check(made[n], [key]))
    hashes = made[0].count("\n") - 8
    return [
        (
            f"a proof at {size:,} leaves, made ({hashes} hashes, {len(made[0])} bytes)",
            f"{make_p50:.2f} ms",
            f"{make_p99:.2f} ms",
        ),
        ("the same, checked offline", f"{check_p50:.2f} ms", f"{check_p99:.2f} ms"),
    ]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("folder", type=Path)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--seconds", type=float, default=5)
    options.add_argument("--leaves", type=int, default=1_000_000)
    asked = options.parse_args()
    keys = asked.folder.absolute() / "keys"
    rows: list[tuple[str, ...]] = []
    with Postgres(asked.folder) as server, Database(server.dsn) as database:
        migrate(server.owner_dsn)
        with psycopg.connect(server.owner_dsn) as connection:
            connection.execute(PEER)
        vault = Vault.make(keys)
        with database.transaction(None) as tx:
            known = tenants.tenants(tx)
            tenant = known[0].tenant_id if known else tenants.add(
                tx, "Bench", zone="Africa/Johannesburg", region="ZA", retention="fais-service", at=AT
            )  # fmt: skip
        with database.transaction(tenant) as tx:
            vault.begin(tx)
        ours: dict[str, list[tuple[float, float, float]]] = {}
        theirs: dict[str, list[tuple[float, float]]] = {}
        for _ in range(asked.runs):  # in turns, so that another load on the machine meets all alike
            for what, per, singly in OURS:
                ours.setdefault(what, []).append(
                    written_and_placed(server.dsn, tenant, keys, asked.seconds, per=per, singly=singly)
                )
            for what, table, per in THEIRS:
                theirs.setdefault(what, []).append(peer(server.dsn, table, asked.folder, asked.seconds, per=per))
        for what, runs in ours.items():
            committed, placed, cpu = zip(*runs, strict=True)
            rows.append((f"ours: {what}, committed", _rate(committed), _range(committed), ""))
            rows.append((f"ours: {what}, placed and signed", _rate(placed), _range(placed), _cpu(cpu)))
        for what, those in theirs.items():
            rates, cpu = zip(*those, strict=True)
            rows.append((what, _rate(rates), _range(rates), _cpu(cpu)))
        backlog = fill(database, vault, tenant, keys, asked.leaves)
        if backlog:
            rows.append(("a backlog is placed at", f"{backlog:,.0f}/s", "", ""))
        rows += proofs(database, vault, tenant, 1000)
        rows += reading(database, vault, tenant, keys, asked.folder)
    print(f"\n{WRITERS} connections, {os.cpu_count()} cores, medians of {asked.runs} runs\n")
    print("| what | median | 99 % or range | CPU each |\n|---|---|---|---|")
    for row in rows:
        print("| " + " | ".join([*row, ""][:4]) + " |")


def reading(database: Database, vault: Vault, tenant: TenantId, keys: Path, folder: Path) -> list[tuple[str, ...]]:
    """The whole log verified, and published as files."""
    began = time.perf_counter()
    verification = Verification(database, tenant, vkeys=[note.vkey(vault, tenant)], heads_in=keys, at=clock.now())
    while not verification.done:
        assert verification.step() == []
    rate = verification.entries / (time.perf_counter() - began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began = time.perf_counter()
    files = publish(database, tenant, folder / f"published-{time.time_ns()}")
    took = time.perf_counter() - began
    return [
        (f"verify {verification.entries:,} entries", f"{rate:,.0f}/s", f"{peak:.0f} MB resident at most"),
        (f"publish them as {files:,} files", f"{took:.1f} s", ""),
    ]


def _rate(values: Sequence[float]) -> str:
    return f"{statistics.median(values):,.0f}/s"


def _cpu(values: Sequence[float]) -> str:
    return f"{statistics.median(values) * 1e6:.0f} µs"


def _range(values: Sequence[float]) -> str:
    return f"{min(values):,.0f} to {max(values):,.0f}"


if __name__ == "__main__":
    main()
