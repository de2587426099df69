"""The tenants of a house: the responsible parties (POPIA s 1) whose records it keeps apart."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from imvume.basics.ids import TenantId, uuid7
from imvume.store.database import Tx


@dataclass(frozen=True, slots=True)
class Tenant:
    """One responsible party, with the zone, numbering plan and retention class that hold for its calls."""

    tenant_id: TenantId
    name: str
    zone: str
    region: str
    retention: str


def tenants(tx: Tx) -> list[Tenant]:
    """Every tenant of the house, the oldest first, in a transaction without a tenant; with one, that one alone."""
    return [Tenant(**row) for row in tx.all("store.tenants")]


def add(tx: Tx, name: str, *, zone: str, region: str, retention: str, at: datetime) -> TenantId:
    """Make a tenant; answers its id. It has no keys yet: whoever opens the house gives it some."""
    made = TenantId(uuid7())
    tx.run("store.tenant_add", tenant_id=made, name=name, zone=zone, region=region, retention=retention, at=at)
    return made
