"""Keys live, rotate and die; and no crash or curious row brings a dead one back."""

from __future__ import annotations

import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imvume.archive.house import House
from imvume.basics import clock
from imvume.basics.ids import TenantId
from imvume.errors import Broken, Unavailable
from imvume.keys import wrap
from imvume.keys.root import SealedFile
from imvume.keys.shelf import SLOTS, Gone, Shelf
from imvume.keys.vault import Destroyed, Vault, _bucket
from imvume.store import tenants

AT = clock.now()


def test_a_key_opens_as_often_as_one_likes(house: House, tenant: TenantId) -> None:
    with house.database.transaction(tenant) as tx:
        key_id, key = house.vault.make_key(tx, "subject")
    for _ in range(2):
        with house.database.transaction(tenant) as tx:
            assert house.vault.open_key(tx, key_id) == key


def test_a_destroyed_key_does_not_open(house: House, tenant: TenantId) -> None:
    with house.database.transaction(tenant) as tx:
        key_id, _ = house.vault.make_key(tx, "epoch")
        assert house.vault.destroy_key(tx, key_id)
        assert not house.vault.destroy_key(tx, key_id)
        with pytest.raises(Destroyed):
            house.vault.open_key(tx, key_id)


def test_an_old_copy_of_a_destroyed_row_opens_until_the_batch_and_never_after(house: House, tenant: TenantId) -> None:
    # The row as a backup of yesterday has it. Emptying it in today's database does not reach that backup.
    with house.database.transaction(tenant) as tx:
        key_id, key = house.vault.make_key(tx, "subject")
        [backup] = tx.all("keys.keys_get", keys=[key_id])
        house.vault.destroy_key(tx, key_id)
    assert house.vault._unwrap(house.vault.shelf(tenant), tenant, backup) == key
    assert house.vault.shred(house.database, tenant) == 1
    with pytest.raises(Gone):
        house.vault._unwrap(house.vault.shelf(tenant), tenant, backup)


def test_the_survivors_of_a_bucket_survive_its_rotation(house: House, tenant: TenantId) -> None:
    with house.database.transaction(tenant) as tx:
        made = dict(house.vault.make_key(tx, "subject") for _ in range(20))
    done: list[int] = []
    house.vault.rotate_buckets(house.database, tenant, told=lambda n, of: done.append(n))
    with house.database.transaction(tenant) as tx:
        assert house.vault.open_keys(tx, list(made)) == made
        assert list(house.vault.check(tx)) == []
    assert done[-1] == len(done)


def test_every_key_opens_under_the_new_root_and_none_under_the_old(
    house: House, tenant: TenantId, tmp_path: Path
) -> None:
    with house.database.transaction(tenant) as tx:
        key_id, key = house.vault.make_key(tx, "matter")
    stolen = tmp_path / "stolen.key"
    shutil.copy(house.vault.folder / "root.key", stolen)
    house.vault.rotate_root()
    again = Vault(house.vault.folder)
    with house.database.transaction(tenant) as tx:
        assert again.open_key(tx, key_id) == key
    with pytest.raises(Broken, match="another root"):
        Shelf(house.vault.folder / f"{tenant}.shelf", str(tenant), SealedFile(stolen))


def test_a_key_moved_to_another_row_does_not_open(house: House, tenant: TenantId) -> None:
    with house.database.transaction(tenant) as tx:
        mine, _ = house.vault.make_key(tx, "subject")
        [row] = tx.all("keys.keys_get", keys=[mine])
    for change in ({"key_id": uuid4()}, {"kind": "epoch"}, {"bucket": (row["bucket"] + 1) % 4096}):
        with pytest.raises(Broken):
            house.vault._unwrap(house.vault.shelf(tenant), tenant, row | change)


def test_a_tenants_keys_do_not_open_for_another(house: House, tenant: TenantId) -> None:
    with house.database.transaction(None) as tx:
        stranger = tenants.add(tx, "Another", zone="UTC", region="ZA", retention="fica", at=AT)
    with house.database.transaction(stranger) as tx:
        house.vault.begin(tx)
    with house.database.transaction(tenant) as tx:
        key_id, _ = house.vault.make_key(tx, "subject")
    with house.database.transaction(stranger) as tx, pytest.raises(Destroyed):
        house.vault.open_key(tx, key_id)  # the same words as for one that never was


def test_the_root_key_must_be_its_owners_alone(house: House) -> None:
    os.chmod(house.vault.folder / "root.key", 0o640)
    with pytest.raises(Broken) as told:
        Vault(house.vault.folder)
    assert told.value.code == "keys.root.readable"


