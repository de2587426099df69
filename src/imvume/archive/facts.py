"""What the evidence commits to about an asset: its row and where it came from, in one canonical shape.

The sealer writes the commitment and `verify` computes it again from what is stored; a
changed byte in any of these columns makes them differ.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from imvume.basics.clock import stamp
from imvume.basics.ids import TenantId
from imvume.evidence.ledger import commit
from imvume.keys import wrap
from imvume.store.database import Row

_COMMITTED = (
    "asset_id", "call_id", "kind", "role", "of_asset", "subject_id", "suite", "codec", "rate", "channels",
    "frames", "size", "digest", "origin_mark", "class", "keep_until", "sealed_at",
)  # fmt: skip


class Origin(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an asset was before it was sealed. Personal: a file name often holds both numbers."""

    name: str = ""
    content: str = ""  # SHA-256 of the content bytes, lower hex: the codes, the samples, or the file as it came
    container: str = ""
    salt: str = ""  # of the mark in the row, lower hex: it dies with the rest

    @property
    def facts(self) -> dict[str, Any]:
        """What the mark commits to."""
        return {"name": self.name, "content": self.content, "container": self.container}

    @property
    def mark(self) -> bytes:
        """The commitment to this origin that stays in the row when the origin is gone, and is noise then."""
        return commit(bytes.fromhex(self.salt), self.facts)


def seal_origin(key: bytes, tenant: TenantId, asset: UUID, origin: Origin) -> bytes:
    """The origin under the asset's own key, so that it dies with it."""
    return wrap.seal_text(key, _context(tenant, asset), msgspec.json.encode(origin))


def open_origin(key: bytes, tenant: TenantId, asset: UUID, sealed: bytes) -> Origin:
    """The origin in clear. Raises Broken if it was changed."""
    return msgspec.json.decode(wrap.open_text(key, _context(tenant, asset), sealed), type=Origin)


def asset_facts(row: Row) -> dict[str, Any]:
    """What is committed to about this asset. It can be computed when the asset is destroyed, too."""
    return {name: plain(row[name]) for name in _COMMITTED}


def plain(value: object) -> Any:
    """A column's value as canonical JSON can carry it: instants as `stamp` writes them, bytes as lower hex."""
    if isinstance(value, datetime):
        return stamp(value)
    if isinstance(value, bytes):
        return value.hex()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return str(value)


def _context(tenant: TenantId, asset: UUID) -> str:
    return f"origin|{tenant}|{asset}"
