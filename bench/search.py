"""Finding the calls of one number among ten million, in the embedded PostgreSQL.

    python bench/search.py FOLDER [--calls 10000000] [--months 24] [--searches 2000]

FOLDER keeps the database (12 GB at ten million calls): a month at a time is loaded by COPY and
committed, so that a load that is stopped goes on where it was, and a second run only measures.
The search is the one that the console asks, over the connection that the console has; the last
two rows ask it with a plan made anew each time, and with one made once.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.conninfo import make_conninfo

from imvume.basics.ids import TenantId
from imvume.store import tenants
from imvume.store.database import Database, Tx
from imvume.store.embedded import Postgres
from imvume.store.migrate import migrate

Bytes = NDArray[np.uint8]

LAST = 2026 * 12 + 10  # the newest month, November 2026, counted from the year 0
AGENTS = 500
NUMBERS_PER_CALL = 0.3  # ten million calls come from three million numbers
WITHHELD = 0.06
SLICE = 100_000  # calls to one COPY
PAGE = 51  # the console shows 50 and asks for one more, to know whether there are more
ANY = {"direction": None, "queue": None, "campaign": None, "disposition": None}
ALL_TIME = {"before": UUID(int=2**128 - 1), "since": UUID(int=0)}


class World:
    """Who calls: numbers and agents by keyed hash, and how often each comes up. The same for the same size."""

    def __init__(self, calls: int, months: int) -> None:
        rng = np.random.default_rng(1)
        self.calls_a_month = calls // months
        self.months = [datetime(n // 12, n % 12 + 1, 1, tzinfo=UTC) for n in range(LAST - months + 1, LAST + 1)]
        self.numbers = rng.integers(0, 256, (int(calls * NUMBERS_PER_CALL), 16), np.uint8)
        self.agents = rng.integers(0, 256, (AGENTS, 16), np.uint8)
        self.subjects = rng.integers(0, 256, (len(self.numbers) + AGENTS, 16), np.uint8)
        # A Zipf-like tail: the number of rank r calls in proportion to 1 / (r + 30) to the power of 0.75. Most
        # call once or twice, some each week, a few (brokers, call boxes) all day long.
        self._share: NDArray[np.float64] = np.cumsum((np.arange(len(self.numbers)) + 30.0) ** -0.75)

    def draw(self, rng: np.random.Generator, count: int) -> NDArray[np.intp]:
        """`count` numbers, as often as they call."""
        drawn: NDArray[np.intp] = np.searchsorted(self._share, rng.random(count) * self._share[-1])
        return drawn


def load(owner_dsn: str, tenant: TenantId, world: World, say: Callable[[str], None]) -> None:
    """Bring in every month that is not there yet; each is one transaction."""
    with psycopg.connect(owner_dsn) as connection:
        for no, month in enumerate(world.months):
            connection.execute("SELECT open_month(%s)", [month.date()])
            began = time.perf_counter()
            there = connection.execute(f"SELECT EXISTS (SELECT FROM call_{month:%Y%m})").fetchone()  # noqa: S608 -- a date
            if there == (True,):
                connection.commit()
                continue
            rng = np.random.default_rng([2, no])
            ids = _call_ids(rng, month, world.calls_a_month)
            for start in range(0, world.calls_a_month, SLICE):
                _slice(connection, rng, tenant.bytes, world, ids[start : start + SLICE])
            connection.commit()
            say(f"{month:%Y-%m}: {world.calls_a_month} calls in {time.perf_counter() - began:.1f} s")
        connection.autocommit = True
        for table in ("call", "participant"):
            connection.execute(f"VACUUM ANALYZE {table}")


def _call_ids(rng: np.random.Generator, month: datetime, count: int) -> Bytes:
    """Ids as the program makes them: the call's own start in the first 48 bits; at working hours, in order."""
    day = rng.integers(0, 28, count) * 86_400_000
    hour = (rng.triangular(6, 9, 15, count) * 3_600_000).astype(np.int64)  # UTC: eight to five in Johannesburg
    start = np.sort(int(month.timestamp() * 1000) + day + hour)
    ids = rng.integers(0, 256, (count, 16), np.uint8)
    ids[:, :6] = start.astype(">i8").view(np.uint8).reshape(count, 8)[:, 2:]
    ids[:, 6] = ids[:, 6] & 0x0F | 0x70
    ids[:, 8] = ids[:, 8] & 0x3F | 0x80
    return ids


