"""Time from somebody else: an authority signs that a checkpoint existed at an instant.

What it is sent is the SHA-256 of a checkpoint, in which nobody is named. Its answer is kept
whole, so that `openssl ts -verify` can check it as well as we can.

Source: RFC 3161; RFC 5816.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import rfc3161_client as tsp
from cryptography import x509
from rfc3161_client.errors import VerificationError

from imvume.basics.ids import TenantId, uuid7
from imvume.errors import BadInput, Broken, ImvumeError
from imvume.evidence import ledger
from imvume.evidence.der import certificates_sorted
from imvume.evidence.post import SECONDS_MAX, post
from imvume.store.database import Database, Taken, Tx

AUTHORITY_LENGTH_MAX: Final = 300
_SHA256 = x509.ObjectIdentifier("2.16.840.1.101.3.4.2.1")


@dataclass(frozen=True, slots=True)
class Stamped:
    """What an authority said of a checkpoint. answer: its whole reply, in DER."""

    answer: bytes
    at: datetime


def due(tx: Tx) -> bool:
    """Whether the log has anything to stamp: more than the word that it was stamped the last time."""
    return bool(tx.only("evidence.stamp_due")["due"])


def stamp(
    database: Database,
    tenant: TenantId,
    authority: str,
    *,
    at: datetime,
    roots: Collection[x509.Certificate] = (),
    seconds_max: float = SECONDS_MAX,
) -> UUID | None:
    """Have the newest checkpoint stamped by `authority` and keep the answer; the id of the stamp.

    authority: the address of an RFC 3161 authority; https, or http where that is what it speaks.
    roots: the certificates that its own must descend from. Without them the answer is checked for
    what it covers, but not for who signed it.
    None if there is nothing to stamp, or this authority has stamped this checkpoint already.
    Raises Unavailable `evidence.post.*` if it does not answer well, Broken `evidence.stamp.*` if
    what it answers is not a stamp of this checkpoint.
    """
    if len(authority) > AUTHORITY_LENGTH_MAX:
        raise _bad_answer("address", "The address of the authority is too long.")
    with database.transaction(tenant) as tx:
        newest = tx.one("evidence.checkpoint_newest")
    if newest is None:
        return None
    stamped = ask(authority, newest["note"].encode(), roots=roots, seconds_max=seconds_max)  # outside any transaction
    stamp_id = uuid7()
    try:
        with database.transaction(tenant) as tx:
            tx.run(
                "evidence.stamp_add",
                stamp=stamp_id,
                size=newest["size"],
                authority=authority,
                token=stamped.answer,
                at=stamped.at,
            )
            ledger.record(
                tx,
                "log.stamped",
                stamp_id,
                by=None,
                at=at,
                **commitments(newest["size"], newest["note"], authority, stamped),
            )
    except Taken:
        return None
    return stamp_id


def commitments(size: int, note: str, authority: str, stamped: Stamped) -> dict[str, object]:
    """What the log says of a stamp, field by field, so that no column of its row can be changed unnoticed."""
    return {
        "size": size,
        "note": hashlib.sha256(note.encode()).digest(),
        "token": hashlib.sha256(stamped.answer).digest(),
        "authority": hashlib.sha256(authority.encode()).digest(),
        "stamped": stamped.at,
    }


def ask(
    authority: str, data: bytes, *, roots: Collection[x509.Certificate] = (), seconds_max: float = SECONDS_MAX
) -> Stamped:
    """Ask an authority to stamp `data`, of which it is told the SHA-256 alone. Raises what `stamp` raises."""
    request = tsp.TimestampRequestBuilder().data(data).hash_algorithm(tsp.HashAlgorithm.SHA256).build()
    answer = post(
        authority,
        request.as_bytes(),
        sends="application/timestamp-query",
        takes="application/timestamp-reply",
        seconds_max=seconds_max,
    )
    return check(answer, data, roots=roots, nonce=request.nonce)


def check(answer: bytes, data: bytes, *, roots: Collection[x509.Certificate] = (), nonce: int | None = None) -> Stamped:
    """What the answer of an authority says of `data`; offline.

    nonce: the number that was asked with, if it is known; an old answer to another question has another.
    roots: see `stamp`. Certificates need to be valid at the instant that was stamped, not today.
    Raises Broken `evidence.stamp.unreadable`, `.refused`, `.nonce`, `.other-data`, `.untrusted`.
    """
    try:
        response = tsp.decode_timestamp_response(certificates_sorted(answer))
        if tsp.PKIStatus(response.status) is not tsp.PKIStatus.GRANTED:
            raise _bad_answer("refused", "The time-stamp authority refused.")
        told = response.tst_info
        imprint, algorithm = told.message_imprint.message, told.message_imprint.hash_algorithm
        said_nonce, at = told.nonce, told.gen_time
    except ValueError as error:
        raise _bad_answer("unreadable", "The answer of the time-stamp authority cannot be read.") from error
    if nonce is not None and said_nonce != nonce:
        raise _bad_answer("nonce", "The time-stamp answers another question than was asked.")
    if algorithm != _SHA256 or bytes(imprint) != hashlib.sha256(data).digest():
        raise _bad_answer("other-data", "The time-stamp is of something else.")
    if roots:
        _trusted(response, data, roots)
    return Stamped(answer, at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC))


def certificates(pem: bytes) -> list[x509.Certificate]:
    """The certificates in a PEM file. Raises BadInput if there is none."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise BadInput(
            "evidence.stamp.roots",
            "The file of trusted certificates cannot be read.",
            why="It holds no certificate in PEM.",
            remedy="Save the root certificate of your time-stamp authority as PEM and name that file.",
        ) from error


def _trusted(response: tsp.TimeStampResponse, data: bytes, roots: Collection[x509.Certificate]) -> None:
    verifier = tsp.VerifierBuilder(roots=list(roots)).build()
    try:
        verifier.verify_message(response, data)
    except (VerificationError, ValueError) as error:
        raise _bad_answer("untrusted", "The time-stamp is not signed by an authority that is trusted here.") from error


def _bad_answer(reason: str, what: str) -> ImvumeError:
    return Broken(
        f"evidence.stamp.{reason}",
        what,
        why="Nothing was kept; the log itself is not touched by this.",
        remedy="Check the address of the authority and its certificates in the settings, or choose another.",
    )
