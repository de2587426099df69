"""Ids: UUIDv7 made by us, one Python type per noun, and the references that people read aloud."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, date, datetime
from typing import NewType
from uuid import UUID

TenantId = NewType("TenantId", UUID)
StaffId = NewType("StaffId", UUID)
SubjectId = NewType("SubjectId", UUID)
CallId = NewType("CallId", UUID)
AssetId = NewType("AssetId", UUID)
KeyId = NewType("KeyId", UUID)
EntryId = NewType("EntryId", UUID)
MatterId = NewType("MatterId", UUID)

_last = 0
_lock = threading.Lock()


def uuid7() -> UUID:
    """A UUIDv7 of this moment; within one process each is greater than the one before.

    The 12 bits after the millisecond carry its fraction (RFC 9562, section 6.2, method 3),
    so that rows made in one burst keep their order and their index pages stay warm.
    """
    global _last
    ticks = time.time_ns() * 4096 // 1_000_000  # 1/4096 of a millisecond
    with _lock:
        _last = max(_last + 1, ticks)  # a clock set back must not make ids run backwards
        ticks = _last
    return _uuid7(ticks >> 12, ticks & 0xFFF)


def uuid7_at(at: datetime) -> UUID:
    """A UUIDv7 whose time part is `at`, an aware instant, not before 1970.

    Call ids are made of the call's own start, so that the month of a call can be
    read off its id and the tables of calls can be partitioned by it.
    """
    return _uuid7(max(0, int(at.timestamp() * 1000)), int.from_bytes(os.urandom(2)) & 0xFFF)


def _uuid7(milliseconds: int, fraction: int) -> UUID:
    tail = int.from_bytes(os.urandom(8)) & 0x3FFF_FFFF_FFFF_FFFF
    return UUID(int=(milliseconds & 0xFFFF_FFFF_FFFF) << 80 | 7 << 76 | fraction << 64 | 2 << 62 | tail)


def floor(at: datetime) -> UUID:
    """The least UUIDv7-shaped id of that millisecond: a bound for "from then on" over ids."""
    return UUID(int=max(0, int(at.timestamp() * 1000)) << 80)


def moment(id: UUID) -> datetime:
    """The instant inside a UUIDv7, to the millisecond."""
    return datetime.fromtimestamp((id.int >> 80) / 1000, UTC)


def month(id: UUID) -> date:
    """The first day (UTC) of the month in a UUIDv7."""
    return moment(id).date().replace(day=1)


def reference(prefix: str, id: UUID) -> str:
    """A short name for people: `C-7K2M9QWX4`. Unique enough to read out; never used as a key.

    The last sign is a check (Luhn mod 32), so that a misheard letter is noticed.
    """
    digits = [id.int >> shift & 31 for shift in range(35, -5, -5)]
    return f"{prefix}-" + "".join(_ALPHABET[d] for d in [*digits, _check(digits)])


_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford: no I, L, O or U to mishear


def _check(digits: list[int]) -> int:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = digit * (2 if place % 2 == 0 else 1)
        total += doubled // 32 + doubled % 32
    return -total % 32