def _slice(
    connection: psycopg.Connection[Any], rng: np.random.Generator, tenant: bytes, world: World, ids: Bytes
) -> None:
    count = len(ids)
    wide = np.zeros((count, 8), np.uint8)
    wide[:, 2:] = ids[:, :6]
    # PostgreSQL counts microseconds from the year 2000.
    started = (wide.view(">i8").ravel() - 946_684_800_000) * 1000
    ended = started + rng.integers(20, 900, count) * 1_000_000
    who, agent = world.draw(rng, count), rng.integers(0, AGENTS, count)
    queue = rng.choice(np.array([b"arrears", b"service", b"billing", b"support"]), count)
    refs = np.char.add(b"C-", _text(rng, count, 9))
    sources = np.char.add(np.char.add(b"pbx-", _text(rng, count, 10)), b".1")
    way = rng.random(count) < 0.6
    hidden = rng.random(count) < WITHHELD
    for direction, chosen in ((b"in", way), (b"out", ~way)):
        n = int(chosen.sum())
        _copy(connection, "call", [
            tenant, ids[chosen], refs[chosen], b"pbx", sources[chosen], _instants(started[chosen]),
            _instants(started[chosen]), _instants(ended[chosen]), direction, queue[chosen], None, b"answered",
            b"fais-service", rng.integers(0, 256, (n, 32), np.uint8),
        ], n)  # fmt: skip
    shown = who[~hidden]
    _copy(connection, "participant", [
        tenant, ids[~hidden], b"\x00\x00", b"caller", b"phone", world.subjects[shown], world.numbers[shown],
    ], len(shown))  # fmt: skip
    _copy(connection, "participant", [
        tenant, ids[hidden], b"\x00\x00", b"caller", b"withheld", None, None,
    ], int(hidden.sum()))  # fmt: skip
    person = world.subjects[len(world.numbers) + agent]
    _copy(connection, "participant", [
        tenant, ids, b"\x00\x01", b"agent", b"extension", person, world.agents[agent],
    ], count)  # fmt: skip


def _text(rng: np.random.Generator, count: int, length: int) -> NDArray[np.bytes_]:
    letters = np.frombuffer(b"0123456789ABCDEFGHJKMNPQRSTVWXYZ", np.uint8)
    return letters[rng.integers(0, 32, (count, length))].view(f"S{length}").ravel()


def _instants(micros: NDArray[np.int64]) -> Bytes:
    return micros.astype(">i8").view(np.uint8).reshape(-1, 8)


def _copy(connection: psycopg.Connection[Any], table: str, columns: list[Any], count: int) -> None:
    """Rows in the binary form of COPY. A column is one value for all, an array with one for each, or None for null."""
    fields: list[tuple[str, Any]] = [("count", ">i2")]
    values: list[Any] = [len(columns)]
    for n, column in enumerate(columns):
        data = column if isinstance(column, np.ndarray) else np.frombuffer(column or b"", np.uint8)
        if data.dtype.kind == "S":
            data = data.view(np.uint8).reshape(len(data), -1)
        width = data.shape[-1] if column is not None else 0
        fields.append((f"length{n}", ">i4"))
        values.append(-1 if column is None else width)
        if column is not None:
            fields.append((f"value{n}", np.uint8, (width,)))  # type: ignore[arg-type]
            values.append(data)
    rows = np.zeros(count, np.dtype(fields))
    for field, value in zip(rows.dtype.names or (), values, strict=True):
        rows[field] = value
    with connection.cursor().copy(f"COPY {table} FROM STDIN (FORMAT binary)".encode()) as copy:
        copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
        copy.write(rows.tobytes())
        copy.write(b"\xff\xff")


