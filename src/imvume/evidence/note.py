"""Signed notes and checkpoints: the few lines of text that stand for a whole log.

    imvume.local/log/0197…                       origin
    20852163                                     size: how many entries
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=  root of the tree over them

    — imvume.local/log/0197… Az3grlgtzPICa5OS8…  Ed25519, of the text above
    — imvume.local/log/0197… xY81PwAAAABkGFDLE…  Ed25519, of the same with the time of signing

The second signature is a cosignature of our own: it binds the second at which we signed, in
the form that witnesses use, and needs no extension line.

Source: C2SP signed-note v1.0.0, tlog-checkpoint v1.0.0, tlog-cosignature v1.0.1.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from imvume.basics.ids import TenantId
from imvume.errors import BadInput, Broken

NOTE_BYTES_MAX: Final = 65_536
SIGNATURES_MAX: Final = 32  # the specification asks for at least 16
SIZE_MAX: Final = 2**63 - 1

_ED25519, _COSIGNATURE = 1, 4  # signature types
_NAME = re.compile(r"[^\s+\x00-\x1f\x7f]{1,256}")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


class Signer(Protocol):
    """Who signs the logs of a house."""

    def origin(self, tenant: TenantId) -> str:
        """The name of the tenant's log. It holds an id, never a name."""

    def signing(self, tenant: TenantId) -> Ed25519PrivateKey:
        """The key that signs it."""


@dataclass(frozen=True, slots=True)
class Vkey:
    """The public half of a log's key, with the name of the log."""

    name: str
    key: bytes

    @property
    def id(self) -> bytes:
        """The four bytes by which a signature says which key made it."""
        return _key_id(self.name, _ED25519, self.key)

    def __str__(self) -> str:
        """One line, to be handed to whoever is to check our proofs."""
        return f"{self.name}+{self.id.hex()}+{_base64(bytes([_ED25519]) + self.key)}"

    @classmethod
    def read(cls, text: str) -> Vkey:
        """The key that `str` wrote. Raises BadInput."""
        name, _, rest = text.strip().partition("+")
        id_hex, _, blob = rest.partition("+")
        key = _unbase64(blob)
        if not _NAME.fullmatch(name) or key is None or len(key) != 33 or key[0] != _ED25519:
            raise _no_vkey()
        vkey = cls(name, key[1:])
        if vkey.id.hex() != id_hex:
            raise _no_vkey()
        return vkey


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log: its name, how many entries it has, and the root over them."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{_base64(self.root)}\n"


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line of a note."""

    name: str
    id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint whose signature was verified. at: the second at which the log says it signed, if it says so."""

    checkpoint: Checkpoint
    at: datetime | None
    exact: bool  # nothing but our own two signatures, in our own spelling: how it stands in the database


def vkey(signer: Signer, tenant: TenantId) -> Vkey:
    """The public key of a tenant's log."""
    return Vkey(signer.origin(tenant), signer.signing(tenant).public_key().public_bytes_raw())


def sign(checkpoint: Checkpoint, key: Ed25519PrivateKey, *, at: datetime) -> str:
    """The checkpoint as a signed note, signed alone and once more with the time `at`, cut to the second."""
    public = key.public_key().public_bytes_raw()
    text, seconds = checkpoint.text, max(0, int(at.timestamp()))
    plain = _key_id(checkpoint.origin, _ED25519, public) + key.sign(text.encode())
    # The key is the same for both. The first line of what is signed keeps them apart: no log is named so.
    timed = _key_id(checkpoint.origin, _COSIGNATURE, public) + seconds.to_bytes(8)
    timed += key.sign(_cosigned(text, seconds))
    return f"{text}\n" + "".join(f"\u2014 {checkpoint.origin} {_base64(blob)}\n" for blob in (plain, timed))


