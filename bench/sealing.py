"""Sealing a folder of recordings, beside `restic backup` and `borg create` of it, and beside the bare parts.

    python bench/sealing.py [--calls 30] [--runs 5] [--memory] [--json]

The folder is made of the demo's voices: two legs a call as an Asterisk writes them, 16-bit WAV of
G.711 speech, about four minutes each, which is what a call in a contact centre takes. Ours is the
whole `imvume import` as a process, with PostgreSQL's own CPU added; making the house is not
counted, as making the peers' repositories is not. "Bare parts" does, in one thread and with no
care at all, what cannot be left out: read, FLAC, encrypt, hash, write, fsync, a row and an entry
committed for each file. --memory: the largest resident size from 1 to 10,000 files, and of a
call of four hours.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import psycopg
import soundfile
from cryptography.cobblestone import Cobblestone256Encryptor
from peers import peer_rows

from imvume.app import first_tenant, open_house
from imvume.archive.sound.g711 import ULAW
from imvume.basics import clock
from imvume.config import load
from imvume.demo import make
from imvume.keys.vault import Vault
from imvume.store.embedded import Postgres
from imvume.store.migrate import migrate

Row = dict[str, object]


@contextmanager
def house() -> Iterator[tuple[Path, Postgres]]:
    """A house of its own, ready to import into."""
    home = Path(tempfile.mkdtemp(prefix="imvume-bench-"))
    try:
        with Postgres(home) as postgres:
            Vault.make(load(home).keys)
            migrate(postgres.owner_dsn)
            with open_house(home) as opened:
                first_tenant(opened, clock.now())
            yield home, postgres
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _postgres_seconds(home: Path) -> float:
    """CPU seconds of the postmaster and all it ever started."""
    pid = (home / "postgres" / "data" / "postmaster.pid").read_text().splitlines()[0]
    family = [pid, *Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    total = 0
    for member in family:
        try:
            fields = Path(f"/proc/{member}/stat").read_text().rsplit(") ", 1)[1].split()
        except OSError:
            continue
        total += sum(int(fields[i]) for i in (11, 12, 13, 14))
    return total / os.sysconf("SC_CLK_TCK")


def imported(folder: Path, records: Path | None) -> Row:
    """One import, as a process of its own: wall, CPU with PostgreSQL's, bytes kept, largest resident size."""
    with house() as (home, _):
        command = [sys.executable, "-m", "imvume", "--home", str(home), "import", str(folder), "--json"]
        command += ["--from", "asterisk", "--records", str(records)] if records else []
        before, begun = _postgres_seconds(home), time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        output, errors = process.stdout.read(), process.stderr.read()  # type: ignore[union-attr]
        _, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(errors.decode())
        taken = json.loads(output.splitlines()[-1])["taken"]
        stored = sum(p.stat().st_size for p in (home / "objects").rglob("*.cob"))
        database = _postgres_seconds(home) - before
        return {
            "name": "imvume import",
            "wall": wall,
            "cpu": used.ru_utime + used.ru_stime + database,
            "of_it_database": database,
            "bytes": stored,
            "rss": used.ru_maxrss * 1024,
            "files": taken,
        }


def bare(folder: Path) -> Row:
    """The parts that nobody can leave out, one after the other."""
    files = sorted(folder.rglob("*.wav"))
    with house() as (home, postgres), psycopg.connect(postgres.owner_dsn, autocommit=True) as database:
        database.execute("CREATE TABLE bare_row (id serial PRIMARY KEY, digest bytea, wrapped bytea, facts jsonb)")
        database.execute("CREATE TABLE bare_entry (id serial PRIMARY KEY, body bytea)")
        out = home / "bare"
        out.mkdir()
        before, begun, own = _postgres_seconds(home), time.monotonic(), time.process_time()
        stored = 0
        for number, path in enumerate(files):
            samples, rate = soundfile.read(path, dtype="int16")
            buffer = io.BytesIO()
            soundfile.write(buffer, ULAW.wave_of[samples.view(np.uint16)], rate, format="FLAC", subtype="PCM_S8")
            plain = buffer.getvalue()
            encryptor = Cobblestone256Encryptor(Cobblestone256Encryptor.generate_key(), b"bare")
            sealed = encryptor.update(plain) + encryptor.finalize()
            digest = hashlib.sha256(sealed).digest()
            hashlib.sha256(samples.tobytes()).digest()
            with (out / f"{number}.cob").open("wb") as file:
                file.write(sealed)
                file.flush()
                os.fsync(file.fileno())
            with database.transaction():
                database.execute(
                    "INSERT INTO bare_row (digest, wrapped, facts) VALUES (%s, %s, %s)", [digest, digest, '{"a": 1}']
                )
                database.execute("INSERT INTO bare_entry (body) VALUES (%s)", [digest])
            stored += len(sealed)
        spent = time.process_time() - own + _postgres_seconds(home) - before
        return {"name": "bare parts", "wall": time.monotonic() - begun, "cpu": spent, "bytes": stored}


