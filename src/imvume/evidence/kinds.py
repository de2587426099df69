"""What may be said in the log: every type of entry, and the kind of each of its fields.

An entry can never be taken back, so it holds nothing that anyone may one day have to forget:
ids, digests, codes, counts and instants. A type or a field that is not in this table is
refused, and so is a value that is not of its kind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from imvume.basics.clock import stamp
from imvume.errors import BadInput


class FieldKind(StrEnum):
    """The five kinds of things that an entry may hold."""

    ID = "id"  # a UUID of version 4 or 7; versions 3 and 5 are hashes of a name, and those can be guessed
    DIGEST = "digest"  # 32 bytes: SHA-256 of ciphertext, HMAC under a fresh salt, a Merkle root; never a bare hash
    CODE = "code"  # a word of ours in lower case, with dots, hyphens and a few digits: "za.popia.s24"
    COUNT = "count"  # a whole number from 0 to 2^53 - 1, so that every reader of JSON reads the same one
    INSTANT = "instant"  # an aware datetime


_ID, _DIGEST, _CODE, _COUNT, _INSTANT = FieldKind

# type: (what it says, its fields). A type keeps its meaning and its fields for ever; a change is a new type.
_TABLE: Final[dict[str, tuple[str, dict[str, FieldKind]]]] = {
    # about the tenant
    "log.begun": ("The log of this tenant began.", {}),
    "log.restored": (
        "The database was brought back to an earlier state; entries that had been signed are gone.",
        {"size": _COUNT, "lost": _COUNT, "root": _DIGEST},  # of the head that was signed and is lost
    ),
    # about the time-stamp
    "log.stamped": (
        "An authority that is not us stamped a checkpoint with the time.",
        {"size": _COUNT, "note": _DIGEST, "token": _DIGEST, "authority": _DIGEST, "stamped": _INSTANT},
    ),
    # about the call
    "calls.taken": ("A call was brought in.", {"commitment": _DIGEST}),
    "calls.amended": ("The facts of a call were amended.", {"commitment": _DIGEST}),
    # about the asset; the digest and size are of the ciphertext
    "archive.sealed": (
        "A recording was sealed.",
        {"call": _ID, "digest": _DIGEST, "size": _COUNT, "commitment": _DIGEST},
    ),
    "archive.kept": ("It was decided how long a recording is kept.", {"class": _CODE, "until": _INSTANT}),
    # about the matter
    "archive.held": ("A legal hold was placed.", {"assets": _COUNT, "commitment": _DIGEST}),
    "archive.hold-lifted": ("A legal hold was lifted.", {}),
    # about the call
    "archive.destroyed": (
        "The keys of a recording were destroyed.",
        {"destruction": _ID, "assets": _COUNT, "ground": _CODE},
    ),
    # about the destruction
    "archive.destruction-ordered": ("A destruction was ordered.", {"call": _ID, "commitment": _DIGEST}),
    "archive.final": ("From now on no copy can be opened either.", {"call": _ID, "assets": _COUNT}),
    # about the call or the asset
    "archive.opened": ("A recording was opened.", {"commitment": _DIGEST}),
    "archive.exported": ("A recording was exported.", {"commitment": _DIGEST}),
    "archive.packed": ("A pack of a recording was written.", {"digest": _DIGEST, "size": _COUNT}),
    # about the epoch
    "archive.rewrapped": ("Keys were wrapped anew; no audio was touched.", {"assets": _COUNT}),
    # about the tenant
    "archive.verified": ("The whole archive was read and checked.", {"checked": _COUNT, "findings": _COUNT}),
    "keys.rotated": ("Keys were replaced.", {"kind": _CODE, "count": _COUNT}),
    "staff.invited": ("A set-up link was made.", {}),
    # about the member of staff
    "staff.joined": ("A member of staff joined.", {"role": _CODE}),
    "staff.signed-in": ("A member of staff signed in.", {}),
    "staff.changed": ("What a member of staff may do was changed.", {"role": _CODE}),
    "staff.ended": ("A member of staff left.", {}),
}

KINDS: Final[Mapping[str, Mapping[str, FieldKind]]] = {type: fields for type, (_, fields) in _TABLE.items()}
SAYS: Final[Mapping[str, str]] = {type: says for type, (says, _) in _TABLE.items()}

RESERVED: Final = frozenset({"v", "entry", "type", "at", "about", "by"})  # in every entry; no field may take the name

COUNT_MAX: Final = 2**53 - 1
_CODE_FORM = re.compile(r"[a-z][a-z0-9.-]{0,63}")
CODE_DIGITS_MAX: Final = 4  # enough for a year or a section, too few for a telephone, account or ID number
_UUID_FORM = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_DIGEST_FORM = re.compile(r"[0-9a-f]{64}")
_INSTANT_FORM = re.compile(r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z")


def written(type: str, fields: Mapping[str, object]) -> dict[str, str | int]:
    """The fields of an entry as they stand in its body: ids and digests as text, instants as `stamp` writes them.

    Raises BadInput `evidence.record.*` for a type that is not in the table, a field too many or
    too few, or a value that is not of the kind of its field. The value is never repeated.
    """
    expected = KINDS.get(type)
    if expected is None:
        raise _refused("unknown-type", "There is no such type of entry.", "Only what is in the table can be said.")
    if fields.keys() != expected.keys():
        raise _refused("other-fields", "This entry has other fields than its type.", "Each type has its own.")
    return {name: _write(kind, fields[name]) for name, kind in expected.items()}


def id_text(value: object) -> str:
    """An id as an entry holds it. Raises BadInput `evidence.record.wrong-kind`."""
    return str(_write(FieldKind.ID, value))


def faults(body: Mapping[str, object]) -> str:
    """What is wrong with the body of an entry that was read back, in words; empty if nothing is.

    body: the decoded JSON, from anywhere. This is what keeps a text that was smuggled past
    `record`, straight into the table, from standing unnoticed.
    """
    type = body.get("type")
    expected = KINDS.get(type) if isinstance(type, str) else None
    if expected is None:
        return "its type is not in the table"
    if body.get("v") != 1 or body.keys() != RESERVED | expected.keys():
        return "it has other fields than its type"
    if not (_reads(FieldKind.ID, body["entry"]) and _reads(FieldKind.ID, body["about"])):
        return "an id in it is none"
    if not (body["by"] is None or _reads(FieldKind.ID, body["by"])) or not _reads(FieldKind.INSTANT, body["at"]):
        return "who or when is not an id or an instant"
    for name, kind in expected.items():
        if not _reads(kind, body[name]):
            return "a field in it is not of its kind"
    return ""


def form(type: str) -> re.Pattern[bytes]:
    """What the body of an entry of this type looks like, byte for byte; groups `entry` and `about`.

    A body that fits has no fault and is written as entries are; one that does not may still be
    good (a count of sixteen digits). It is for whoever reads millions: one look instead of ten.
    """
    kinds = {"entry": FieldKind.ID, "about": FieldKind.ID, "at": FieldKind.INSTANT, **KINDS[type]}
    parts = {
        name: f'"{_BODY_FORMS[kind]}"' if kind is not _COUNT else _BODY_FORMS[kind] for name, kind in kinds.items()
    }
    for name in ("entry", "about"):
        parts[name] = f'"(?P<{name}>{_BODY_FORMS[FieldKind.ID]})"'
    parts |= {"v": "1", "type": f'"{re.escape(type)}"', "by": f'(?:null|"{_BODY_FORMS[FieldKind.ID]}")'}
    inside = ",".join(f'"{name}":{parts[name]}' for name in sorted(parts))
    return re.compile(rf"\{{{inside}\}}".encode())


def _write(kind: FieldKind, value: object) -> str | int:
    text = _WRITERS[kind](value)
    if text is None:
        raise _refused(
            "wrong-kind", "A field of this entry is not of its kind.", "The log holds no text and no numbers."
        )
    return text


def _id(value: object) -> str | None:
    text = str(value) if isinstance(value, UUID) else ""
    return text if _UUID_FORM.fullmatch(text) else None


def _digest(value: object) -> str | None:
    digest = bytes(value) if isinstance(value, bytes | bytearray | memoryview) else b""
    return digest.hex() if len(digest) == 32 else None


def _code(value: object) -> str | None:
    text = str.__str__(value) if isinstance(value, str) else ""  # of an enumeration its value, not its name
    return text if _reads(FieldKind.CODE, text) else None


def _count(value: object) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool):  # Python counts True among the whole numbers; we do not
        return None
    return int(value) if 0 <= value <= COUNT_MAX else None


def _instant(value: object) -> str | None:
    return stamp(value) if isinstance(value, datetime) and value.tzinfo is not None else None


_WRITERS: Final[dict[FieldKind, Callable[[object], str | int | None]]] = {
    FieldKind.ID: _id,
    FieldKind.DIGEST: _digest,
    FieldKind.CODE: _code,
    FieldKind.COUNT: _count,
    FieldKind.INSTANT: _instant,
}

_BODY_FORMS: Final[dict[FieldKind, str]] = {
    FieldKind.ID: _UUID_FORM.pattern,
    FieldKind.DIGEST: _DIGEST_FORM.pattern,
    FieldKind.CODE: rf"(?=(?:[a-z.-]*[0-9]){{0,{CODE_DIGITS_MAX}}}[a-z.-]*\"){_CODE_FORM.pattern}",
    FieldKind.COUNT: r"(?:0|[1-9][0-9]{0,14})",
    FieldKind.INSTANT: _INSTANT_FORM.pattern,
}

_FORMS: Final[dict[FieldKind, Callable[[str], object]]] = {
    FieldKind.ID: _UUID_FORM.fullmatch,
    FieldKind.DIGEST: _DIGEST_FORM.fullmatch,
    FieldKind.CODE: _CODE_FORM.fullmatch,
    FieldKind.INSTANT: _INSTANT_FORM.fullmatch,
}


def _reads(kind: FieldKind, value: object) -> bool:
    if kind is FieldKind.COUNT:
        return type(value) is int and 0 <= value <= COUNT_MAX
    if type(value) is not str or not _FORMS[kind](value):
        return False
    return kind is not FieldKind.CODE or sum(map(str.isdigit, value)) <= CODE_DIGITS_MAX


def _refused(reason: str, what: str, why: str) -> BadInput:
    return BadInput(
        f"evidence.record.{reason}", what, why=why, remedy="Mend the caller, or add the type to evidence/kinds.py."
    )
