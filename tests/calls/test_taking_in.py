"""A call is taken in once, with all that was recorded of it, whatever happens at the commit."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from imvume.archive import opening
from imvume.archive.house import House
from imvume.basics.ids import TenantId
from imvume.calls import actions
from imvume.errors import Unavailable
from imvume.store.database import Database, Tx
from recorded import AT, facts, pieces, tone


def test_two_legs_that_are_silent_for_the_same_time_are_two_recordings(house: House, tenant: TenantId) -> None:
    # The second was taken for the first seen again, and left out.
    silent = [
        replace(piece, file=io.BytesIO(data := bytearray(tone())[:44] + bytes(32_000)), size=len(data))
        for piece in pieces("1.0")
    ]
    taken = actions.take_in(house, tenant, facts("1.0"), silent, at=AT)
    assert taken.sealed == 2
    with house.database.transaction(tenant) as tx:
        assert set(opening.peaks(house.vault, tx, taken.call)) == {"caller", "agent"}


def test_the_same_file_from_another_place_is_not_sealed_again(house: House, tenant: TenantId) -> None:
    actions.take_in(house, tenant, facts("1.0"), pieces("1.0"), at=AT)
    moved = [replace(piece, mark=bytes(15) + bytes([n])) for n, piece in enumerate(pieces("1.0"))]
    assert actions.take_in(house, tenant, facts("1.0"), moved, at=AT).sealed == 0
    assert len(list(house.storage.list("t"))) == 2


class _AnswerLost:
    """A database that commits the rows of a recording, and whose answer to that never comes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def transaction(self, tenant: TenantId | None) -> Iterator[Tx]:
        with self._database.transaction(tenant) as tx:
            yield tx
            sealed = tx.tenant_or_none and tx.only("archive.asset_count")["total"]
        if sealed:
            raise Unavailable("store.database.away", "The database does not answer.", remedy="Try again.")


def test_a_commit_whose_answer_is_lost_keeps_its_objects(house: House, tenant: TenantId) -> None:
    # They were removed, for "it failed"; the rows were there, and the recording was gone.
    doubtful = replace(house, database=_AnswerLost(house.database))  # type: ignore[arg-type]  # all of it that is used
    with pytest.raises(Unavailable):
        actions.take_in(doubtful, tenant, facts("1.0"), pieces("1.0"), at=AT)
    again = actions.take_in(house, tenant, facts("1.0"), pieces("1.0"), at=AT)
    assert (again.fresh, again.sealed) == (False, 0)
    with house.database.transaction(tenant) as tx:
        playback = opening.player(house.storage, house.vault, tx, again.call)
    assert len(b"".join(playback.read(0, playback.size))) == playback.size
