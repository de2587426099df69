"""The one reader of the clock. Everything below a door takes `at` as a parameter."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from imvume.errors import BadInput


def now() -> datetime:
    """This instant, aware, in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - this is the one place


def stamp(at: datetime) -> str:
    """The one way an instant is written in evidence and in JSON: UTC, microseconds, Z."""
    if at.tzinfo is None:
        raise BadInput(
            "basics.instant.naive", "An instant came without its zone.", remedy="Give the zone, or Z for UTC."
        )
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def instant(text: str) -> datetime:
    """The instant that `stamp` wrote, or any ISO 8601 text with a zone."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(
            "basics.instant.unreadable", "That is not an instant.", remedy="Write it as 2026-11-23T09:00:00+02:00."
        ) from None
    if at.tzinfo is None:
        raise BadInput(
            "basics.instant.naive", "An instant came without its zone.", remedy="Give the zone, or Z for UTC."
        )
    return at.astimezone(UTC)


def civil(at: datetime, zone: str) -> date:
    """The day that `at` falls on in `zone`: law counts in days of a place, never in UTC."""
    return at.astimezone(ZoneInfo(zone)).date()


def _naive() -> BadInput:
    return BadInput("basics.instant.naive", "An instant came without its zone.", remedy="Give the zone, or Z for UTC.")
