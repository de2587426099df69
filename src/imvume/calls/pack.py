"""The pack: one call as a file that anyone can check, on a machine with no database and no network.

data/READ-ME.txt                what this is and how to check it
data/call.json                  the call in clear, and what each recording is
data/audio/caller.wav, …        the sound, playable anywhere
data/evidence/log.vkey          the key that signs the log
data/evidence/NNNN.entry        an entry of the log, byte for byte
data/evidence/NNNN.tlog-proof   that it is in the log (C2SP tlog-proof)
data/evidence/NNNN.opening.json the salt and the facts that the entry commits to
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from imvume.archive import wraps
from imvume.archive.bag import BagWriter, Out
from imvume.archive.facts import Origin, asset_facts, open_origin
from imvume.archive.house import House
from imvume.archive.opening import reader
from imvume.archive.sound import content_size, restored, unpack
from imvume.basics.clock import stamp
from imvume.basics.ids import CallId, TenantId
from imvume.calls.actions import call_facts
from imvume.calls.facts import NAMES
from imvume.errors import BadInput, Unavailable
from imvume.evidence import ledger, note, proof
from imvume.keys import age
from imvume.keys.vault import Destroyed
from imvume.store.database import Row, Tx
from imvume.subjects import actions as subjects

READ_ME = """This is one recorded call, with the proof of what was recorded.

call.json    who called whom and when, as the telephone system reported it
audio/       the recording; each voice in its own file where it was recorded so
evidence/    entries of an append-only log, each with the proof that it is in that log

To check it, on any machine, without a network:

    imvume verify PACK.zip

It checks every byte of this file, that the sound is the sound that was sealed, that each
entry is in the log, and that the log's head is signed by the key in evidence/log.vkey.
Compare that key with the one that the responsible party publishes.

