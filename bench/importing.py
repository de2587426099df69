"""Importing: what call records cost in memory and time, and how fast a folder goes in.

    python bench/importing.py [--rows 200000] [--files 1000] [--json]

Each figure is taken in a process of its own, so that its peak memory (ru_maxrss) is its own:
records in a CSV file, the same in a MariaDB with and without an index, and a folder of short
recordings into a new house on the embedded PostgreSQL, first of one file and then of many.
Calls are made up. Needs mariadbd for its two lines; they are left out where it is not there.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))
sys.path.insert(0, str(ROOT / "tests" / "importers"))

START = datetime(2026, 1, 1, tzinfo=UTC)
ZONE = ZoneInfo("UTC")
SLICE = 1_000  # recordings asked about at once, as an import does


def row(n: int) -> dict[str, object]:
    """The n-th call record: Naledi phones the service queue, 101 answers."""
    at = START + timedelta(seconds=7 * n)
    number = f"+4477009{n % 100_000:05d}"
    return {
        "accountcode": "", "src": number, "dst": "600", "dcontext": "ext-queues", "clid": f'"Naledi" <{number}>',
        "channel": f"PJSIP/trunk-{n:08x}", "dstchannel": f"PJSIP/101-{n:08x}", "lastapp": "Queue",
        "lastdata": "600,t,,,,", "start": f"{at:%Y-%m-%d %H:%M:%S}", "answer": f"{at:%Y-%m-%d %H:%M:%S}",
        "end": f"{at:%Y-%m-%d %H:%M:%S}", "duration": 60, "billsec": 55, "disposition": "ANSWERED",
        "amaflags": "DOCUMENTATION", "uniqueid": f"{int(at.timestamp())}.{n}", "userfield": "",
    }  # fmt: skip


def ask(where: Sequence[str], rows: int) -> dict[str, float]:
    """Ask about three slices of recordings, at the beginning, the middle and the end of the records."""
    from imvume.telephony.importers.records import Want
    from imvume.telephony.importers.sources import open_records

    before = peak()
    records = open_records("asterisk", where, source="bench", zone=ZONE, region="ZA")
    seconds = []
    for first in (0, rows // 2, rows - SLICE):
        wants = [
            Want((str(row(n)["uniqueid"]),), "", START + timedelta(seconds=7 * n)) for n in range(first, first + SLICE)
        ]
        began = time.perf_counter()
        found = records.find(wants)
        seconds.append(time.perf_counter() - began)
        assert len(found) == SLICE, len(found)
    records.close()
    return {"first_s": seconds[0], "later_s": (seconds[1] + seconds[2]) / 2, "mb": peak(), "mb_more": peak() - before}


def take(house: Path, folder: Path) -> dict[str, float]:
    """Import a folder into the house."""
    from imvume.app import first_tenant, open_house
    from imvume.basics import clock
    from imvume.telephony.importers.engine import Import, Plan
    from imvume.telephony.importers.folder import Folder
    from imvume.telephony.importers.outcome import Nobody
    from imvume.telephony.importers.records import NoRecords
    from imvume.telephony.importers.taker import HouseTaker

    with open_house(house) as opened:
        tenant = first_tenant(opened, clock.now())
        plan = Plan(source="bench", zone=ZONE, region="ZA", settle_seconds=0.0)
        began = time.perf_counter()
        outcome = Import(
            plan, Folder(folder), NoRecords(), HouseTaker(opened, tenant), Nobody(),
            now=clock.now, ticks=time.monotonic, stop=threading.Event(),
        ).run(counted=True)  # fmt: skip
        seconds = time.perf_counter() - began
        again = time.perf_counter()
        skipped = Import(
            plan, Folder(folder), NoRecords(), HouseTaker(opened, tenant), Nobody(),
            now=clock.now, ticks=time.monotonic, stop=threading.Event(),
        ).run()  # fmt: skip
        again = time.perf_counter() - again
    assert skipped.skipped == outcome.taken, skipped
    return {
        "files": outcome.taken,
        "files_per_s": outcome.taken / seconds,
        "audio_hours_per_s": outcome.audio_seconds / 3600 / seconds,
        "known_files_per_s": skipped.skipped / again,
        "mb": peak(),
    }


def peak() -> float:
    """The most memory this process ever held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Make what is needed, run each figure in a process of its own, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--files", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each recording")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        kind, *arguments = json.loads(given.one)
        print(json.dumps(ask(*arguments) if kind == "ask" else take(*map(Path, arguments))))
        return
    folder = Path(tempfile.mkdtemp(prefix="imvume-bench-"))
    if os.geteuid() == 0:
        folder.chmod(0o711)  # the database runs as another user
    try:
        figures = dict(records(folder, given.rows)) | dict(files(folder, given.files, given.seconds))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if given.json:
        print(json.dumps(figures))
        return
    for name, found in figures.items():
        print(f"{name:<44}" + "  ".join(f"{key} {value:,.2f}" for key, value in found.items()))


def records(folder: Path, rows: int) -> list[tuple[str, dict[str, float]]]:
    """The figures of call records."""
    import csv

    path = folder / "Master.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
        writer.writerows(row(n).values() for n in range(rows))
    found = [(f"{rows:,} rows in Master.csv", one("ask", [str(path)], rows))]
    if shutil.which("mariadbd") is None:
        return found
    from pbx import ASTERISK_CDR

    from servers.mariadb import MariaDb

    server = MariaDb(folder / "mariadb")
    (folder / "mariadb").mkdir()
    server.start()
    try:
        server.root("CREATE DATABASE bench")
        server.root(ASTERISK_CDR.replace("MyISAM", "InnoDB"), database="bench")
        for first in range(0, rows, 20_000):
            server.insert("bench", "cdr", [row(n) for n in range(first, min(rows, first + 20_000))])
        where = f"mysql://root@localhost/bench?socket={server.socket}"
        found.append((f"{rows:,} rows in MariaDB, no index", one("ask", [where], rows)))
        server.root("CREATE INDEX u ON cdr (uniqueid)", "CREATE INDEX l ON cdr (linkedid)", database="bench")
        found.append((f"{rows:,} rows in MariaDB, indexed", one("ask", [where], rows)))
    finally:
        server.stop()
    return found


def files(folder: Path, count: int, seconds: float) -> list[tuple[str, dict[str, float]]]:
    """The figures of a folder."""
    from pbx import sound

    from imvume import config as settings
    from imvume.keys.vault import Vault
    from imvume.store.embedded import Postgres
    from imvume.store.migrate import migrate

    house = folder / "house"
    house.mkdir(mode=0o700)
    Vault.make(settings.load(house).keys)
    found = []
    with Postgres(house) as server:
        migrate(server.owner_dsn)
        for several in (1, count):
            for n in range(several):
                sound(
                    folder / f"of{several}" / f"{n // 1000:03d}" / f"call{n}.wav", seconds=seconds, pitch=200 + n % 700
                )
            name = f"{several:,} recordings of {seconds:.0f} s"
            found.append((name, one("take", str(house), str(folder / f"of{several}"))))
    return found


def one(*arguments: object) -> dict[str, float]:
    """A figure, taken in a process of its own."""
    said = subprocess.run(
        [sys.executable, __file__, "--one", json.dumps(arguments)], stdout=subprocess.PIPE, text=True, check=True
    )
    figures = json.loads(said.stdout)
    assert isinstance(figures, dict)
    return figures


if __name__ == "__main__":
    main()
