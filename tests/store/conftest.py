"""Houses of their own, for tests that stop, kill or break a server."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from imvume.store import postmaster


@pytest.fixture
def home() -> Iterator[Path]:
    """A house that a server's own user can be let into, stopped and removed afterwards."""
    path = Path(tempfile.mkdtemp(prefix="imvume-home-"))
    yield path
    if told := postmaster.read(path / "postgres" / "data"):
        _kill(told[0])
    shutil.rmtree(path, ignore_errors=True)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    limit = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and time.monotonic() < limit:
        time.sleep(0.02)
