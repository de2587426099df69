"""Calls taken in."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from imvume.archive.house import House
from imvume.basics.ids import TenantId
from imvume.calls import actions
from imvume.calls.actions import TakenIn
from recorded import AT, Take, facts, pieces


@pytest.fixture
def take(house: House, tenant: TenantId) -> Take:
    """Take in a call of two legs."""

    def _take(
        ref: str = "1795454901.0", *, started: datetime = AT - timedelta(hours=1), pitch: float = 440.0
    ) -> TakenIn:
        return actions.take_in(house, tenant, facts(ref, started=started), pieces(ref, pitch=pitch), at=AT)

    return _take
