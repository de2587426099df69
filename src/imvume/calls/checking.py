"""Do the calls still say what the evidence says, and is none of them missing?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

from imvume.archive.checking import bodies, last
from imvume.calls.actions import call_facts, file_seal
from imvume.evidence.findings import Finding
from imvume.evidence.ledger import commit
from imvume.keys.vault import Vault
from imvume.store.database import Row, Tx


def calls(tx: Tx, rows: Sequence[Row]) -> Iterator[Finding]:
    """The findings about these calls and who was on them."""
    ids = [row["call_id"] for row in rows]
    said = bodies(tx, ids)
    people: dict[UUID, list[Row]] = {id: [] for id in ids}
    for person in tx.all("calls.participants", calls=ids):
        people[person["call_id"]].append(person)
    who = [person for persons in people.values() for person in persons if person["subject_id"]]
    subject_ids, lookups = [p["subject_id"] for p in who], [p["lookup"] for p in who]
    for row in tx.all("subjects.nameless", subjects=subject_ids, lookups=lookups):
        yield Finding("subjects.identifier.removed", str(row["subject_id"]), "Somebody on a call has lost their name.")
    known = {
        (row["source"], row["source_ref"]): row["call_id"]
        for row in tx.all(
            "calls.sources", sources=[row["source"] for row in rows], refs=[row["source_ref"] for row in rows]
        )
    }
    for row in rows:
        id = row["call_id"]
        taken = last(said[id], "calls.taken", "calls.amended")
        if taken is None:
            yield Finding("calls.call.unevidenced", str(id), "No entry of the log tells of this call.")
        elif commit(row["salt"], call_facts(row, people[id])).hex() != taken["commitment"]:
            yield Finding("calls.call.changed", str(id), "What is stored about this call is not what was taken in.")
        elif known.get((row["source"], row["source_ref"])) != id:
            yield Finding("calls.call.changed", str(id), "The telephone system's own name for this call was changed.")


def sources(tx: Tx, rows: Sequence[Row]) -> Iterator[Finding]:
    """The findings about these names of calls: one too many keeps a call of the telephone system from coming in."""
    for row in rows:
        if not row["own"]:
            yield Finding("calls.source.strange", str(row["call_id"]), "This call has a name that is not its own.")


def files(tx: Tx, vault: Vault, rows: Sequence[Row]) -> Iterator[Finding]:
    """The findings about these rows of taken files."""
    for row in rows:
        if file_seal(vault, tx.tenant, row["mark"], row["content"], row["call_id"], row["taken_at"]) != row["seal"]:
            yield Finding("calls.file.changed", str(row["call_id"]), "Which file a recording came from was changed.")


def missing(tx: Tx, said: Sequence[tuple[str, UUID]]) -> Iterator[Finding]:
    """Which calls the log tells of, by (type, about), have no row any more."""
    ids = [about for type, about in said if type == "calls.taken"]
    known = {row["id"] for row in tx.all("calls.existing", ids=ids)} if ids else set()
    for id in ids:
        if id not in known:
            yield Finding("calls.call.removed", str(id), "A call that was taken in has been removed.")
