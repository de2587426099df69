"""Long work: one holder, a cursor that never goes back, and no lease that outlives its holder."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from imvume.basics.ids import TenantId
from imvume.errors import Conflict
from imvume.store import sweeps
from imvume.store.database import Database

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def _open(database: Database, tenant: TenantId, at: datetime = AT) -> sweeps.Sweep:
    with database.transaction(tenant) as tx:
        return sweeps.open(tx, "verify", total=10, at=at)


def _lease(database: Database, tenant: TenantId, at: datetime) -> sweeps.Sweep | None:
    with database.transaction(tenant) as tx:
        return sweeps.lease(tx, "verify", at=at)


def _held(database: Database, tenant: TenantId, at: datetime = AT) -> sweeps.Sweep:
    _open(database, tenant, at)
    sweep = _lease(database, tenant, at)
    assert sweep is not None
    return sweep


def test_a_sweep_goes_on_where_it_was_left(database: Database, tenant: TenantId) -> None:
    sweep = _held(database, tenant)
    with database.transaction(tenant) as tx:
        sweep = sweeps.advance(tx, sweep, cursor="004", done=4, at=AT + SECOND)
        sweeps.leave(tx, sweep)
    assert _open(database, tenant, AT + 5 * SECOND).cursor == "004"
    again = _lease(database, tenant, AT + 5 * SECOND)
    assert again is not None
    assert (again.cursor, again.done, again.total) == ("004", 4, 10)
    with database.transaction(tenant) as tx:
        again = sweeps.advance(tx, again, cursor="010", done=6, at=AT + 6 * SECOND)
        ended = sweeps.finish(tx, again, at=AT + 6 * SECOND)
    assert (ended.done, ended.ended_at, ended.leased_until) == (10, AT + 6 * SECOND, None)


def test_a_sweep_that_ended_begins_anew(database: Database, tenant: TenantId) -> None:
    sweep = _held(database, tenant)
    with database.transaction(tenant) as tx:
        sweep = sweeps.advance(tx, sweep, cursor="010", done=10, at=AT)
        sweeps.finish(tx, sweep, at=AT)
    anew = _open(database, tenant, AT + SECOND)
    assert (anew.cursor, anew.done, anew.started_at, anew.ended_at) == ("", 0, AT + SECOND, None)


def test_of_two_workers_exactly_one_holds_the_lease(database: Database, tenant: TenantId) -> None:
    _open(database, tenant)
    for round in range(10):
        got: list[sweeps.Sweep | None] = []
        ready = threading.Barrier(4)
        at = AT + round * 2 * sweeps.LEASE

        def work(at: datetime = at, got: list[sweeps.Sweep | None] = got, ready: threading.Barrier = ready) -> None:
            ready.wait()
            got.append(_lease(database, tenant, at))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(got) == 4
        assert len([sweep for sweep in got if sweep]) == 1


def test_the_lease_of_a_dead_holder_ends(database: Database, tenant: TenantId) -> None:
    _held(database, tenant)
    assert _lease(database, tenant, AT + sweeps.LEASE - SECOND) is None
    assert _lease(database, tenant, AT + sweeps.LEASE) is not None


def test_a_holder_who_slept_too_long_cannot_move_the_cursor(database: Database, tenant: TenantId) -> None:
    slow = _held(database, tenant)
    quick = _lease(database, tenant, AT + sweeps.LEASE)
    assert quick is not None
    with pytest.raises(Conflict) as told, database.transaction(tenant) as tx:
        sweeps.advance(tx, slow, cursor="009", done=9, at=AT + sweeps.LEASE + SECOND)
    assert told.value.code == "store.sweep.lost"
    with pytest.raises(Conflict), database.transaction(tenant) as tx:
        sweeps.finish(tx, slow, at=AT + sweeps.LEASE + SECOND)
    with database.transaction(tenant) as tx:
        sweeps.leave(tx, slow)  # gives back nothing that is not his
        standing = sweeps.standing(tx, "verify")
    assert standing is not None
    assert (standing.cursor, standing.leased_until) == ("", quick.leased_until)


def test_a_clock_set_back_an_hour_does_not_lock_a_sweep_for_an_hour(database: Database, tenant: TenantId) -> None:
    _held(database, tenant)
    assert _lease(database, tenant, AT - timedelta(hours=1)) is not None


def test_a_stop_is_heard_after_the_slice_and_open_goes_on(database: Database, tenant: TenantId) -> None:
    sweep = _held(database, tenant)
    with database.transaction(tenant) as tx:
        sweeps.stop(tx, "verify")
    with database.transaction(tenant) as tx:
        sweep = sweeps.advance(tx, sweep, cursor="003", done=3, at=AT)
        sweeps.leave(tx, sweep)
    assert sweep.stop
    assert _lease(database, tenant, AT + SECOND) is None
    assert not _open(database, tenant, AT + SECOND).stop
    assert _lease(database, tenant, AT + SECOND) is not None


def test_tenants_sweep_apart(database: Database, tenant: TenantId) -> None:
    _held(database, tenant)
    with database.transaction(None) as tx:
        assert sweeps.standing(tx, "verify") is None
        assert sweeps.lease(tx, "verify", at=AT) is None


def test_what_was_never_opened_has_no_standing(database: Database, tenant: TenantId) -> None:
    with database.transaction(tenant) as tx:
        assert sweeps.standing(tx, "rewrap") is None
        assert sweeps.lease(tx, "rewrap", at=AT) is None