def searched(database: Database, tenant: TenantId, lookups: Iterator[bytes]) -> tuple[list[float], int]:
    """Milliseconds of each search, one after the other on one connection, and how many calls they found in all."""
    taken: list[float] = []
    found = 0
    nobody = bytes(16)  # a number is looked for as an extension too
    for lookup in lookups:
        began = time.perf_counter()
        with database.transaction(tenant) as tx:
            found += len(find(tx, [nobody, lookup]))
        taken.append((time.perf_counter() - began) * 1000)
    return taken, found


def find(tx: Tx, lookups: list[bytes]) -> list[dict[str, Any]]:
    """The newest page of calls of these identifiers, over all months, as calls/search.py asks for it."""
    return tx.all("calls.find_by_lookup", lookups=lookups, limit=PAGE, **ANY, **ALL_TIME)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("folder", type=Path)
    asked.add_argument("--calls", type=int, default=10_000_000)
    asked.add_argument("--months", type=int, default=24)
    asked.add_argument("--searches", type=int, default=2_000)
    given = asked.parse_args()
    world = World(given.calls, given.months)
    with Postgres(given.folder) as server:
        migrate(server.owner_dsn)
        with Database(server.dsn, connections_max=2) as database:
            tenant = _tenant(database, world)
        load(server.owner_dsn, tenant, world, print)
        measure(server, tenant, world, given.searches)


def measure(server: Postgres, tenant: TenantId, world: World, searches: int) -> None:
    """Print one row for each kind of number looked for."""
    with psycopg.connect(server.owner_dsn) as connection:
        print(*connection.execute("SELECT split_part(version(), ' on ', 1)").fetchone() or ())
        for table in ("call", "participant"):
            row = connection.execute(
                """SELECT sum(c.reltuples)::bigint, count(*), sum(pg_table_size(c.oid)) / 1e6,
                          sum(pg_indexes_size(c.oid)) / 1e6
                     FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = %s::regclass""",
                [table],
            ).fetchone()
            assert row
            print(f"{table}: {row[0]} rows in {row[1]} months, {row[2]:.0f} MB and {row[3]:.0f} MB of indexes")
    rng = np.random.default_rng(3)
    drawn = world.numbers[world.draw(rng, searches)]
    kinds = {
        "a number, as often as it calls": (drawn, "auto"),
        "any number": (world.numbers[rng.integers(0, len(world.numbers), searches)], "auto"),
        "one of the 20 busiest numbers": (world.numbers[rng.integers(0, 20, searches)], "auto"),
        "a number that never called": (rng.integers(0, 256, (searches, 16), np.uint8), "auto"),
        "an agent's extension": (world.agents[rng.integers(0, AGENTS, searches)], "auto"),
        "the first again, planned each time": (drawn, "force_custom_plan"),
        "the first again, planned once": (drawn, "force_generic_plan"),
    }
    print(f"{'looked for':<36}{'n':>6}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}{'calls shown':>13}")
    for kind, (numbers, planning) in kinds.items():
        dsn = make_conninfo(server.dsn, options=f"-c plan_cache_mode={planning}")
        with Database(dsn, connections_max=1) as database:
            searched(database, tenant, (n.tobytes() for n in drawn[:100]))  # plans made, caches warm
            taken, found = searched(database, tenant, (n.tobytes() for n in numbers))
        p50, p99 = np.percentile(taken, [50, 99])
        print(
            f"{kind:<36}{len(taken):>6}{p50:>9.2f}{p99:>9.2f}{max(taken):>9.2f}{found / len(taken):>13.1f}", flush=True
        )


def _tenant(database: Database, world: World) -> TenantId:
    with database.transaction(None) as tx:
        known = tenants.tenants(tx)
        if known:
            return known[0].tenant_id
        at = world.months[0] - timedelta(days=1)
        return tenants.add(tx, "Bench", zone="Africa/Johannesburg", region="ZA", retention="fais-service", at=at)


if __name__ == "__main__":
    main()
