"""The commands about the archive, as a person types them: a house from nothing, one call, its whole life."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from imvume.app import first_tenant, open_house
from imvume.basics import clock
from imvume.config import load
from imvume.keys.vault import Vault
from imvume.store.embedded import Postgres
from imvume.store.migrate import migrate
from recorded import tone

Run = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """`imvume …  --json` in a house with one call of two legs; answers the exit status and what it said."""
    home = Path(tempfile.mkdtemp(prefix="imvume-commands-"))
    try:
        with Postgres(home) as postgres:
            Vault.make(load(home).keys)
            migrate(postgres.owner_dsn)
            with open_house(home) as house:
                first_tenant(house, clock.now())
            folder = home / "pbx"
            folder.mkdir()
            for leg, pitch in (("rx", 440.0), ("tx", 880.0)):
                (folder / f"1795454901.7-{leg}.wav").write_bytes(tone(pitch=pitch))
            (home / "config.toml").write_text("settle_seconds = 0\n")

            def _run(*words: str) -> tuple[int, Any]:
                ran = subprocess.run(
                    [sys.executable, "-m", "imvume", "--home", str(home), *words, "--json"],
                    capture_output=True,
                    text=True,
                    check=False,
                    timeout=120,
                )
                return ran.returncode, json.loads(ran.stdout.splitlines()[-1]) if ran.stdout.strip() else ran.stderr

            assert _run("import", str(folder), "--wait", "5")[0] == 0
            yield _run
    finally:
        shutil.rmtree(home, ignore_errors=True)


def test_the_whole_life_of_one_call(run: Run, tmp_path: Path) -> None:
    status, listed = run("calls")
    [call] = listed["calls"]
    ref = call["ref"]
    assert (status, call["state"]) == (0, "sealed")
    assert run("calls", ref)[1]["why_kept"].startswith("Kept until")

    heard = tmp_path / "heard.wav"
    assert run("open", ref, str(heard), "--reason", "  ")[1]["error"]["code"] == "cli.reason.missing"
    assert not heard.exists()
    assert run("open", ref, str(heard), "--reason", "A complaint")[0] == 0
    assert heard.stat().st_size == 44 + 4 * 16_000
    assert run("open", ref, str(heard), "--reason", "A complaint")[1]["error"]["code"] == "cli.open.exists"

    pack = tmp_path / "call.zip"
    assert run("export", ref, "-o", str(pack), "--reason", "For the court")[0] == 0
    assert run("verify", str(pack))[1]["verdict"] == "PROVEN"

    hold = run("hold", "place", ref, "--reason", "Case 114")[1]["hold"]
    assert run("destroy", "call", ref, "--reason", "Asked")[1]["error"]["code"] == "archive.destroy.on-hold"
    assert run("destroy", "call", ref, "--reason", "Asked", "--dry-run")[1]["holds"] == [hold]
    assert run("destroy", "call", ref, "--reason", "Asked", "--when-released")[1]["destroyed"] is False
    assert run("hold", "lift", hold)[1]["destroyed"] == 1
    assert run("shred")[1]["final"] == 1
    certificate = run("destroy", "certify", ref)[1]
    assert certificate["final_at"]
    assert len(certificate["proofs"]) == 2
    refused = run("open", ref, str(tmp_path / "x.wav"), "--reason", "A complaint")[1]
    assert refused["error"]["code"] == "keys.key.destroyed"

    assert run("keys", "rotate", "all")[0] == 0
    status, report = run("verify", "--deep")
    assert (status, report["verdict"], report["findings"]) == (0, "PROVEN", [])
    assert run("evidence", "show")[1]["verdict"] == "proven"
    assert run("retention")[1] == {"dry_run": True, "classes": []}
    assert "calls.taken" in "".join(run("evidence", "of", ref)[1])


def test_the_keys_go_into_escrow_and_come_back(run: Run, tmp_path: Path) -> None:
    import pyrage

    identity = pyrage.x25519.Identity.generate()
    (tmp_path / "identity").write_text(f"{identity}\n")
    escrow = tmp_path / "keys.age"
    assert run("keys", "escrow", str(escrow), "--to", str(identity.to_public()))[0] == 0
    other = tmp_path / "other"
    ran = subprocess.run(
        [sys.executable, "-m", "imvume", "--home", str(other), "keys", "restore", str(escrow), "--identity",
         str(tmp_path / "identity"), "--json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout
    assert (other / "keys" / "root.key").stat().st_mode & 0o777 == 0o600


def test_a_call_that_is_none_is_said_to_be_none(run: Run) -> None:
    status, said = run("calls", "C-NONENONE1")
    assert (status, said["error"]["code"]) == (66, "cli.call.none")
