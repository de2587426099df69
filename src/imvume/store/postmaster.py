"""What PostgreSQL's lock file says of its server, and whether that is still true."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def read(data: Path) -> tuple[int, Path, str] | None:
    """Process id, socket folder and state of the server, as it wrote them (miscadmin.h, LOCK_FILE_LINE_*)."""
    try:
        lines = (data / "postmaster.pid").read_text("utf-8").splitlines()
        return int(lines[0]), Path(lines[4]), lines[7].strip()
    except (FileNotFoundError, IndexError, ValueError):
        return None


def alive(pid: int, data: Path) -> bool:
    """Whether `pid` is a living server of `data`: not a zombie, and not a stranger with the same number."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
        return state not in "ZX" and _inside(pid, data)
    except (FileNotFoundError, ProcessLookupError):
        return False


def _inside(pid: int, data: Path) -> bool:
    # Every process of a server works in its data folder.
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == data.resolve()
    except OSError:
        return False


def forget_stranger(data: Path) -> None:
    """Remove the lock of a server that died with the machine, where its number now names something else.

    PostgreSQL would refuse to start for as long as that other process lives: in a container,
    where numbers start anew, that is for ever. It is removed only if nothing works in the
    data folder any more: a backend that outlived its postmaster could still be writing.
    """
    told = read(data)
    if told is None or not Path(f"/proc/{told[0]}").exists() or _inside(told[0], data):
        return
    with suppress(FileNotFoundError):
        if Path(f"/proc/{told[0]}/stat").read_text("utf-8").rpartition(")")[2].split()[0] in "ZX":
            return  # still dying; PostgreSQL's own check is the better judge in a moment
    if not any(_inside(int(path.name), data) for path in Path("/proc").iterdir() if path.name.isdigit()):
        (data / "postmaster.pid").unlink(missing_ok=True)
