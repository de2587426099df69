"""Until when, and why? Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from imvume.laws.load import Retention


@dataclass(frozen=True, slots=True)
class Keep:
    """How long a record is kept, with the sentence that says so to whoever asks."""

    klass: str
    until: date  # the last day; it may go on the next
    sentence: str
    cite: str


def keep(law: Retention, *, since: date) -> Keep:
    """Count from the civil day `since` as the law's row says.

    A year later is the same day of that year; of 29 February, 1 March, because a duty
    to keep is not shortened by the calendar.

    Source: POPIA s 14(1) and (4); the row's own cite.
    """
    until = _years_later(since, law.years) if law.years is not None else since + timedelta(days=law.days or 0)
    return Keep(law.id, until, f"Kept until {day(until)}: {law.cite}.", law.cite)


def ends_in(until: date) -> date:
    """The month in which records kept until that day may go; those of one class share its epoch key."""
    return (until + timedelta(days=1)).replace(day=1)


def due(until: date, *, today: date) -> bool:
    """May it go, as far as time is concerned?"""
    return until < today


def day(on: date) -> str:
    """A day as people write it: 12 March 2031."""
    return f"{on.day} {on:%B %Y}"


def _years_later(since: date, years: int) -> date:
    try:
        return since.replace(year=since.year + years)
    except ValueError:
        return date(since.year + years, 3, 1)
