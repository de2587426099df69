"""SIGKILL at every write boundary, by name: nothing lost, nothing doubled, nothing left in clear.

Each boundary of basics/boundaries.py is passed by exactly one of the works below or is named
as another test's; a boundary that nobody passes fails here, for it protects nothing.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from test_verifying import check

from imvume.archive import destroying, opening, shredding, sweeping
from imvume.archive.house import House
from imvume.basics import clock
from imvume.basics.boundaries import BOUNDARIES
from imvume.basics.ids import CallId, TenantId
from imvume.calls import actions, search
from imvume.calls.search import Question
from imvume.keys.vault import Destroyed, Vault
from imvume.store.embedded import Postgres
from recorded import AT, facts, pieces, tone

SEALING = [b for b in BOUNDARIES if b.startswith("seal.")]
DESTROYING = [b for b in BOUNDARIES if b.startswith("destroy.")]
SHREDDING = [
    *(b for b in BOUNDARIES if b.startswith("shred.")),
    "rotate.bucket-key-shelved",
    "rotate.bucket-rewrapped",
    "rotate.bucket-committed",
    "rotate.old-key-erased",
]
ROOT = [b for b in BOUNDARIES if b.startswith(("rotate.root", "rotate.shelf"))]
ELSEWHERE = [b for b in BOUNDARIES if b.startswith(("move.", "sequence."))]  # tests/importers, tests/evidence


def test_every_boundary_is_somebodys() -> None:
    assert sorted([*SEALING, *DESTROYING, *SHREDDING, *ROOT, *ELSEWHERE]) == sorted(BOUNDARIES)


def _do(house: House, tenant: TenantId, postgres: Postgres, work: str, ref: str = "-", *, die_at: str = "") -> int:
    here = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here), str(here.parent)])}
    if die_at:
        environment["IMVUME_TEST_DIE_AT"] = die_at
    ran = subprocess.run(
        [sys.executable, str(here / "dies.py"), str(house.config.home), postgres.dsn, str(tenant), work, ref],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode in (0, -signal.SIGKILL), ran.stderr
    return ran.returncode


def _heard(house: House, tenant: TenantId, call: CallId) -> bytes:
    with house.database.transaction(tenant) as tx:
        playback = opening.player(house.storage, house.vault, tx, call)
    return b"".join(playback.read(0, playback.size))


def _nothing_in_clear(house: House) -> None:
    # The loudest half second of what was recorded, as samples and as a WAV's first bytes.
    for needle in (tone()[2000:2064], b"RIFF"):
        for path in house.config.home.rglob("*"):
            if path.is_file() and path.suffix != ".py":
                assert needle not in path.read_bytes(), path.name


@pytest.mark.parametrize("boundary", SEALING)
def test_a_crash_while_sealing_loses_nothing_and_doubles_nothing(
    house: House, tenant: TenantId, postgres: Postgres, boundary: str
) -> None:
    assert _do(house, tenant, postgres, "seal", "1.0", die_at=boundary) == -signal.SIGKILL
    _nothing_in_clear(house)
    assert _do(house, tenant, postgres, "seal", "1.0") == 0
    with house.database.transaction(tenant) as tx:
        [found] = search.find(tx, house.vault, Question()).calls
        assets = tx.all("archive.assets_of", call=found.call)
    assert sorted((a["kind"], a["role"]) for a in assets) == [
        ("leg", "agent"), ("leg", "caller"), ("waveform", "agent"), ("waveform", "caller")
    ]  # fmt: skip
    assert len(_heard(house, tenant, found.call)) == 44 + 4 * 16_000
    sweeping.sweep(house, tenant, at=clock.now() + timedelta(hours=2))
    assert len(list(house.storage.list("t"))) == 2
    assert check(house, tenant).findings == []


@pytest.mark.parametrize("boundary", DESTROYING)
def test_a_crash_while_destroying_destroys_all_of_it_or_nothing(
    house: House, tenant: TenantId, postgres: Postgres, boundary: str
) -> None:
    call = actions.take_in(house, tenant, facts(), pieces("1.0"), at=AT).call
    stays = actions.take_in(house, tenant, facts("2.0"), pieces("2.0", pitch=300), at=AT).call
    assert _do(house, tenant, postgres, "destroy", str(call), die_at=boundary) == -signal.SIGKILL
    with house.database.transaction(tenant) as tx:
        orders = tx.all("archive.destructions_of", call=call)
    if not orders:  # it died before its commit: nothing happened, and it can be ordered again
        assert _heard(house, tenant, call)
        assert _do(house, tenant, postgres, "destroy", str(call)) == 0
    with pytest.raises(Destroyed):
        _heard(house, tenant, call)
    with house.database.transaction(tenant) as tx:
        destroying.remove_objects(tx, house.storage, call)  # the promise of the queue, kept
    shredding.shred(house, tenant, at=AT)
    assert _heard(house, tenant, stays)
    assert check(house, tenant).findings == []


@pytest.mark.parametrize("boundary", SHREDDING)
def test_a_crash_in_the_daily_batch_kills_no_survivor_and_spares_no_dead(
    house: House, tenant: TenantId, postgres: Postgres, boundary: str
) -> None:
    call = actions.take_in(house, tenant, facts(), pieces("1.0"), at=AT).call
    stays = actions.take_in(house, tenant, facts("2.0"), pieces("2.0", pitch=300), at=AT).call
    before = _heard(house, tenant, stays)
    with house.database.transaction(tenant) as tx:
        [asset, *_] = tx.all("archive.assets_of", call=call)
        [epoch] = tx.all("archive.epoch_keys", epochs=[asset["epoch_id"]])
        [old] = tx.all("keys.keys_get", keys=[epoch["key_id"]])  # as a backup of before has it
        destroying.destroy(tx, call, ground="order", reason="Asked", by=None, at=AT)
    with house.database.transaction(tenant) as tx:
        destroying.remove_objects(tx, house.storage, call)
    assert _do(house, tenant, postgres, "shred", die_at=boundary) == -signal.SIGKILL
    assert _heard(house, tenant, stays) == before
    assert _do(house, tenant, postgres, "shred") == 0
    assert _heard(house, tenant, stays) == before
    with pytest.raises(Exception, match="destroyed"):
        house.vault._unwrap(house.vault.shelf(tenant), tenant, old)
    with house.database.transaction(tenant) as tx:
        [order] = tx.all("archive.destructions_of", call=call)
    assert order["final_at"] == AT
    assert check(house, tenant).findings == []


@pytest.mark.parametrize("boundary", ROOT)
def test_a_crash_while_the_root_is_rotated_leaves_every_key_openable(
    house: House, tenant: TenantId, postgres: Postgres, boundary: str
) -> None:
    call = actions.take_in(house, tenant, facts(), pieces("1.0"), at=AT).call
    assert _do(house, tenant, postgres, "rotate-root", die_at=boundary) == -signal.SIGKILL
    again = House(house.config, house.database, Vault(house.config.keys), house.storage)
    assert _heard(again, tenant, call)
    assert _do(again, tenant, postgres, "rotate-root") == 0
    finally_ = House(house.config, house.database, Vault(house.config.keys), house.storage)
    assert _heard(finally_, tenant, call)
    assert not (house.config.keys / "root.next").exists()
    assert check(finally_, tenant).findings == []


def test_a_rotation_of_all_buckets_that_was_cut_short_can_be_run_again(
    house: House, tenant: TenantId, postgres: Postgres
) -> None:
    call = actions.take_in(house, tenant, facts(), pieces("1.0"), at=AT).call
    assert _do(house, tenant, postgres, "rotate-buckets", die_at="rotate.bucket-committed") == -signal.SIGKILL
    assert _heard(house, tenant, call)
    house.vault.rotate_buckets(house.database, tenant, told=lambda *_: None)
    assert _heard(house, tenant, call)
