"""The world fails: disks fill, databases die, object stores go away, clocks jump, two do the same at once."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from test_shredding import own_house
from test_verifying import check

from imvume.archive import opening
from imvume.archive.house import House, storage_of
from imvume.archive.storage import Disk, ObjectStore
from imvume.basics.ids import CallId, TenantId
from imvume.calls import actions, search
from imvume.calls.search import Question
from imvume.config import Config
from imvume.errors import Unavailable
from imvume.store.embedded import Postgres
from recorded import AT, Take, facts, pieces
from servers.s3 import S3

__all__ = ["own_house"]


def _heard(house: House, tenant: TenantId, call: CallId) -> bytes:
    with house.database.transaction(tenant) as tx:
        playback = opening.player(house.storage, house.vault, tx, call)
    return b"".join(playback.read(0, playback.size))


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 64 KiB."""
    place = tmp_path / "tiny"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode:
        if os.environ.get("CI"):
            pytest.fail("a small file system cannot be mounted here, and CI must try a full disk")
        pytest.skip("NOT TRIED: a full disk. Only root may mount a small file system.")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_refuses_and_keeps_nothing_of_it(house: House, tenant: TenantId, tiny_disk: Path) -> None:
    full = House(house.config, house.database, house.vault, Disk(tiny_disk / "objects"))
    sizeable = pieces("1.0", seconds=60.0)
    with pytest.raises(Unavailable) as told:
        actions.take_in(full, tenant, facts(), sizeable, at=AT)
    assert told.value.code == "archive.storage.full"
    assert list(full.storage.list("t")) == []
    with house.database.transaction(tenant) as tx:
        assert not search.find(tx, house.vault, Question()).calls
    assert actions.take_in(house, tenant, facts(), sizeable, at=AT).fresh  # elsewhere there is room: nothing was lost


def test_postgres_killed_in_the_middle_costs_one_try(own_house: tuple[House, TenantId, Postgres]) -> None:
    house, tenant, server = own_house
    first = actions.take_in(house, tenant, facts("1.0"), pieces("1.0"), at=AT).call
    pid = int((house.config.postgres / "data" / "postmaster.pid").read_text().splitlines()[0])
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(Unavailable):
        actions.take_in(house, tenant, facts("2.0"), pieces("2.0", pitch=500), at=AT)
    server.start()
    assert actions.take_in(house, tenant, facts("2.0"), pieces("2.0", pitch=500), at=AT).fresh
    assert _heard(house, tenant, first)
    assert check(house, tenant).findings == []


@pytest.fixture
def in_s3(house: House, s3: S3, tmp_path: Path) -> House:
    """The same house with its objects in a real object store."""
    key_file = tmp_path / "s3.key"
    key_file.write_text(f"{s3.key}\n{s3.secret}\n")
    config = Config(
        home=house.config.home,
        storage=f"s3://{s3.bucket}/{tmp_path.name}",
        storage_endpoint=s3.endpoint,
        storage_region="us-east-1",
        storage_key_file=str(key_file),
    )
    return House(config, house.database, house.vault, storage_of(config))


def test_an_object_store_holds_what_a_disk_does(in_s3: House, tenant: TenantId) -> None:
    assert isinstance(in_s3.storage, ObjectStore)
    long = pieces("1.0", seconds=3.0)
    call = actions.take_in(in_s3, tenant, facts(), long, at=AT).call
    assert len(_heard(in_s3, tenant, call)) == 44 + 4 * 24_000
    listed = list(in_s3.storage.list("t"))
    assert len(listed) == 2
    assert [in_s3.storage.size(path) for path, _, _ in listed] == [size for _, size, _ in listed]
    assert check(in_s3, tenant).findings == []
    assert all(in_s3.storage.remove(path) for path, _, _ in listed)
    assert not in_s3.storage.remove(listed[0][0])
    assert {finding.code for finding in check(in_s3, tenant).findings} == {"archive.object.missing"}


def test_an_object_store_that_is_away_for_a_while_is_waited_for(in_s3: House, tenant: TenantId, s3: S3) -> None:
    s3.pause()
    back = threading.Timer(6.0, s3.resume)
    back.start()
    try:
        assert actions.take_in(in_s3, tenant, facts(), pieces("1.0"), at=AT).sealed == 2
    finally:
        back.join()
    assert check(in_s3, tenant).findings == []


def test_many_workers_on_one_call_make_one_call(house: House, tenant: TenantId) -> None:
    gate = threading.Barrier(4)

    def work(_: int) -> bool:
        gate.wait()
        return actions.take_in(house, tenant, facts(), pieces("1.0"), at=AT).fresh

    with ThreadPoolExecutor(4) as pool:
        fresh = list(pool.map(work, range(4)))
    assert fresh.count(True) == 1
    with house.database.transaction(tenant) as tx:
        [found] = search.find(tx, house.vault, Question()).calls
        assert len(tx.all("archive.assets_of", call=found.call)) == 4
    assert len(list(house.storage.list("t"))) == 2
    assert check(house, tenant).findings == []


def test_many_workers_on_calls_of_the_same_people_make_one_person_of_each(house: House, tenant: TenantId) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(
            pool.map(
                lambda n: actions.take_in(house, tenant, facts(f"{n}.0"), pieces(f"{n}.0", pitch=300 + n), at=AT),
                range(12),
            )
        )
    assert all(taken.fresh for taken in done)
    with house.database.transaction(tenant) as tx:
        people = tx.all("calls.participants", calls=[taken.call for taken in done])
    assert len({person["subject_id"] for person in people}) == 2


def test_a_clock_that_is_set_back_an_hour_changes_nothing_that_matters(
    house: House, tenant: TenantId, take: Take
) -> None:
    take("1.0")
    earlier = AT - timedelta(hours=1)
    actions.take_in(house, tenant, facts("2.0"), pieces("2.0", pitch=300), at=earlier)
    assert check(house, tenant).findings == []
    with house.database.transaction(tenant) as tx:
        assert len(search.find(tx, house.vault, Question()).calls) == 2


def test_a_machine_without_open_files_left_is_not_called_a_broken_archive(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> int:
        raise OSError(errno.EMFILE, "too many")

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(Unavailable) as told:
        house.storage.read("t/x.cob", 0, 1)
    assert told.value.code == "archive.storage.unreadable"


def test_a_file_is_never_closed_twice(house: House) -> None:
    # The second close met whatever another thread had opened under the same number in between.
    first, second = house.storage.writer("t/x.cob"), house.storage.writer("t/x.cob")
    first.commit()
    with pytest.raises(Unavailable):
        second.commit()  # there is an object already
    other = os.open(os.devnull, os.O_RDONLY)  # it gets the number that was just closed
    second.abort()
    os.fstat(other)
    os.close(other)
