"""The law tables, read once and checked as they are read."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import msgspec

from imvume.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """One dated row: how long a class of record is kept, and who says so. Exactly one of years and days is set."""

    id: str
    starts: date  # the day from which this row is the law ("from" in the file)
    cite: str
    says: str
    counted: str
    confidence: str
    checked: str
    years: int | None = None
    days: int | None = None


def retention(id: str, on: date) -> Retention:
    """The row of the retention class `id` that was in force on the civil day `on`.

    Raises BadInput for an unknown class, and for a day before its first row: no law is
    not the same as zero days.
    """
    rows = [row for row in retentions() if row.id == id]
    if not rows:
        raise BadInput(
            "laws.retention.unknown",
            "There is no such retention class.",
            remedy=f"Choose one of {', '.join(sorted({row.id for row in retentions()}))}.",
        )
    in_force = [row for row in rows if row.starts <= on]
    if not in_force:
        raise BadInput(
            "laws.retention.too-early",
            "That day is before this retention class became law.",
            remedy="Choose the class that applied then.",
        )
    return max(in_force, key=lambda row: row.starts)


@cache
def retentions() -> Sequence[Retention]:
    """Every row of every place, in the order of the files."""
    return tuple(_row(row) for place in sorted(_places(), key=lambda p: p.name) for row in _table(place))


def _places() -> list[Traversable]:
    return [folder for folder in files("imvume.laws").iterdir() if folder.joinpath("retention.toml").is_file()]


def _table(place: Traversable) -> list[dict[str, Any]]:
    return list(tomllib.loads(place.joinpath("retention.toml").read_text("utf-8"))["retention"])


def _row(row: dict[str, Any]) -> Retention:
    given = msgspec.convert({**{k: v for k, v in row.items() if k != "from"}, "starts": row["from"]}, Retention)
    if (given.years is None) == (given.days is None) or not given.cite or not given.checked:
        raise ValueError(f"the law row {given.id!r} needs a cite, a check, and either years or days")
    return given