It does not prove that the people on the call were who the telephone numbers say.
"""


@dataclass(frozen=True, slots=True)
class Packed:
    """What was written: bytes, SHA-256 of the file (of the encrypted one, if it is), recordings in it."""

    size: int
    digest: bytes
    recordings: int


def pack(
    house: House, tenant: TenantId, call: CallId, to: Path, *, recipients: Sequence[str] = (), at: datetime
) -> Packed:
    """Write the pack of `call` to the new file `to`; with `recipients` (age1…) it is encrypted to them, and only so.

    Every entry about the call must have its place in the log: sequence before. Raises
    Destroyed when nothing of the call can be opened, BadInput for a recipient that is none,
    Unavailable when the file cannot be written. A half-written file is removed.
    """
    keys = [age.recipient(text) for text in recipients]
    beside = to.with_name(f".{to.name}.part")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            out = _Hashed(file)
            if keys:
                recordings = age.encrypt(lambda pipe: write(house, tenant, call, pipe, at=at), out, keys)
            else:
                recordings = write(house, tenant, call, out, at=at)
            file.flush()
            os.fsync(file.fileno())
        os.link(beside, to)
    except FileExistsError:
        raise BadInput(
            "calls.pack.exists",
            "There is a file of that name already.",
            why="An export never replaces anything.",
            remedy="Choose another name, or remove it.",
        ) from None
    except OSError as error:
        raise Unavailable(
            "calls.pack.unwritable",
            "The pack cannot be written.",
            why=os.strerror(error.errno or 0) + ".",
            remedy="Free space or choose another place; nothing was left behind.",
        ) from error
    finally:
        beside.unlink(missing_ok=True)
    return Packed(out.size, out.digest(), recordings)


def write(house: House, tenant: TenantId, call: CallId, out: Out, *, at: datetime) -> int:
    """Stream the pack into `out`; answers how many recordings are in it. Memory is flat."""
    with house.database.transaction(tenant) as tx:
        row = tx.only("calls.get", call=call)
        participants = tx.all("calls.participants", calls=[call])
        assets = [a for a in tx.all("archive.assets_of", call=call) if a["kind"] in ("leg", "mix")]
        keys = wraps.open_assets(tx, house.vault, assets)
        assets = [asset for asset in assets if asset["asset_id"] in keys]
        if not assets:
            raise Destroyed
        origins = {a["asset_id"]: open_origin(keys[a["asset_id"]], tenant, a["asset_id"], a["origin"]) for a in assets}
        people = _people(tx, house, participants)
        evidence = list(_evidence(tx, house, row, participants, assets, origins))
        vkey = note.vkey(house.vault, tenant)
    bag = BagWriter(out)
    recordings = []
    bag.add("READ-ME.txt", READ_ME.encode())
    for no, asset in enumerate(assets):
        key = keys[asset["asset_id"]]
        length = _content_length(house, tenant, asset, key)
        form = restored(asset["codec"], asset["rate"], asset["channels"], length)
        name = f"audio/{_name(assets, asset, no)}{form.extension}"
        bag.add(name, _sound(house, tenant, asset, key, form.before, form.after))
        recordings.append(
            {
                "file": f"data/{name}",
                "asset": str(asset["asset_id"]),
                "skip": len(form.before),
                "length": length,
                "seconds": round(asset["frames"] / asset["rate"], 3),
            }
        )
    facts = call_facts(row, participants)
    card = {"call": facts, "people": people, "recordings": recordings, "packed_at": stamp(at)}
    bag.add("call.json", _pretty(card))
    bag.add("evidence/log.vkey", f"{vkey}\n".encode())
    for no, (text, opening) in enumerate(evidence, 1):
        bag.add(f"evidence/{no:04}.tlog-proof", text.encode())
        if opening is not None:
            bag.add(f"evidence/{no:04}.opening.json", _pretty(opening))
    bag.finish(
        {"Bagging-Date": at.date().isoformat(), "External-Identifier": row["ref"], "Bag-Software-Agent": "imvume"}
    )
    return len(assets)


def _evidence(
    tx: Tx, house: House, row: Row, participants: Sequence[Row], assets: Sequence[Row], origins: dict[Any, Origin]
) -> Iterator[tuple[str, dict[str, Any] | None]]:
    openings: dict[Any, dict[str, Any]] = {
        row["call_id"]: {"salt": row["salt"].hex(), "facts": call_facts(row, participants)}
    }
    for asset in assets:
        origin = origins[asset["asset_id"]]
        openings[asset["asset_id"]] = {
            "salt": asset["salt"].hex(),
            "facts": asset_facts(asset),
            "origin": {"salt": origin.salt, "facts": origin.facts},
        }
    for said in ledger.about(tx, row["call_id"], *(asset["asset_id"] for asset in assets)):
        if said.idx is None:
            continue  # it has no place in the log yet, so there is no proof of it to give
        opening = openings.get(said.about) if said.type in ("calls.taken", "calls.amended", "archive.sealed") else None
        yield proof.make(tx, said.entry_id), opening


def _people(tx: Tx, house: House, participants: Sequence[Row]) -> list[dict[str, str]]:
    named = subjects.names(tx, house.vault, {p["subject_id"] for p in participants if p["subject_id"]})
    return [
        {
            "role": p["role"],
            "kind": p["kind"],
            "value": next((i.value for i in named.get(p["subject_id"], []) if i.kind == p["kind"]), ""),
        }
        for p in participants
    ]


def _content_length(house: House, tenant: TenantId, asset: Row, key: bytes) -> int:
    size = content_size(asset["codec"], asset["frames"])
    if size is None:
        with reader(house.storage, tenant, asset, key) as plain:
            size = plain.seek(0, os.SEEK_END)
    return size


def _sound(house: House, tenant: TenantId, asset: Row, key: bytes, header: bytes, trailer: bytes) -> Iterator[bytes]:
    yield header
    with reader(house.storage, tenant, asset, key) as plain:
        yield from unpack(plain, asset["codec"], frames=asset["frames"])
    yield trailer


def _name(assets: Sequence[Row], asset: Row, no: int) -> str:
    name = NAMES[asset["role"]]
    alone = sum(1 for other in assets if other["role"] == asset["role"]) == 1
    return name if alone else f"{name}-{no}"


def _pretty(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


class _Hashed:
    """A file that hashes what goes through it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._hash, self.size = file, hashlib.sha256(), 0

    def write(self, data: bytes, /) -> int:
        self._hash.update(data)
        self.size += len(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()

    def digest(self) -> bytes:
        return self._hash.digest()
