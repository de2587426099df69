"""What others take for a folder of recordings: `restic backup` and `borg create`, encrypted, on the same disk.

    python bench/peers.py FOLDER [--runs 5]

Both come from Debian (apt-get install restic borgbackup). Every run has a repository of its own,
so that nothing is known from before; making the repository is not counted. No network.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Peer:
    """A program that backs up a folder, at the settings that its own manual begins with."""

    name: str
    version: tuple[str, ...]
    prepare: tuple[str, ...]  # {repo} and {folder} are filled in
    backup: tuple[str, ...]


PEERS = (
    Peer(
        "restic backup",
        ("restic", "version"),
        ("restic", "-q", "-r", "{repo}", "init"),
        ("restic", "-q", "-r", "{repo}", "backup", "{folder}"),
    ),
    Peer(
        "borg create",
        ("borg", "--version"),
        ("borg", "init", "--encryption", "repokey", "{repo}"),
        ("borg", "create", "{repo}::once", "{folder}"),
    ),
)


def peer_rows(folder: Path, runs: int) -> list[dict[str, object]]:
    """One row for each peer: name, version, medians over `runs` of wall and CPU seconds, and the bytes it then keeps.

    CPU is user and system of the program and all it started. The peers take turns, so that
    another load on the machine meets them alike. Raises FileNotFoundError if one is not installed.
    """
    for peer in PEERS:
        if not shutil.which(peer.version[0]):
            raise FileNotFoundError(f"{peer.version[0]} is not installed: apt-get install restic borgbackup")
    _read(folder)
    seen: dict[str, list[tuple[float, float, int]]] = {peer.name: [] for peer in PEERS}
    for _ in range(runs):
        for peer in PEERS:
            seen[peer.name].append(_once(peer, folder))
    return [
        {
            "what": peer.name,
            "version": subprocess.run(peer.version, capture_output=True, text=True, check=True).stdout.split("\n")[0],
            "wall_s": round(statistics.median(wall for wall, _, _ in seen[peer.name]), 3),
            "cpu_s": round(statistics.median(cpu for _, cpu, _ in seen[peer.name]), 3),
            "bytes": int(statistics.median(size for _, _, size in seen[peer.name])),
            "runs": runs,
        }
        for peer in PEERS
    ]


def _once(peer: Peer, folder: Path) -> tuple[float, float, int]:
    # Beside the folder, so that both sides of the copy are on the disk that is measured.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="peer-") as name:
        home = Path(name)
        secret = {"RESTIC_PASSWORD": "bench", "BORG_PASSPHRASE": "bench"}
        places = {"HOME": name, "RESTIC_CACHE_DIR": f"{name}/cache", "BORG_BASE_DIR": f"{name}/borg"}
        env = {**os.environ, **secret, **places}
        fill = {"repo": f"{name}/repo", "folder": str(folder)}
        _timed([part.format(**fill) for part in peer.prepare], env)
        wall, cpu = _timed([part.format(**fill) for part in peer.backup], env)
        return wall, cpu, sum(path.stat().st_size for path in (home / "repo").rglob("*") if path.is_file())


def _timed(command: list[str], env: Mapping[str, str]) -> tuple[float, float]:
    began = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        ran = subprocess.Popen(command, env=dict(env), stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        _, status, used = os.wait4(ran.pid, 0)
        ran.returncode = os.waitstatus_to_exitcode(status)
        if ran.returncode:
            said.seek(0)
            raise RuntimeError(f"{command[0]} failed: {said.read().decode('utf-8', 'replace')[-500:]}")
    return time.perf_counter() - began, used.ru_utime + used.ru_stime


def _read(folder: Path) -> None:
    """Bring the folder into memory: whoever runs first must not pay for the disk."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                while file.read(1 << 20):
                    pass


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("folder", type=Path)
    asked.add_argument("--runs", type=int, default=5)
    given = asked.parse_args()
    files = [path for path in given.folder.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    print(f"{len(files)} files, {size / 1e6:.0f} MB; medians of {given.runs}", file=sys.stderr)
    print(f"{'what':<16}{'wall s':>9}{'cpu s':>9}{'MB kept':>9}  version")
    for row in peer_rows(given.folder.resolve(), given.runs):
        kept = int(str(row["bytes"])) / 1e6
        print(f"{row['what']:<16}{row['wall_s']:>9}{row['cpu_s']:>9}{kept:>9.1f}  {row['version']}")


if __name__ == "__main__":
    main()
