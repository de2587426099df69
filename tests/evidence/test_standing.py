"""One verdict over a log: proven only while somebody has lately looked, broken as soon as anything says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from a_log import Stranger

from imvume.basics.ids import TenantId
from imvume.evidence import heads, ledger, note, standing
from imvume.evidence.ledger import Waiting
from imvume.evidence.note import Checkpoint
from imvume.evidence.sequencer import sequence
from imvume.evidence.standing import GOOD_FOR, Checked, Verdict, judge
from imvume.keys.vault import Vault
from imvume.store.database import Database

AT = datetime(2026, 11, 23, 9, tzinfo=UTC)
NOTHING = Waiting(0, None)
WELL = Checked(at=AT - timedelta(days=1), checked=10, findings=0)


@pytest.mark.parametrize(
    ("has_head", "fault", "checked", "waiting", "verdict"),
    [
        (True, "", WELL, NOTHING, "proven"),
        (True, "", WELL, Waiting(3, AT - timedelta(seconds=2)), "proven"),
        (True, "", WELL, Waiting(3, AT - timedelta(minutes=2)), "not-proven"),
        (False, "", None, NOTHING, "not-proven"),
        (True, "", None, NOTHING, "not-proven"),
        (True, "", Checked(at=AT - GOOD_FOR - timedelta(seconds=1), checked=10, findings=0), NOTHING, "not-proven"),
        (True, "", Checked(at=AT, checked=10, findings=1), NOTHING, "broken"),
        (True, "It was cut.", WELL, NOTHING, "broken"),
        (True, "It was cut.", None, Waiting(3, AT - timedelta(hours=1)), "broken"),
    ],
)
def test_the_worst_thing_known_decides(
    has_head: bool, fault: str, checked: Checked | None, waiting: Waiting, verdict: Verdict
) -> None:
    said, sentence = judge(has_head=has_head, fault=fault, checked=checked, waiting=waiting, at=AT)
    assert said == verdict
    assert sentence.endswith(".")


@pytest.fixture
def vault(database: Database, tenant: TenantId, tmp_path: Path) -> Vault:
    """The keys of the tenant, with a first entry in its log."""
    made = Vault.make(tmp_path / "keys")
    with database.transaction(tenant) as tx:
        made.begin(tx)
        ledger.record(tx, "staff.invited", tenant, by=None, at=AT)
    sequence(database, made, tenant, at=AT, heads_in=made.folder)
    return made


def stands(database: Database, tenant: TenantId, vault: Vault) -> standing.Standing:
    with database.transaction(tenant) as tx:
        return standing.standing(tx, vault, vault.folder, at=AT + timedelta(minutes=1))


def test_a_log_that_was_verified_is_proven(database: Database, tenant: TenantId, vault: Vault) -> None:
    assert stands(database, tenant, vault).verdict == "not-proven"
    with database.transaction(tenant) as tx:
        ledger.record(tx, "archive.verified", tenant, by=None, at=AT, checked=7, findings=0)
    sequence(database, vault, tenant, at=AT, heads_in=vault.folder)
    found = stands(database, tenant, vault)
    assert (found.verdict, found.checked) == ("proven", Checked(at=AT, checked=7, findings=0))
    assert found.checkpoint is not None
    assert found.signed_at == AT


def test_a_log_that_is_shorter_than_its_kept_head_is_broken(database: Database, tenant: TenantId, vault: Vault) -> None:
    later = note.sign(Checkpoint(vault.origin(tenant), 99, bytes(32)), vault.signing(tenant), at=AT)
    heads.keep(vault.folder, tenant, later)
    found = stands(database, tenant, vault)
    assert found.verdict == "broken"
    assert "shorter than it was" in found.says


def test_a_log_with_another_head_of_the_same_size_is_broken(database: Database, tenant: TenantId, vault: Vault) -> None:
    was = stands(database, tenant, vault).checkpoint
    assert was is not None
    other = note.sign(Checkpoint(was.origin, was.size, bytes(32)), vault.signing(tenant), at=AT)
    heads.path(vault.folder, tenant).write_text(other, "utf-8")
    assert "rewritten" in stands(database, tenant, vault).says


def test_a_checkpoint_that_somebody_else_signed_is_broken(database: Database, tenant: TenantId, vault: Vault) -> None:
    with database.transaction(tenant) as tx:
        found = standing.standing(tx, Stranger(), vault.folder, at=AT)
    assert found.verdict == "broken"
    assert found.checkpoint is None
