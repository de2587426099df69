"""What was destroyed stays destroyed: also in last month's backup, and whatever is rotated."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from test_verifying import check

from imvume.archive import certificate, destroying, holding, opening, shredding
from imvume.archive.house import House, place_entries, storage_of
from imvume.basics.ids import CallId, TenantId
from imvume.calls import actions
from imvume.calls.facts import Piece
from imvume.config import Config
from imvume.errors import Broken, ImvumeError, NotFound
from imvume.keys.vault import Destroyed, Vault
from imvume.store import tenants
from imvume.store.database import Database
from imvume.store.embedded import Postgres
from imvume.store.migrate import migrate
from recorded import AT, Take, facts, pieces


def _destroy(house: House, tenant: TenantId, call: CallId) -> None:
    with house.database.transaction(tenant) as tx:
        destroying.destroy(tx, call, ground="order", reason="Asked", by=None, at=AT)
    with house.database.transaction(tenant) as tx:
        destroying.remove_objects(tx, house.storage, call)


def _heard(house: House, tenant: TenantId, call: CallId) -> bytes:
    with house.database.transaction(tenant) as tx:
        playback = opening.player(house.storage, house.vault, tx, call)
    return b"".join(playback.read(0, playback.size))


def test_a_destroyed_call_is_gone_and_its_neighbour_is_not(house: House, tenant: TenantId, take: Take) -> None:
    gone, stays = take("1.0").call, take("2.0").call
    before = _heard(house, tenant, stays)
    _destroy(house, tenant, gone)
    done = shredding.shred(house, tenant, at=AT)
    assert (done.epochs, done.final) == (1, 1)
    assert _heard(house, tenant, stays) == before
    with pytest.raises(Destroyed):
        _heard(house, tenant, gone)
    assert len(list(house.storage.list("t"))) == 2


def test_a_batch_with_nothing_to_do_does_nothing(house: House, tenant: TenantId, take: Take) -> None:
    take()
    assert shredding.shred(house, tenant, at=AT) == shredding.Shredded(0, 0, 0)


def test_it_cannot_be_destroyed_twice(house: House, tenant: TenantId, take: Take) -> None:
    call = take().call
    _destroy(house, tenant, call)
    with house.database.transaction(tenant) as tx, pytest.raises(NotFound):
        destroying.destroy(tx, call, ground="order", reason="Again", by=None, at=AT)


def test_every_key_can_be_rotated_without_touching_audio(house: House, tenant: TenantId, take: Take) -> None:
    call = take().call
    with house.database.transaction(tenant) as tx:
        holding.hold(tx, house.vault, [call], reason="A matter", by=None, at=AT)
    objects = {path: house.storage.read(path, 0, size) for path, size, _ in house.storage.list("t")}
    before = _heard(house, tenant, call)

    def quiet(*_: int) -> None:
        pass

    shredding.rotate_epochs(house, tenant, at=AT, told=quiet)
    assert shredding.rotate_subjects(house, tenant, at=AT, told=quiet) == 2
    assert shredding.rotate_matters(house, tenant, at=AT, told=quiet) == 1
    shredding.shred(house, tenant, at=AT)
    house.vault.rotate_buckets(house.database, tenant, told=quiet)
    house.vault.rotate_root()
    again = House(house.config, house.database, Vault(house.config.keys), house.storage)
    assert _heard(again, tenant, call) == before
    assert {path: house.storage.read(path, 0, size) for path, size, _ in house.storage.list("t")} == objects


def test_a_call_that_is_held_survives_the_batch_of_its_epoch(house: House, tenant: TenantId, take: Take) -> None:
    held, gone = take("1.0").call, take("2.0").call
    with house.database.transaction(tenant) as tx:
        holding.hold(tx, house.vault, [held], reason="A matter", by=None, at=AT)
    _destroy(house, tenant, gone)
    shredding.shred(house, tenant, at=AT)
    assert _heard(house, tenant, held)


def test_what_is_due_is_told_and_what_is_held_is_marked(house: House, tenant: TenantId, take: Take) -> None:
    old = take("1.0", started=AT - timedelta(days=6 * 365)).call
    held = take("2.0", started=AT - timedelta(days=6 * 365)).call
    take("3.0")
    with house.database.transaction(tenant) as tx:
        holding.hold(tx, house.vault, [held], reason="A matter", by=None, at=AT)
        due = {
            row["call_id"]: row["held"]
            for row in destroying.due(tx, today=AT.date(), limit=10, after=tenant.__class__(int=0))
        }
    assert due == {old: False, held: True}


@pytest.fixture
def own_house() -> Iterator[tuple[House, TenantId, Postgres]]:
    """A house with a PostgreSQL of its own, that can be stopped, copied and started again."""
    home = Path(tempfile.mkdtemp(prefix="imvume-shred-"))
    server = Postgres(home)
    try:
        server.start()
        migrate(server.owner_dsn)
        config = Config(home=home)
        with Database(server.dsn) as database:
            vault = Vault.make(config.keys)
            with database.transaction(None) as tx:
                tenant = tenants.add(
                    tx, "Own", zone="Africa/Johannesburg", region="ZA", retention="fais-service", at=AT
                )
            with database.transaction(tenant) as tx:
                vault.begin(tx)
            yield House(config, database, vault, storage_of(config)), tenant, server
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


def test_a_restored_copy_of_database_and_objects_cannot_open_what_was_destroyed(
    own_house: tuple[House, TenantId, Postgres],
) -> None:
    house, tenant, server = own_house
    gone = actions.take_in(house, tenant, facts("1.0"), pieces("1.0"), at=AT).call
    # Another month, so another epoch: it shows that the copy itself is sound.
    stays = actions.take_in(house, tenant, facts("2.0", started=AT - timedelta(days=200)), pieces("2.0"), at=AT).call
    server.stop()
    backup = Path(tempfile.mkdtemp(prefix="imvume-backup-"))
    try:
        _copy(house.config.postgres, backup / "postgres")
        _copy(house.config.objects, backup / "objects")
        _restored(backup, house.config.keys, tenant, opens=[gone, stays], dead=[])
        server.start()
        _destroy(house, tenant, gone)
        _restored(backup, house.config.keys, tenant, opens=[gone, stays], dead=[])  # not yet final, and we say so
        shredding.shred(house, tenant, at=AT)
        with house.database.transaction(tenant) as tx:
            [order] = tx.all("archive.destructions_of", call=gone)
        assert order["final_at"] == AT
        _restored(backup, house.config.keys, tenant, opens=[stays], dead=[gone])
    finally:
        shutil.rmtree(backup, ignore_errors=True)


def _restored(backup: Path, keys: Path, tenant: TenantId, *, opens: list[CallId], dead: list[CallId]) -> None:
    home = Path(tempfile.mkdtemp(prefix="imvume-restored-"))
    try:
        _copy(backup / "postgres", home / "postgres")
        _copy(backup / "objects", home / "objects")
        with Postgres(home) as server, Database(server.dsn) as database:
            config = Config(home=home)
            house = House(config, database, Vault(keys), storage_of(config))
            for call in opens:
                assert len(_heard(house, tenant, call)) > 1000
            for call in dead:
                with pytest.raises((Destroyed, Broken)) as told:
                    _heard(house, tenant, call)
                assert isinstance(told.value, ImvumeError)
                with database.transaction(tenant) as tx:
                    rows = tx.all("archive.assets_of", call=call)
                assert all(row["wrapped"] is not None for row in rows)  # the old row is there, whole; it opens nothing
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    # With owners and modes, which shutil leaves out and PostgreSQL insists on.
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)


def test_what_is_destroyed_while_the_batch_runs_is_not_final_before_the_next(
    house: House, tenant: TenantId, take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It counted as final though the key of its epoch lived on: the batch had looked for epochs before, for calls after.
    early, late = take("1.0").call, take("2.0", started=AT - timedelta(days=400)).call
    _destroy(house, tenant, early)
    renew = shredding.renew_epoch

    def meanwhile(*args: object, **named: object) -> int:
        monkeypatch.setattr(shredding, "renew_epoch", renew)
        _destroy(house, tenant, late)
        return renew(*args, **named)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(shredding, "renew_epoch", meanwhile)
    assert shredding.shred(house, tenant, at=AT).final == 1
    with house.database.transaction(tenant) as tx:
        assert [row["final_at"] for row in tx.all("archive.destructions_of", call=late)] == [None]
        assert {row["final_at"] for row in tx.all("archive.assets_of", call=late)} == {None}
    assert shredding.shred(house, tenant, at=AT + timedelta(days=1)) == shredding.Shredded(1, 1, 1)


def test_a_call_that_came_in_late_is_destroyed_again_and_each_time_is_told_apart(
    house: House, tenant: TenantId, take: Take
) -> None:
    call = take("1.0").call
    _destroy(house, tenant, call)
    shredding.shred(house, tenant, at=AT)
    later = AT + timedelta(hours=1)
    again = actions.take_in(house, tenant, facts("1.0"), _late(), at=later)
    assert (again.call, again.sealed) == (call, 1)
    with house.database.transaction(tenant) as tx:
        destroying.destroy(tx, call, ground="order", reason="Again", by=None, at=later)
    with house.database.transaction(tenant) as tx:
        destroying.remove_objects(tx, house.storage, call)
    assert check(house, tenant).findings == []
    place_entries(house, tenant, at=later)
    with house.database.transaction(tenant) as tx:
        newest, first = tx.all("archive.destructions_of", call=call)
        assert [certificate.certify(tx, house.vault, row)["assets"] for row in (first, newest)] == [4, 2]
        assert [len(certificate.certify(tx, house.vault, row)["proofs"]) for row in (first, newest)] == [2, 1]
    shredding.shred(house, tenant, at=later)
    assert check(house, tenant).findings == []


def _late() -> list[Piece]:
    [piece, _] = pieces("late", pitch=700)
    return [piece]


def test_a_call_is_not_due_while_one_of_its_recordings_has_still_to_be_kept(
    house: House, tenant: TenantId, take: Take
) -> None:
    # A later piece came in when the house kept its calls for longer. The whole call was destroyed with the first.
    call = take("1.0", started=AT - timedelta(days=6 * 365)).call
    with house.database.transaction(tenant) as tx:
        [first, *_] = tx.all("archive.assets_of", call=call)
        tx.connection.execute("UPDATE asset SET keep_until = %s WHERE asset_id = %s", [AT.date(), first["asset_id"]])
        assert list(destroying.due(tx, today=AT.date(), limit=10, after=tenant.__class__(int=0))) == []
        [due] = destroying.due(tx, today=AT.date() + timedelta(days=1), limit=10, after=tenant.__class__(int=0))
    assert (due["call_id"], due["until"]) == (call, AT.date())