def read(note: str) -> tuple[Checkpoint, tuple[Signature, ...]]:
    """The parts of a checkpoint, nothing verified yet. Raises BadInput for what is no checkpoint."""
    try:
        size_bytes = len(note.encode())
    except UnicodeEncodeError:
        raise _unreadable() from None
    if size_bytes > NOTE_BYTES_MAX or any(c < " " and c != "\n" for c in note):
        raise _unreadable()
    text, gap, signed = note.rpartition("\n\n")
    lines = text.split("\n")
    # Extension lines are not for us: what no log reader checks, we neither write nor take.
    if not gap or len(lines) != 3 or not signed.endswith("\n") or not lines[0] or not _SIZE.fullmatch(lines[1]):
        raise _unreadable()
    size, root = int(lines[1]), _unbase64(lines[2])
    signatures = [_signature(line) for line in signed[:-1].split("\n")]
    if root is None or len(root) != 32 or size > SIZE_MAX or len(signatures) > SIGNATURES_MAX:
        raise _unreadable()
    return Checkpoint(lines[0], size, root), tuple(signatures)


def verified(note: str, vkeys: Collection[Vkey]) -> Signed:
    """The checkpoint in a note that one of `vkeys` signed.

    Signatures by other keys (witnesses, an earlier key) are not looked at. One that claims to
    be by a known key and is not makes the whole note worthless.
    Raises BadInput `evidence.note.unreadable`, Broken `evidence.note.forged` or `.unsigned`.
    """
    checkpoint, signatures = read(note)
    known: dict[bytes, tuple[int, bytes]] = {}
    for vkey in vkeys:
        if vkey.name == checkpoint.origin:
            known[vkey.id] = (_ED25519, vkey.key)
            known[_key_id(vkey.name, _COSIGNATURE, vkey.key)] = (_COSIGNATURE, vkey.key)
    plain = timed = 0
    at: datetime | None = None
    for line in signatures:
        kind, key = known.get(line.id, (0, b"")) if line.name == checkpoint.origin else (0, b"")
        if kind == _ED25519:
            _check(key, line.signature, checkpoint.text.encode())
            plain += 1
        elif kind == _COSIGNATURE:
            seconds = int.from_bytes(line.signature[:8])
            _check(key, line.signature[8:], _cosigned(checkpoint.text, seconds))
            timed += 1
            at = _instant(seconds)
    if not plain:
        raise Broken(
            "evidence.note.unsigned",
            "This checkpoint is not signed by a key that is known here.",
            why="It belongs to another log, or the key is missing.",
            remedy="Give the key of the log that the checkpoint names.",
        )
    exact = plain == timed == 1 and len(signatures) == 2 and _spelled(checkpoint, signatures) == note
    return Signed(checkpoint, at, exact)


def _spelled(checkpoint: Checkpoint, signatures: Collection[Signature]) -> str:
    lines = (f"\u2014 {line.name} {_base64(line.id + line.signature)}\n" for line in signatures)
    return f"{checkpoint.text}\n" + "".join(lines)


def _signature(line: str) -> Signature:
    dash, _, rest = line.partition(" ")
    name, _, blob = rest.partition(" ")
    signature = _unbase64(blob)
    if dash != "\u2014" or not _NAME.fullmatch(name) or signature is None or len(signature) < 5:
        raise _unreadable()
    return Signature(name, signature[:4], signature[4:])


def _check(key: bytes, signature: bytes, text: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, text)
    except (InvalidSignature, ValueError) as error:
        raise Broken(
            "evidence.note.forged",
            "The signature of this checkpoint is not good.",
            why="The checkpoint was changed after it was signed, or was never signed by this log.",
            remedy="Do not trust it; compare it with a copy from elsewhere.",
        ) from error


def _cosigned(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def _instant(seconds: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None  # signed, but no instant that anyone will live to see


def _key_id(name: str, kind: int, key: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + key).digest()[:4]


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _unbase64(text: str) -> bytes | None:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if _base64(data) == text else None  # one spelling alone, or a flipped bit could hide in the padding


def _unreadable() -> BadInput:
    return BadInput(
        "evidence.note.unreadable",
        "This is not a checkpoint.",
        why="A checkpoint is a signed note of three lines: origin, size and root.",
        remedy="Give the file as it was written, without changing its line ends.",
    )


def _no_vkey() -> BadInput:
    return BadInput(
        "evidence.vkey.unreadable",
        "This is not the key of a log.",
        why="It is one line of three parts with plus signs between them: name, id and key.",
        remedy="Give the line that `imvume` printed for the log.",
    )