def long_calls(folder: Path, calls: int) -> None:
    """Calls of about four minutes, two legs each: five of the demo's, one after the other."""
    with tempfile.TemporaryDirectory() as short:
        make(Path(short), calls=5 * calls + calls // 4 + 5, until=datetime(2026, 11, 20, tzinfo=UTC), seed=1)
        whole = [rx for rx in sorted(Path(short).rglob("*-rx.wav")) if rx.with_name(f"{rx.name[:-6]}tx.wav").exists()]
        for number in range(calls):
            for leg in ("rx", "tx"):
                with wave.open(str(folder / f"call-{number:04}-{leg}.wav"), "wb") as out:
                    for rx in whole[5 * number : 5 * number + 5]:
                        with wave.open(str(rx.with_name(f"{rx.name[:-6]}{leg}.wav")), "rb") as part:
                            if rx == whole[5 * number]:
                                out.setparams(part.getparams())
                            out.writeframes(part.readframes(part.getnframes()))
    old = time.time() - 60
    for path in folder.iterdir():
        os.utime(path, (old, old))


def medians(make_row: Callable[[], Row], runs: int) -> Row:
    """The middle of each figure."""
    rows = [make_row() for _ in range(runs)]
    return {
        key: value if isinstance(value, str) else statistics.median(row[key] for row in rows)  # type: ignore[type-var]
        for key, value in rows[0].items()
    }


def _silent(path: Path, seconds: float, *, channels: int = 1) -> None:
    rng = np.random.default_rng(7)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(8000)
        left = int(seconds * 8000)
        while left:
            block = min(left, 80_000)
            file.writeframes((rng.normal(0, 400, block * channels)).astype("<i2").tobytes())
            left -= block


def memory() -> list[Row]:
    """The largest resident size of an import of 1, of 10,000 and of one of four hours."""
    rows: list[Row] = []
    for name, count, seconds, channels in (
        ("1 file", 1, 1.0, 1),
        ("10,000 files", 10_000, 1.0, 1),
        ("one call of four hours, stereo", 1, 4 * 3600.0, 2),
    ):
        folder = Path(tempfile.mkdtemp(prefix="imvume-bench-"))
        try:
            _silent(folder / "000000.wav", seconds, channels=channels)
            data = (folder / "000000.wav").read_bytes() if count > 1 else b""
            for n in range(1, count):  # each another recording: the last sample differs
                (folder / f"{n:06}.wav").write_bytes(data[:-4] + n.to_bytes(4, "little"))
            old = time.time() - 60
            for path in folder.iterdir():
                os.utime(path, (old, old))
            rows.append({**imported(folder, None), "name": name})
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=30)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.memory:
        rows = memory()
        if given.json:
            print(json.dumps(rows))
            return
        print("| import of | files | seconds | largest resident |\n|---|---|---|---|")
        for row in rows:
            print(f"| {row['name']} | {row['files']:,} | {row['wall']:.1f} | {int(row['rss']) / 1e6:.0f} MB |")  # type: ignore[call-overload]
        return
    folder = Path(tempfile.mkdtemp(prefix="imvume-bench-"))
    try:
        long_calls(folder, given.calls)
        size = sum(p.stat().st_size for p in folder.rglob("*.wav"))
        ours = medians(lambda: imported(folder, None), given.runs)
        rows = [ours, medians(lambda: bare(folder), given.runs)]
        for peer in peer_rows(folder, given.runs):
            rows.append({"name": peer["what"], "wall": peer["wall_s"], "cpu": peer["cpu_s"], "bytes": peer["bytes"]})
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if given.json:
        print(json.dumps({"bytes": size, "rows": rows}))
        return
    print(f"{ours['files']} recordings, {size / 1e6:.0f} MB of WAV; medians of {given.runs}\n")
    print("| what | wall s | CPU s | kept MB | CPU against ours |\n|---|---|---|---|---|")
    for row in rows:
        cpu = float(str(row["cpu"]))
        against = cpu / float(str(ours["cpu"]))
        wall, kept = float(str(row["wall"])), float(str(row["bytes"])) / 1e6
        print(f"| {row['name']} | {wall:.2f} | {cpu:.2f} | {kept:.1f} | {against:.2f} |")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
