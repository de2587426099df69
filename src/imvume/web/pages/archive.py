"""What is kept, by which rule and until when; what is held; what was destroyed; whether the keys are well."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from starlette.responses import Response

from imvume.archive import retention
from imvume.basics.clock import civil
from imvume.errors import Broken, Unavailable
from imvume.keys import shelf
from imvume.laws.load import retention as law_of
from imvume.store.database import Row, Tx
from imvume.web import render
from imvume.web.asked import Asked
from imvume.web.words import BROKEN, NOT_PROVEN, Verdict

ROWS_MAX = 50
GROUNDS = {"retention": "Its time had come", "erasure": "Erasure was asked for", "order": "Ordered"}


@dataclass(frozen=True, slots=True)
class Kept:
    """All that one rule keeps. `due`: its last day is past for some of it."""

    klass: str
    cite: str
    says: str
    calls: int
    bytes: int
    first_until: date
    last_until: date
    due: bool


def overview(asked: Asked) -> Response:
    """The archive in one page."""
    today = civil(asked.at, asked.who.zone)
    with asked.transaction() as tx:
        counts = tx.only("archive.asset_count")
        kept = [_kept(row, today) for row in tx.all("archive.kept_by_class")]
        holds = tx.all("archive.matters", limit=ROWS_MAX)
        destructions = tx.all("archive.destructions", limit=ROWS_MAX)
        refs = _refs(tx, destructions)
        names = _names(tx, holds, destructions)
        keys = tx.only("web.keys_standing")
    return render.page(
        asked,
        "archive.html",
        counts=counts,
        kept=kept,
        holds=holds,
        in_force=sum(1 for hold in holds if hold["released_at"] is None),
        destructions=destructions,
        refs=refs,
        names=names,
        keys=keys,
        shelf=_shelf(asked),
        grounds=GROUNDS,
        rows_max=ROWS_MAX,
    )


def _kept(row: Row, today: date) -> Kept:
    law = law_of(row["class"], today)
    return Kept(
        klass=row["class"],
        cite=law.cite,
        says=law.says,
        calls=row["calls"],
        bytes=int(row["bytes"]),
        first_until=row["first_until"],
        last_until=row["last_until"],
        due=retention.due(row["first_until"], today=today),
    )


def _refs(tx: Tx, destructions: list[Row]) -> dict[UUID, str]:
    calls = [row["call_id"] for row in destructions]
    return {row["call_id"]: row["ref"] for row in tx.all("web.call_refs", calls=calls)} if calls else {}


def _names(tx: Tx, holds: list[Row], destructions: list[Row]) -> dict[Any, str]:
    staff = {row["placed_by"] for row in holds} | {row["asked_by"] for row in destructions}
    return {row["staff_id"]: row["name"] for row in tx.all("staff.staff_names", staff=list(staff - {None}))}


def _shelf(asked: Asked) -> Verdict:
    """Whether the tenant's keys are there and belong to the root key. That each opens, `imvume verify` says."""
    try:
        asked.house.vault.shelf(asked.who.tenant).key(shelf.LOOKUP, 1)
    except Broken as error:
        return Verdict(BROKEN.kind, BROKEN.word, BROKEN.icon, f"{error.what} {error.why} {error.remedy}")
    except Unavailable as error:
        return Verdict(NOT_PROVEN.kind, NOT_PROVEN.word, NOT_PROVEN.icon, f"{error.what} {error.why} {error.remedy}")
    return Verdict("allow", "There", "key-round", "The shelf of keys is there, and the root key opens it.")