def test_a_house_that_lost_its_root_does_not_make_a_new_one_over_its_shelves(house: House) -> None:
    (house.vault.folder / "root.key").unlink()
    with pytest.raises(Unavailable) as told:
        Vault.make(house.vault.folder)
    assert told.value.code == "keys.root.missing"


@pytest.mark.parametrize(
    "content", [b"", b"imvume-root-1 ", b"imvume-root-1 zz", os.urandom(90), b"imvume-root-1 " + b"0" * 63]
)
def test_a_root_file_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "root.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(Broken):
        SealedFile(path)


def test_one_flipped_bit_on_the_shelf_is_noticed(tmp_path: Path) -> None:
    root = SealedFile.make(tmp_path / "root.key")
    shelf = Shelf.make(tmp_path / "a.shelf", "a", root)
    assert len(list(shelf.slots())) == SLOTS
    path = tmp_path / "a.shelf"
    whole = path.read_bytes()
    used = [*range(36), *range(1024, 1024 + 6 + 40)]  # the header, and what slot 0 uses of the sector of version 1
    for at in used:
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(Broken):
            Shelf(path, "a", root).key(0, 1)
    path.write_bytes(whole)


def test_the_last_half_of_a_slot_is_never_erased(tmp_path: Path) -> None:
    shelf = Shelf.make(tmp_path / "a.shelf", "a", SealedFile.make(tmp_path / "root.key"))
    with pytest.raises(Broken):
        shelf.erase(7, keep=2)
    assert shelf.key(7, 1)


def test_an_erased_key_is_nowhere_on_the_shelf(tmp_path: Path) -> None:
    root = SealedFile.make(tmp_path / "root.key")
    shelf = Shelf.make(tmp_path / "a.shelf", "a", root)
    old = shelf._half(3, 1)[1]
    shelf.put(3, 2, wrap.fresh())
    shelf.erase(3, keep=2)
    assert old not in (tmp_path / "a.shelf").read_bytes()
    with pytest.raises(Gone):
        shelf.key(3, 1)


