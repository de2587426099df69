"""The certificate of a destruction: what went, on which ground, when, since when for good, and the proof."""

from __future__ import annotations

from typing import Any

from imvume.archive.destroying import destruction_facts
from imvume.basics.clock import stamp
from imvume.evidence import ledger, note, proof
from imvume.keys.vault import Vault
from imvume.store.database import Row, Tx

_TEXT = """CERTIFICATE OF DESTRUCTION

Recording of the call   {call}
Records destroyed       {assets}
Ground                  {ground}
Reason                  {reason}
Ordered                 {asked_at}
Destroyed               {destroyed_at}
Final                   {final_at}

Destroyed: every copy of the keys in the live database was emptied and the sealed objects
were removed. Final: the keys that could open an older copy of the database and the objects
were replaced and overwritten, so that no backup, of whatever age, opens the recording.

What follows proves that the destruction is in the log. Check it with the key of the log:
{vkey}

{proofs}"""


def certify(tx: Tx, vault: Vault, row: Row) -> dict[str, Any]:
    """The certificate of the destruction `row`, with a proof of each of its entries. Sequence the log before."""
    own = str(row["destruction_id"])  # a call whose recordings came in at two times may have been destroyed twice
    entries = [
        said
        for said in ledger.about(tx, row["call_id"], row["destruction_id"])
        if said.idx is not None
        and (
            said.type == "archive.final"
            or (said.type == "archive.destroyed" and (ledger.decoded(said) or {}).get("destruction") == own)
        )
    ]
    assets = tx.all("archive.assets_of", call=row["call_id"])
    facts = destruction_facts(row)
    return {
        "call": str(row["call_id"]),
        "destruction": str(row["destruction_id"]),
        "ground": row["ground"],
        "reason": row["reason"],
        "asked_at": stamp(row["asked_at"]),
        "destroyed_at": stamp(row["destroyed_at"]),
        "final_at": stamp(row["final_at"]) if row["final_at"] else None,
        "assets": sum(1 for asset in assets if asset["destroyed_at"] == row["destroyed_at"]),
        "opening": {"salt": row["salt"].hex(), "facts": facts},
        "vkey": str(note.vkey(vault, tx.tenant)),
        "proofs": [proof.make(tx, said.entry_id) for said in entries],
    }


def as_text(made: dict[str, Any]) -> str:
    """The same for people."""
    not_yet = "not yet: the daily batch has still to run"
    return _TEXT.format(**{**made, "final_at": made["final_at"] or not_yet, "proofs": "\n".join(made["proofs"])})
