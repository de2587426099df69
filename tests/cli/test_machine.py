"""The commands that look after the machine: doctor, config, migrate, jobs. Run as a person runs them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imvume.keys.vault import Vault
from imvume.store.embedded import Postgres


def imvume(home: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command line, as it is typed."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "imvume", "--home", str(home), *words],
        capture_output=True, text=True, check=False, timeout=120, env={**os.environ, **environment},
    )  # fmt: skip


@pytest.fixture
def home() -> Iterator[Path]:
    """A place for a house, closed to others."""
    path = Path(tempfile.mkdtemp(prefix="imvume-cli-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def house(home: Path) -> Path:
    """A house with keys and an up-to-date database that does not run."""
    Vault.make(home / "keys")
    done = imvume(home, "migrate", "--json")
    assert json.loads(done.stdout)["applied"][0] == "0001_spine.sql", done.stderr
    return home


def _checks(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in json.loads(done.stdout)["checks"]}


def test_migrate_says_what_it_did_and_then_that_there_is_nothing_to_do(home: Path) -> None:
    first, second = imvume(home, "migrate"), imvume(home, "migrate")
    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    assert "0001_spine.sql" in first.stdout
    assert second.stdout == "Nothing to do.\n"


def test_migrate_of_a_foreign_database_needs_its_owner(home: Path) -> None:
    (home / "config.toml").write_text('dsn = "host=/nowhere"\n')
    done = imvume(home, "migrate", "--json")
    assert done.returncode == 65
    assert json.loads(done.stdout)["error"]["code"] == "cli.migrate.no-owner"


def test_doctor_finds_nothing_wrong_with_a_good_house_and_leaves_nothing_running(house: Path) -> None:
    done = imvume(house, "doctor", "--json")
    checks = _checks(done)
    assert [check for check in checks.values() if not check["ok"]] == []
    assert done.returncode == 0
    assert {"Python", "PostgreSQL", "house", "keys", "disk", "database", "tables", "clock", "jobs"} <= set(checks)
    assert not Postgres(house).serving()
    told = imvume(house, "doctor")
    assert told.stdout.endswith("All is well.\n")


def test_doctor_looks_at_a_place_where_nothing_is_and_makes_nothing(home: Path) -> None:
    done = imvume(home / "none", "doctor", "--json")
    assert done.returncode == 1
    assert "imvume start" in _checks(done)["house"]["remedy"]
    assert not (home / "none").exists()


def test_doctor_names_each_thing_that_is_wrong_with_what_mends_it(house: Path) -> None:
    house.chmod(0o755)
    (house / "keys" / "root.key").chmod(0o644)
    (house / "config.toml").write_text(
        'listen = "0.0.0.0:8443"\nstorage = "s3://bucket"\nstorage_endpoint = "http://127.0.0.1:9"\n'
        '[[watch]]\nfolder = "/nowhere/at/all"\nname = "front"\n'
    )
    done = imvume(house, "doctor", "--json")
    wrong = {name: check for name, check in _checks(done).items() if not check["ok"]}
    assert set(wrong) == {"house", "keys", "console", "objects", "watched front"}
    assert all(check["remedy"] for check in wrong.values())
    assert wrong["house"]["remedy"].startswith("chmod ")
    assert done.returncode == 1
    told = imvume(house, "doctor").stdout
    assert "to mend it" in told
    assert told.endswith("5 to mend.\n")


def test_doctor_says_that_the_database_is_away(house: Path) -> None:
    (house / "config.toml").write_text('dsn = "host=/nowhere/at/all dbname=imvume user=imvume_app"\n')
    done = imvume(house, "doctor", "--json")
    assert not _checks(done)["database"]["ok"]


def test_doctor_says_that_settings_cannot_be_read(house: Path) -> None:
    (house / "config.toml").write_text("no_such_setting = 1\n")
    done = imvume(house, "doctor", "--json")
    assert done.returncode == 1
    assert "no_such_setting" in _checks(done)["settings"]["actual"]


def test_config_describes_every_setting_and_what_it_prints_is_a_config(home: Path) -> None:
    (home / "config.toml").write_text(
        'zone = "UTC"\ndsn = "host=/x password=sesame"\n[[watch]]\nfolder = "/var/spool"\n'
    )
    done = imvume(home, "config", "describe")
    assert done.returncode == 0, done.stderr
    assert '\nzone = "UTC"\n' in done.stdout
    assert "\n# workers = 2\n" in done.stdout
    assert 'folder = "/var/spool"' in done.stdout
    assert "sesame" not in done.stdout
    facts = json.loads(imvume(home, "config", "describe", "--json").stdout)
    assert {fact["name"] for fact in facts} >= {"zone", "workers", "listen"}
    other = home / "other"
    other.mkdir()
    (other / "config.toml").write_text(done.stdout)
    again = imvume(other, "config", "describe")
    assert again.stdout == done.stdout


def test_jobs_lists_nothing_in_a_quiet_house(house: Path) -> None:
    done = imvume(house, "jobs", "--json")
    assert json.loads(done.stdout) == {"waiting": 0, "parked": []}
    refused = imvume(house, "jobs", "7", "--again", "--json")
    assert (refused.returncode, json.loads(refused.stdout)["error"]["code"]) == (66, "store.jobs.not-parked")


def test_an_error_is_three_sentences_on_stderr_and_a_status_of_its_own(home: Path) -> None:
    done = imvume(home, "jobs")
    assert done.returncode == 66
    assert done.stdout == ""
    assert done.stderr.startswith("There is no house here yet.\n")
    assert "imvume start" in done.stderr
    assert "Traceback" not in done.stderr


def test_worker_refuses_a_database_that_is_behind(home: Path) -> None:
    Vault.make(home / "keys")
    done = imvume(home, "worker", "--json")
    assert json.loads(done.stdout)["error"]["code"] == "store.migrate.pending"
    assert done.returncode == 75


def test_help_is_there_for_every_command(home: Path) -> None:
    done = imvume(home, "--help")
    assert done.returncode == 0
    for word in ("start", "doctor", "worker", "migrate", "jobs"):
        assert f"  {word}" in done.stdout
        assert imvume(home, word, "--help").returncode == 0
