"""Checking a pack: no database, no network, no key of the house. What it proves, and what it does not, in words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imvume.archive import bag
from imvume.archive.bag import Member
from imvume.archive.sound import restored
from imvume.calls.facts import NAMES
from imvume.errors import Broken, ImvumeError
from imvume.evidence import proof
from imvume.evidence.ledger import commit
from imvume.evidence.note import Vkey

_BLOCK = 1024 * 1024
_OPENED = ("calls.taken", "calls.amended", "archive.sealed")  # the entries whose facts a pack opens


@dataclass(slots=True)
class Report:
    """What was found. proven: sentences; broken: (code, sentence), empty when everything checks out."""

    key: str = ""  # the vkey that signs the log
    proven: list[str] = field(default_factory=list)
    not_proven: list[str] = field(default_factory=list)
    broken: list[tuple[str, str]] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """PROVEN or BROKEN."""
        return "BROKEN" if self.broken else "PROVEN"


def check(path: Path, *, vkey: str | None = None) -> Report:
    """Read the pack at `path` whole and say what it proves.

    vkey: the key of the log that the reader trusts; without it the pack's own is used, and the
    report says that it should be compared.
    """
    report = Report()
    try:
        with bag.read(path) as members:
            report.proven.append("Every byte of the pack is as it was written.")
            try:
                _contents(members, report, vkey)
            except (KeyError, TypeError, AttributeError, ValueError) as error:
                raise _broken("something is not of the shape that a pack has") from error
    except ImvumeError as error:
        report.broken.append((error.code, f"{error.what} {error.why}"))
    return report


def _contents(members: Mapping[str, Member], report: Report, vkey: str | None) -> None:
    text = dict(members)
    report.key = bag.text(text, "data/evidence/log.vkey").strip()
    if vkey is not None and vkey.strip() != report.key:
        raise _broken("it is signed by another log than the one you trust")
    trusted = [Vkey.read(report.key)]
    card = _json(text, "data/call.json")
    openings: dict[str, Mapping[str, Any]] = {}
    contents: dict[str, str] = {}
    proofs = sorted(name for name in members if name.endswith(".tlog-proof"))
    newest = 0
    for name in proofs:
        proved = proof.check(bag.text(text, name), trusted)
        newest = max(newest, proved.checkpoint.size)
        entry = json.loads(proved.body)
        beside = name.replace(".tlog-proof", ".opening.json")
        if beside in members:
            opening = _json(text, beside)
            if commit(bytes.fromhex(opening["salt"]), opening["facts"]).hex() != entry.get("commitment"):
                raise _broken(f"the facts in {beside} are not those that the entry commits to")
            if entry["type"] not in _OPENED:
                raise _broken(f"{beside} opens an entry that tells of no call and no recording")
            openings[entry["about"]] = opening["facts"]
            if "origin" in opening:
                origin = opening["origin"]
                if commit(bytes.fromhex(origin["salt"]), origin["facts"]).hex() != opening["facts"].get("origin_mark"):
                    raise _broken(f"the origin in {beside} is not that which the entry commits to")
                contents[entry["about"]] = origin["facts"]["content"]
    report.proven.append(f"{len(proofs)} entries about this call are in a log of {newest} whose head is signed.")
    if openings.get(card["call"]["call_id"]) != card["call"]:
        raise _broken("call.json does not say what the log commits to")
    report.proven.append(
        "When the call was, its direction, its queue and who was on it by keyed hash are as they were taken in."
    )
    for recording in card["recordings"]:
        facts = openings.get(recording["asset"])
        # Two good packs, cut apart and put together, must not make a third: each part of it alone is in the log.
        if facts is not None and facts.get("call_id") != card["call"]["call_id"]:
            raise _broken(f"{recording['file']} is the recording of another call")
        if facts is not None and not recording["file"].startswith(f"data/audio/{NAMES[facts['role']]}"):
            raise _broken(f"{recording['file']} holds another voice than its name says")
        _recording(members, recording, openings.get(recording["asset"]), contents.get(recording["asset"]))
    report.proven.append(f"The sound of {len(card['recordings'])} recordings is what was sealed, to the last bit.")
    if vkey is None:
        report.not_proven.append(
            "The key of the log came with the pack: compare it with the one that the responsible party publishes."
        )
    report.not_proven.append("Whether the pack holds every recording of the call, and every entry about it.")
    report.not_proven.append(
        "The telephone numbers in clear are as they were decrypted, and a number is a claim, not a person."
    )


def _recording(
    members: Mapping[str, Member], recording: Mapping[str, Any], facts: Mapping[str, Any] | None, content: str | None
) -> None:
    member = members.get(recording["file"])
    if facts is None or member is None:
        raise _broken("a recording is not among the evidence")
    form = restored(facts["codec"], facts["rate"], facts["channels"], recording["length"])
    hashed, left = hashlib.sha256(), recording["length"]
    with member.open() as file:
        if file.read(len(form.before)) != form.before:
            raise _broken(f"the header of {recording['file']} is not that of what was sealed")
        while left and (block := file.read(min(_BLOCK, left))):
            hashed.update(block)
            left -= len(block)
        if left or file.read(len(form.after) + 1) != form.after:
            raise _broken(f"{recording['file']} is longer or shorter than what was sealed")
    if hashed.hexdigest() != content:
        raise _broken(f"the sound in {recording['file']} is not what was sealed")


def _json(members: dict[str, Member], name: str) -> dict[str, Any]:
    try:
        value = json.loads(bag.text(members, name))
    except ValueError as error:
        raise _broken(f"{name} cannot be read") from error
    if not isinstance(value, dict):
        raise _broken(f"{name} cannot be read")
    return value


def _broken(why: str) -> Broken:
    return Broken(
        "calls.pack.unproven",
        "The pack does not prove what it says.",
        why=f"In it, {why}.",
        remedy="Ask for it again from who made it; do not rely on this copy.",
    )
