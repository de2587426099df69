"""A call that was taken in, with its place in the log."""

from __future__ import annotations

import pytest

from imvume.archive.house import House, place_entries
from imvume.basics.ids import CallId, TenantId
from imvume.calls import actions
from recorded import AT, facts, pieces


@pytest.fixture
def call(house: House, tenant: TenantId) -> CallId:
    """Naledi and Sipho, two legs."""
    taken = actions.take_in(house, tenant, facts(), pieces("1.0"), at=AT).call
    place_entries(house, tenant, at=AT)
    return taken
