"""Do the looks still say what the evidence says?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

from imvume.evidence import ledger
from imvume.evidence.findings import Finding
from imvume.staff.actions import look_facts
from imvume.store.database import Row, Tx

LOOKS = ("archive.opened", "archive.exported")


def missing(tx: Tx, told: Sequence[tuple[str, UUID]]) -> Iterator[Finding]:
    """Of which records the log tells of more looks, by (type, about), than have a row."""
    asked = {about for type, about in told if type in LOOKS}
    if not asked:
        return
    said: dict[UUID, list[str]] = {}
    for entry in ledger.about(tx, *asked):
        # A look that was written down after the log was read to its end has its row already, and no place yet.
        if entry.type in LOOKS and entry.idx is not None:
            said.setdefault(entry.about, []).append(entry.type)
    rows = {(row["about"], row["what"]): row["looks"] for row in tx.all("staff.accesses_count", abouts=list(asked))}
    for about, types in said.items():
        if any(types.count(type) > rows.get((about, type), 0) for type in LOOKS):
            yield Finding("staff.look.removed", str(about), "A look at this record has lost its row.")


def looks(tx: Tx, rows: Sequence[Row]) -> Iterator[Finding]:
    """The findings about these rows of `access`."""
    said: dict[tuple[str, str], set[str]] = {}
    for entry in ledger.about(tx, *{row["about"] for row in rows}):
        body = ledger.decoded(entry)
        if body is not None and "commitment" in body:
            said.setdefault((body["type"], body["about"]), set()).add(body["commitment"])
    for row in rows:
        commitment = ledger.commit(row["salt"], look_facts(row)).hex()
        if commitment not in said.get((row["what"], str(row["about"])), set()):
            yield Finding("staff.look.changed", str(row["access_id"]), "A look is not as it was written down.")
