"""`imvume verify` is content with what is whole, and names what is not. It can be stopped, and goes on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from imvume import verifying
from imvume.archive import destroying, holding, shredding
from imvume.archive.house import House, place_entries
from imvume.archive.storage import path
from imvume.basics import clock
from imvume.basics.ids import TenantId
from imvume.staff.actions import looked
from recorded import AT, Take


def check(house: House, tenant: TenantId, *, deep: bool = True) -> verifying.Report:
    return verifying.verify(house, tenant, deep=deep, now=clock.now, told=lambda *_: None, stopping=lambda: False)


def codes(report: verifying.Report) -> set[str]:
    return {finding.code for finding in report.findings}


@pytest.fixture
def lived_in(house: House, tenant: TenantId, take: Take) -> House:
    """Everything that can have happened: a look, holds in force and lifted, destructions waiting, done, final."""
    plain, held, was_held, waits, gone, final = (take(f"{n}.0", pitch=300 + 40 * n).call for n in range(6))
    with house.database.transaction(tenant) as tx:
        looked(tx, tenant, None, "archive.opened", plain, "A complaint", AT)
        holding.hold(tx, house.vault, [held, waits], reason="A matter", by=None, at=AT)
        lifted = holding.hold(tx, house.vault, [was_held], reason="Another", by=None, at=AT)
        destroying.destroy(tx, waits, ground="order", reason="Asked", by=None, at=AT, when_released=True)
        destroying.destroy(tx, final, ground="erasure", reason="Asked", by=None, at=AT)
        holding.release(tx, house.vault, lifted, by=None, at=AT)
    with house.database.transaction(tenant) as tx:
        destroying.remove_objects(tx, house.storage, final)
    shredding.shred(house, tenant, at=AT + timedelta(hours=1))
    with house.database.transaction(tenant) as tx:
        destroying.destroy(tx, gone, ground="order", reason="Asked", by=None, at=AT + timedelta(hours=2))
    with house.database.transaction(tenant) as tx:
        destroying.remove_objects(tx, house.storage, gone)
    return house


def test_a_house_that_was_lived_in_is_proven(lived_in: House, tenant: TenantId) -> None:
    report = check(lived_in, tenant)
    assert report.findings == []
    assert report.verdict == "PROVEN"
    assert report.proved


def test_a_removed_object_is_named(lived_in: House, tenant: TenantId, take: Take) -> None:
    call = take("9.0").call
    with lived_in.database.transaction(tenant) as tx:
        [asset, *_] = [row for row in tx.all("archive.assets_of", call=call) if row["kind"] == "leg"]
    lived_in.storage.remove(path(tenant, call, asset["asset_id"]))
    report = check(lived_in, tenant)
    assert [(f.code, f.about) for f in report.findings] == [("archive.object.missing", str(asset["asset_id"]))]
    assert report.verdict == "BROKEN"


def test_a_flipped_bit_in_an_object_is_named(house: House, tenant: TenantId, take: Take) -> None:
    call = take().call
    with house.database.transaction(tenant) as tx:
        [asset, *_] = [row for row in tx.all("archive.assets_of", call=call) if row["kind"] == "leg"]
    file = house.config.objects / path(tenant, call, asset["asset_id"])
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    assert [(f.code, f.about) for f in check(house, tenant).findings] == [
        ("archive.object.changed", str(asset["asset_id"]))
    ]


def test_an_object_that_comes_back_after_its_destruction_is_named(house: House, tenant: TenantId, take: Take) -> None:
    call = take().call
    [kept, *_] = [(place, house.storage.read(place, 0, size)) for place, size, _ in house.storage.list("t")]
    with house.database.transaction(tenant) as tx:
        destroying.destroy(tx, call, ground="order", reason="Asked", by=None, at=AT)
    with house.database.transaction(tenant) as tx:
        destroying.remove_objects(tx, house.storage, call)
    writer = house.storage.writer(kept[0])
    writer.write(kept[1])
    writer.commit()
    assert codes(check(house, tenant)) == {"archive.object.stray"}


def test_it_is_stopped_and_goes_on_where_it_was(lived_in: House, tenant: TenantId) -> None:
    place_entries(lived_in, tenant, at=clock.now())
    parts: list[str] = []

    def told(what: str, done: int, of: int) -> None:
        parts.append(what)

    def stops() -> Iterator[bool]:
        yield from (False, False, False, True)

    answers = stops()
    first = verifying.verify(lived_in, tenant, deep=False, now=clock.now, told=told, stopping=lambda: next(answers))
    assert (first.verdict, first.complete) == ("NOT PROVEN", False)
    stood = parts[-1]
    parts.clear()
    second = verifying.verify(lived_in, tenant, deep=False, now=clock.now, told=told, stopping=lambda: False)
    assert parts[0] == stood
    assert (second.verdict, second.complete) == ("PROVEN", True)


def test_what_was_found_before_a_stop_is_told_after_it(house: House, tenant: TenantId, take: Take) -> None:
    call = take().call
    with house.database.transaction(tenant) as tx:
        [asset, *_] = [row for row in tx.all("archive.assets_of", call=call) if row["kind"] == "leg"]
    house.storage.remove(path(tenant, call, asset["asset_id"]))
    place_entries(house, tenant, at=clock.now())
    seen: list[str] = []

    def until_holds() -> bool:
        return "holds" in seen

    def told(what: str, done: int, of: int) -> None:
        seen.append(what)

    stopped = verifying.verify(house, tenant, deep=False, now=clock.now, told=told, stopping=until_holds)
    assert not stopped.complete
    seen.clear()
    again = verifying.verify(house, tenant, deep=False, now=clock.now, told=lambda *_: None, stopping=lambda: False)
    assert codes(again) == {"archive.object.missing"}


def test_a_verification_is_itself_said_in_the_log(house: House, tenant: TenantId, take: Take) -> None:
    take()
    check(house, tenant)
    with house.database.transaction(tenant) as tx:
        rows = tx.all("evidence.entries_about", abouts=[tenant])
    assert [row["type"] for row in rows].count("archive.verified") == 1


def test_a_second_reader_is_told_to_wait(house: House, tenant: TenantId) -> None:
    from imvume.errors import Conflict
    from imvume.store import sweeps

    with house.database.transaction(tenant) as tx:
        sweeps.open(tx, "verify", total=0, at=clock.now())
        sweeps.lease(tx, "verify", at=clock.now())
    with pytest.raises(Conflict):
        check(house, tenant)