@given(st.binary(max_size=4000), st.text(max_size=40), st.integers(0, 7))
def test_a_sealed_text_opens_whole_or_not_at_all(text: bytes, context: str, bit: int) -> None:
    key = wrap.fresh()
    sealed = bytearray(wrap.seal_text(key, context, text))
    assert wrap.open_text(key, context, bytes(sealed)) == text
    sealed[len(sealed) // 2] ^= 1 << bit
    with pytest.raises(Broken):
        wrap.open_text(key, context, bytes(sealed))


@given(st.lists(st.text(max_size=8), min_size=1, max_size=4), st.lists(st.text(max_size=8), min_size=1, max_size=4))
def test_two_different_things_never_share_a_mark(one: list[str], other: list[str]) -> None:
    key = b"k" * 32
    assert (wrap.mark(key, *one) == wrap.mark(key, *other)) == (one == other)


def test_a_wrapped_key_is_bound_to_its_context() -> None:
    under, key = wrap.fresh(), wrap.fresh()
    wrapped = wrap.wrap(under, "a", key)
    assert wrap.unwrap(under, "a", wrapped) == key
    for wrong in ((under, "b", wrapped), (wrap.fresh(), "a", wrapped), (under, "a", wrapped[:-1]), (under, "a", b"")):
        with pytest.raises(Broken):
            wrap.unwrap(*wrong)


def test_an_old_bucket_key_is_never_erased_while_the_next_one_is_made(house: House, tenant: TenantId) -> None:
    # Two workers do the daily batch at once. The first erased "the other half" after the second had put the
    # next key there, and before that was committed: every key of the bucket was lost.
    vault, database = house.vault, house.database
    with database.transaction(tenant) as tx:
        key_id, key = vault.make_key(tx, "subject")
    bucket = _bucket(key_id)
    vault.rotate_bucket(database, tenant, bucket)
    put, at_put, go_on = Shelf.put, threading.Event(), threading.Event()

    def slow(shelf: Shelf, slot: int, version: int, of: bytes) -> None:
        put(shelf, slot, version, of)
        at_put.set()
        go_on.wait(10)

    with ThreadPoolExecutor(2) as both, pytest.MonkeyPatch.context() as patched:
        patched.setattr(Shelf, "put", slow)
        second = both.submit(vault.rotate_bucket, database, tenant, bucket)
        assert at_put.wait(10)
        first = both.submit(vault.shred, database, tenant)  # it finds two keys on the shelf
        with pytest.raises(TimeoutError):
            first.result(0.5)  # it waits for the one who rotates
        go_on.set()
        second.result(10)
        first.result(10)
    with database.transaction(tenant) as tx:
        assert vault.open_key(tx, key_id) == key
    assert vault.shelf(tenant).doubled() == []


def test_a_key_destroyed_between_a_rotation_and_its_end_dies_in_the_next_batch(house: House, tenant: TenantId) -> None:
    # The batch cleared the mark of a bucket in which a key had died since: its old copies would have opened for ever.
    with house.database.transaction(tenant) as tx:
        key_id, key = house.vault.make_key(tx, "subject")
    house.vault.rotate_bucket(house.database, tenant, _bucket(key_id))
    with house.database.transaction(tenant) as tx:
        [backup] = tx.all("keys.keys_get", keys=[key_id])
        house.vault.destroy_key(tx, key_id)
    house.vault._erase_old(house.database, tenant, _bucket(key_id))  # the end of the rotation above
    assert house.vault._unwrap(house.vault.shelf(tenant), tenant, backup) == key
    assert house.vault.shred(house.database, tenant) == 1
    with pytest.raises(Gone):
        house.vault._unwrap(house.vault.shelf(tenant), tenant, backup)


def test_a_rotation_that_died_before_it_erased_is_ended_by_the_next_batch(house: House, tenant: TenantId) -> None:
    house.vault.rotate_bucket(house.database, tenant, 7)
    assert house.vault.shelf(tenant).doubled() == [7]
    assert house.vault.shred(house.database, tenant) == 1
    assert house.vault.shelf(tenant).doubled() == []
    assert house.vault.shred(house.database, tenant) == 0


def test_one_may_destroy_a_key_while_another_rotates_its_bucket(house: House, tenant: TenantId) -> None:
    with house.database.transaction(tenant) as tx:
        key_id, _ = house.vault.make_key(tx, "subject")
    with ThreadPoolExecutor(1) as other:
        with house.database.transaction(tenant) as tx:
            tx.run("keys.bucket_dies", bucket=_bucket(key_id))
            turning = other.submit(house.vault.rotate_bucket, house.database, tenant, _bucket(key_id))
            with pytest.raises(TimeoutError):
                turning.result(0.3)
            assert house.vault.destroy_key(tx, key_id)  # it held the key and wanted the bucket; the other, the reverse
        assert turning.result(10) == 2


def test_keys_are_made_in_a_bucket_while_others_in_it_are_destroyed(house: House, tenant: TenantId) -> None:
    with house.database.transaction(tenant) as destroying, house.database.transaction(tenant) as making:
        destroying.run("keys.bucket_dies", bucket=9)
        making.connection.execute("SET LOCAL lock_timeout = '2s'")
        assert making.only("keys.bucket_open", bucket=9)["version"] == 1


def test_a_process_that_runs_on_finds_the_root_that_another_has_rotated(house: House, tenant: TenantId) -> None:
    with house.database.transaction(tenant) as tx:
        key_id, key = house.vault.make_key(tx, "matter")
    running = Vault(house.vault.folder)
    house.vault.rotate_root()
    with house.database.transaction(tenant) as tx:
        assert running.open_key(tx, key_id) == key


def test_nothing_is_put_on_a_shelf_under_a_root_that_was_replaced(house: House, tenant: TenantId) -> None:
    before = house.vault.shelf(tenant)
    house.vault.rotate_root()
    with pytest.raises(Broken) as told:
        before.put(3, 2, wrap.fresh())
    assert told.value.code == "keys.shelf.other-root"


def test_a_lost_shelf_is_missed_and_not_made_anew(house: House, tenant: TenantId) -> None:
    (house.vault.folder / f"{tenant}.shelf").unlink()
    with house.database.transaction(tenant) as tx, pytest.raises(Unavailable) as told:
        house.vault.begin(tx)
    assert told.value.code == "keys.shelf.missing"


def test_two_that_begin_at_once_share_one_shelf(house: House) -> None:
    with house.database.transaction(None) as tx:
        tenant = tenants.add(tx, "Another", zone="UTC", region="ZA", retention="fica", at=AT)

    def begin() -> bytes:
        with house.database.transaction(tenant) as tx:
            house.vault.begin(tx)
        return house.vault.mark(tenant, "x")

    with ThreadPoolExecutor(2) as both:
        one, other = both.submit(begin), both.submit(begin)
        assert one.result(30) == other.result(30) == house.vault.mark(tenant, "x")
