"""The worker: duties that fail alone, jobs that outlive it, and an end that comes when it is asked for."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from structlog.testing import capture_logs

from imvume import app, worker
from imvume.app import Duty
from imvume.basics.ids import TenantId
from imvume.errors import Unavailable
from imvume.keys.vault import Vault
from imvume.store import jobs
from imvume.store.database import Database
from imvume.store.embedded import Postgres

NO_HOUSE: Any = None  # the duties of these tests need none


def _eventually(true: Callable[[], object]) -> None:
    limit = time.monotonic() + 40
    while not true():
        assert time.monotonic() < limit, "it did not come about"
        time.sleep(0.02)


@pytest.fixture
def stopping(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """The word to stop, for this test alone."""
    event = threading.Event()
    monkeypatch.setattr(app, "STOPPING", event)
    return event


def test_a_duty_that_fails_is_logged_once_with_its_code_and_tried_again_and_the_others_go_on(
    stopping: threading.Event,
) -> None:
    well: list[datetime] = []
    ill: list[datetime] = []

    def fails(house: object, at: datetime) -> None:
        ill.append(at)
        if len(ill) < 4:
            raise Unavailable("archive.storage.away", "Naledi's object store is away.", remedy="Wait.")

    duties = [Duty("test.ill", 0.01, fails), Duty("test.well", 0.01, lambda house, at: well.append(at))]
    threads = [threading.Thread(target=worker.perform, args=(NO_HOUSE, duty)) for duty in duties]
    with capture_logs() as said:
        for thread in threads:
            thread.start()
        _eventually(lambda: len(ill) >= 5 and len(well) >= 5)
        stopping.set()
        for thread in threads:
            thread.join()
    failed = [line for line in said if line["log_level"] == "warning"]
    assert [(line["duty"], line["code"]) for line in failed] == [("test.ill", "archive.storage.away")]
    assert [line["duty"] for line in said if line["event"] == "a duty is well again"] == ["test.ill"]
    assert "Naledi" not in str(said)
    assert all(at.tzinfo for at in ill + well)


def test_a_duty_that_falls_over_its_own_feet_is_told_by_its_kind(stopping: threading.Event) -> None:
    def crashes(house: object, at: datetime) -> None:
        stopping.set()
        raise KeyError("naledi@example.org")

    with capture_logs() as said:
        worker.perform(NO_HOUSE, Duty("test.crash", 1, crashes))
    assert said[0]["code"] == "crash.KeyError"
    assert "naledi" not in str(said)


WORKER = """
    import sys, time
    from pathlib import Path
    from imvume import app
    name, mark = sys.argv[1:3]
    def hang(house, tenant, args):
        Path(mark).write_text("begun")
        while Path(mark).exists():
            time.sleep(0.1)
    app.JOBS.clear(); app.JOBS[name] = hang
    app.DUTIES[:] = [app.Duty("test.tick", 0.1, lambda house, at: Path(mark + ".tick").touch())]
    sys.argv = ["imvume", "--home", sys.argv[3], "worker"]
    from imvume.cli import main
    main()
"""


@pytest.fixture
def house(tmp_path: Path, postgres: Postgres) -> Path:
    """A house whose database is the one of the tests."""
    home = tmp_path / "house"
    Vault.make(home / "keys")
    (home / "config.toml").write_text(f"dsn = {json.dumps(postgres.dsn)}\n")
    return home


def _start(name: str, mark: Path, house: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WORKER), name, str(mark), str(house)], stderr=subprocess.PIPE, text=True
    )


def _ended(process: subprocess.Popen[str], number: signal.Signals) -> list[dict[str, Any]]:
    process.send_signal(number)
    try:
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, said
    return [json.loads(line) for line in said.splitlines()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_end_it_ends_in_order(house: Path, tmp_path: Path, number: signal.Signals) -> None:
    mark = tmp_path / "mark"
    process = _start(f"test.{uuid4().hex[:12]}", mark, house)
    _eventually(lambda: Path(f"{mark}.tick").exists())
    assert _ended(process, number)[-1] | {"at": ""} == {
        "at": "", "event": "the worker has stopped", "finished": True, "level": "info",
    }  # fmt: skip


def test_a_job_in_hand_is_finished_before_it_ends(
    house: Path, postgres: Postgres, database: Database, tenant: TenantId, tmp_path: Path
) -> None:
    mark, name = tmp_path / "mark", f"test.{uuid4().hex[:12]}"
    with database.transaction(tenant) as tx:
        jobs.later(tx, name)  # type: ignore[arg-type]
    process = _start(name, mark, house)
    _eventually(lambda: mark.exists() and mark.read_text() == "begun")
    os.kill(process.pid, signal.SIGTERM)
    mark.unlink()
    assert _ended(process, signal.SIGTERM)[-1]["finished"] is True
    assert _queued(postgres, name) == []


@pytest.mark.slow
def test_a_job_that_takes_too_long_is_cut_off_and_stays_promised(
    house: Path, postgres: Postgres, database: Database, tenant: TenantId, tmp_path: Path
) -> None:
    mark, name = tmp_path / "mark", f"test.{uuid4().hex[:12]}"
    with database.transaction(tenant) as tx:
        jobs.later(tx, name)  # type: ignore[arg-type]
    process = _start(name, mark, house)
    _eventually(lambda: mark.exists() and mark.read_text() == "begun")
    assert _ended(process, signal.SIGTERM)[-1]["finished"] is False
    # Not cancelled, not lost: whoever comes next takes it over when its heartbeat is old.
    assert _queued(postgres, name) == ["picked"]


def _queued(postgres: Postgres, name: str) -> list[str]:
    with psycopg.connect(postgres.owner_dsn) as connection:
        rows = connection.execute("SELECT status::text FROM queue.pgqueuer WHERE entrypoint = %s", [name])
        return [row[0] for row in rows]
