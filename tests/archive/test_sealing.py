"""A recording goes in once, whole, and comes out as it was."""

from __future__ import annotations

import hashlib
import io
from datetime import timedelta
from uuid import UUID

import pytest

from imvume.archive import opening
from imvume.archive.house import House
from imvume.archive.storage import SUFFIX
from imvume.basics.ids import TenantId
from imvume.calls import actions, search
from imvume.calls.search import Question
from imvume.errors import BadInput, Broken, NotFound
from recorded import AT, NALEDI, SIPHO, Take, facts, pieces, tone


def test_a_call_is_sealed_and_sounds_as_it_did(house: House, tenant: TenantId, take: Take) -> None:
    taken = take()
    assert taken.fresh
    assert taken.sealed == 2
    with house.database.transaction(tenant) as tx:
        playback = opening.player(house.storage, house.vault, tx, taken.call)
        peaks = opening.peaks(house.vault, tx, taken.call)
    heard = b"".join(playback.read(0, playback.size))
    left, right = heard[44::4] + b"", heard[46::4]
    assert len(heard) == 44 + 2 * 2 * 16_000
    assert left != right
    assert set(peaks) == {"caller", "agent"}
    assert max(peaks["caller"]) > 20


def test_nothing_of_it_is_in_clear(house: House, tenant: TenantId, take: Take) -> None:
    take()
    source = tone()
    for path, size, _ in house.storage.list("t"):
        stored = house.storage.read(path, 0, size)
        assert source[1000:1032] not in stored
        assert path.endswith(SUFFIX)
        assert NALEDI[1:] not in path
    with house.database.transaction(tenant) as tx:
        rows = [*tx.all("calls.after", after=UUID(int=0), limit=10)]
        rows += tx.all("archive.assets_after", after=UUID(int=0), limit=10)
    assert NALEDI[3:] not in repr(rows)


def test_a_call_is_found_by_the_whole_number_and_not_by_a_part(house: House, tenant: TenantId, take: Take) -> None:
    taken = take()
    with house.database.transaction(tenant) as tx:
        for who in (NALEDI, "+44 7700 900123", SIPHO):
            page = search.find(tx, house.vault, Question(who=who))
            assert [found.call for found in page.calls] == [taken.call]
        assert not search.find(tx, house.vault, Question(who="900123")).calls
        [found] = search.find(tx, house.vault, Question()).calls
    assert [person.shown for person in found.people] == ["+44 77 ••• 0123", SIPHO]


def test_calls_are_listed_newest_first_and_page_by_page(house: House, tenant: TenantId, take: Take) -> None:
    calls = [take(f"{n}.0", started=AT - timedelta(minutes=n)).call for n in range(1, 6)]
    seen, before = [], None
    while True:
        with house.database.transaction(tenant) as tx:
            page = search.find(tx, house.vault, Question(), before=before, limit=2)
        seen += [found.call for found in page.calls]
        if page.following is None:
            break
        before = page.following
    assert seen == calls


def test_taking_a_call_twice_does_nothing_the_second_time(house: House, tenant: TenantId, take: Take) -> None:
    first = take()
    again = take()
    assert (again.call, again.sealed, again.fresh) == (first.call, 0, False)
    assert len(list(house.storage.list("t"))) == 2


def test_the_same_sound_under_another_mark_is_not_doubled(house: House, tenant: TenantId, take: Take) -> None:
    # A file that was touched, or copied beside itself: another time, another mark, the same call, the same sound.
    first = take()
    copies = [
        piece.__class__(piece.role, piece.file, piece.name, piece.size, mark=piece.mark[::-1])
        for piece in pieces("1795454901.0")
    ]
    again = actions.take_in(house, tenant, facts(), copies, at=AT)
    assert (again.call, again.sealed) == (first.call, 0)
    assert len(list(house.storage.list("t"))) == 2


def test_a_leg_that_comes_later_joins_its_call(house: House, tenant: TenantId) -> None:
    caller, agent = pieces("1795454901.0")
    first = actions.take_in(house, tenant, facts(), [caller], at=AT)
    later = actions.take_in(house, tenant, facts(), [caller, agent], at=AT)
    assert (later.call, later.sealed, later.fresh) == (first.call, 1, False)


def test_what_is_no_recording_leaves_nothing_behind(house: House, tenant: TenantId) -> None:
    caller, agent = pieces("1795454901.0")
    junk = agent.__class__("agent", io.BytesIO(b"not a recording" * 40), "x.wav", 600, mark=b"j" * 16)
    with pytest.raises(BadInput):
        actions.take_in(house, tenant, facts(), [caller, junk], at=AT)
    assert list(house.storage.list("t")) == []
    with house.database.transaction(tenant) as tx:
        assert not search.find(tx, house.vault, Question()).calls


def test_a_source_is_confirmed_only_while_the_sealed_copy_is_whole(house: House, tenant: TenantId, take: Take) -> None:
    take()
    mark = pieces("1795454901.0")[0].mark
    actions.confirm(house, tenant, mark)
    with pytest.raises(NotFound):
        actions.confirm(house, tenant, b"?" * 16)
    [path, *_] = [path for path, _, _ in house.storage.list("t")]
    house.storage.remove(path)
    with pytest.raises(Broken):
        actions.confirm(house, tenant, mark)


def test_the_digest_in_the_row_is_that_of_the_object(house: House, tenant: TenantId, take: Take) -> None:
    taken = take()
    with house.database.transaction(tenant) as tx:
        digests = {row["digest"] for row in tx.all("archive.assets_of", call=taken.call) if row["kind"] == "leg"}
    found = {hashlib.sha256(house.storage.read(path, 0, size)).digest() for path, size, _ in house.storage.list("t")}
    assert found == digests


def test_another_tenant_sees_nothing(house: House, take: Take) -> None:
    taken = take()
    with house.database.transaction(None) as tx:
        assert not tx.all("archive.assets_of", call=taken.call)
