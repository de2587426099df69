"""A hold outlasts everything, refuses with its reason, and lets go of all that waited for it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from test_verifying import check

from imvume.archive import destroying, holding, opening
from imvume.archive.house import House
from imvume.basics.ids import KeyId, TenantId
from imvume.errors import BadInput, Conflict, NotFound, Refused
from imvume.keys.vault import Destroyed
from imvume.subjects import actions as subjects
from recorded import AT, NALEDI, Take

WHY = "Case 2026/114, letter of demand"


def test_a_held_call_is_not_destroyed_and_the_refusal_says_why(house: House, tenant: TenantId, take: Take) -> None:
    call = take().call
    with house.database.transaction(tenant) as tx:
        holding.hold(tx, house.vault, [call], reason=WHY, by=None, at=AT)
    with house.database.transaction(tenant) as tx, pytest.raises(Refused) as told:
        destroying.destroy(tx, call, ground="order", reason="Asked", by=None, at=AT)
    assert told.value.code == "archive.destroy.on-hold"
    assert "23 November 2026" in told.value.why
    assert WHY not in str(told.value)


def test_a_destruction_that_waited_goes_on_when_the_last_hold_ends(house: House, tenant: TenantId, take: Take) -> None:
    call = take().call
    with house.database.transaction(tenant) as tx:
        first = holding.hold(tx, house.vault, [call], reason=WHY, by=None, at=AT)
        second = holding.hold(tx, house.vault, [call], reason="Another matter", by=None, at=AT)
        ordered = destroying.destroy(tx, call, ground="order", reason="Asked", by=None, at=AT, when_released=True)
    assert not ordered.destroyed
    assert len(ordered.waits_for) == 2
    with house.database.transaction(tenant) as tx:
        assert holding.release(tx, house.vault, first, by=None, at=AT) == [call]
        assert destroying.go_on(tx, call, at=AT) is None
        holding.release(tx, house.vault, second, by=None, at=AT)
        done = destroying.go_on(tx, call, at=AT)
    assert done is not None
    assert done.destroyed
    with house.database.transaction(tenant) as tx, pytest.raises(Destroyed):
        opening.player(house.storage, house.vault, tx, call)


def test_what_is_held_opens_though_the_persons_own_key_is_dead(house: House, tenant: TenantId, take: Take) -> None:
    call = take().call
    with house.database.transaction(tenant) as tx:
        matter = holding.hold(tx, house.vault, [call], reason=WHY, by=None, at=AT)
        [(subject, _)] = subjects.know(tx, house.vault, [subjects.Identifier("phone", NALEDI)]).values()
        key = tx.only("subjects.keys", subjects=[subject])["key_id"]
        tx.run("subjects.rekey", subject=subject, key=None)
        house.vault.destroy_key(tx, KeyId(key))
    with house.database.transaction(tenant) as tx:
        assert len(opening.peaks(house.vault, tx, call)) == 2
        holding.release(tx, house.vault, matter, by=None, at=AT)
    with house.database.transaction(tenant) as tx:
        assert set(opening.peaks(house.vault, tx, call)) == {"agent"}  # her voice died with her key; Sipho's stays


def test_a_hold_is_released_once(house: House, tenant: TenantId, take: Take) -> None:
    with house.database.transaction(tenant) as tx:
        matter = holding.hold(tx, house.vault, [take().call], reason=WHY, by=None, at=AT)
        holding.release(tx, house.vault, matter, by=None, at=AT)
        with pytest.raises(Conflict):
            holding.release(tx, house.vault, matter, by=None, at=AT + timedelta(days=1))


@pytest.mark.parametrize("reason", ["", "  \n", "x" * 2001])
def test_a_hold_needs_a_reason_of_a_sentence(house: House, tenant: TenantId, take: Take, reason: str) -> None:
    call = take().call
    with house.database.transaction(tenant) as tx, pytest.raises(BadInput):
        holding.hold(tx, house.vault, [call], reason=reason, by=None, at=AT)


def test_nothing_can_be_held_of_a_call_that_was_destroyed(house: House, tenant: TenantId, take: Take) -> None:
    call = take().call
    with house.database.transaction(tenant) as tx:
        destroying.destroy(tx, call, ground="order", reason="Asked", by=None, at=AT)
    with house.database.transaction(tenant) as tx, pytest.raises(NotFound):
        holding.hold(tx, house.vault, [call], reason=WHY, by=None, at=AT)


def test_there_is_no_cap_on_what_is_held(house: House, tenant: TenantId, take: Take) -> None:
    calls = [take(f"{n}.0").call for n in range(12)]
    with house.database.transaction(tenant) as tx:
        holding.hold(tx, house.vault, calls, reason=WHY, by=None, at=AT)
        [matter] = tx.all("archive.matters", limit=10)
    assert matter["calls"] == 12


def test_an_order_that_meets_a_release_in_the_same_instant_is_carried_out(
    house: House, tenant: TenantId, take: Take
) -> None:
    # The order saw the hold and waited for its end; the end did not see the order yet, and nobody came back for it.
    call = take().call
    with house.database.transaction(tenant) as tx:
        matter = holding.hold(tx, house.vault, [call], reason=WHY, by=None, at=AT)

    def release() -> destroying.Outcome | None:
        with house.database.transaction(tenant) as tx:
            holding.release(tx, house.vault, matter, by=None, at=AT)
            return destroying.go_on(tx, call, at=AT)

    with ThreadPoolExecutor(1) as other:
        with house.database.transaction(tenant) as tx:
            ordered = destroying.destroy(tx, call, ground="erasure", reason="Asked", by=None, at=AT, when_released=True)
            releasing = other.submit(release)
            with pytest.raises(TimeoutError):
                releasing.result(0.3)
        gone = releasing.result(10)
    assert not ordered.destroyed
    assert gone is not None
    assert gone.destroyed


def test_a_call_named_twice_is_held_once(house: House, tenant: TenantId, take: Take) -> None:
    call = take().call
    with house.database.transaction(tenant) as tx:
        holding.hold(tx, house.vault, [call, call], reason=WHY, by=None, at=AT)
    assert check(house, tenant).findings == []


def test_a_hold_that_ends_while_its_key_is_rotated_leaves_no_key_behind(
    house: House, tenant: TenantId, take: Take
) -> None:
    call = take().call
    with house.database.transaction(tenant) as tx:
        matter = holding.hold(tx, house.vault, [call], reason=WHY, by=None, at=AT)

    def rekey() -> None:
        with house.database.transaction(tenant) as tx:
            holding.rekey(tx, house.vault, matter, at=AT)

    with ThreadPoolExecutor(1) as other:
        with house.database.transaction(tenant) as tx:
            holding.release(tx, house.vault, matter, by=None, at=AT)
            turning = other.submit(rekey)
            with pytest.raises(TimeoutError):
                turning.result(0.3)
        turning.result(10)
    with house.database.transaction(tenant) as tx:
        assert [row for row in tx.all("keys.all_keys") if row["kind"] == "matter"] == []
