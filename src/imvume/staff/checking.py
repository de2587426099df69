"""Do the looks still say what the evidence says?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from imvume.evidence import ledger
from imvume.evidence.findings import Finding
from imvume.staff.actions import look_facts
from imvume.store.database import Row, Tx


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
