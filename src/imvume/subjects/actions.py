"""Data subjects: known by identifiers that are encrypted under their own key and found by a keyed hash."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from imvume.basics.ids import KeyId, SubjectId, TenantId, uuid7
from imvume.errors import Broken
from imvume.keys import wrap
from imvume.keys.vault import Vault
from imvume.store.database import Row, Tx

IdentifierKind = Literal["phone", "extension", "email", "id-number", "account"]


@dataclass(frozen=True, slots=True, order=True)
class Identifier:
    """One name by which a data subject is known, such as a telephone number in E.164."""

    kind: IdentifierKind
    value: str


def mark(vault: Vault, tenant: TenantId, identifier: Identifier) -> bytes:
    """The keyed hash by which the identifier is found (16 bytes)."""
    return vault.mark(tenant, "identifier", identifier.kind, identifier.value)


def know(tx: Tx, vault: Vault, identifiers: Sequence[Identifier]) -> dict[Identifier, tuple[SubjectId, bytes]]:
    """The data subject behind each identifier, made where it is new; with the keyed hash it is found by."""
    known = {}
    # In one order everywhere, so that two calls between the same people cannot lock each other out.
    for lookup, identifier in sorted((mark(vault, tx.tenant, i), i) for i in set(identifiers)):
        row = tx.one("subjects.find", kind=identifier.kind, lookup=lookup)
        if row is None:
            tx.run("subjects.lock", lookup=lookup)
            row = tx.one("subjects.find", kind=identifier.kind, lookup=lookup)
        subject = SubjectId(row["subject_id"]) if row else _make(tx, vault, identifier, lookup)
        known[identifier] = (subject, lookup)
    return known


def keys(tx: Tx, vault: Vault, subjects: Collection[UUID], *, to_wrap: bool = False) -> dict[UUID, bytes]:
    """The living keys of several data subjects; one that was erased is not among them.

    to_wrap: hold them steady until the transaction ends, so that nothing is wrapped under
    a key that is being replaced.
    """
    if not subjects:
        return {}
    rows = tx.all("subjects.keys_held" if to_wrap else "subjects.keys", subjects=list(subjects))
    key_of = {row["subject_id"]: row["key_id"] for row in rows if row["key_id"]}
    opened = vault.open_keys(tx, list(key_of.values()), living=True)
    return {subject: opened[key] for subject, key in key_of.items() if key in opened}


def names(tx: Tx, vault: Vault, subjects: Collection[UUID]) -> dict[UUID, list[Identifier]]:
    """The identifiers of several data subjects, in clear; one that was erased is not among them."""
    opened = keys(tx, vault, subjects)
    named: dict[UUID, list[Identifier]] = {}
    for row in tx.all("subjects.identifiers", subjects=list(opened)) if opened else []:
        subject = row["subject_id"]
        value = wrap.open_text(opened[subject], _context(tx.tenant, subject, row["kind"]), row["sealed"])
        named.setdefault(subject, []).append(Identifier(row["kind"], value.decode()))
    return named


def rekey(tx: Tx, vault: Vault, subject: SubjectId) -> tuple[bytes, bytes]:
    """Give a data subject a new key; answers the old and the new, for those who wrap under it."""
    key_id = KeyId(tx.only("subjects.keys_locked", subjects=[subject])["key_id"])
    old = vault.open_key(tx, key_id)
    new_id, new = vault.make_key(tx, "subject")
    for row in tx.all("subjects.identifiers", subjects=[subject]):
        context = _context(tx.tenant, subject, row["kind"])
        sealed = wrap.seal_text(new, context, wrap.open_text(old, context, row["sealed"]))
        tx.run("subjects.reseal", kind=row["kind"], lookup=row["lookup"], sealed=sealed)
    tx.run("subjects.rekey", subject=subject, key=new_id)
    vault.destroy_key(tx, key_id)
    return old, new


def after(tx: Tx, subject: UUID, *, limit: int) -> list[SubjectId]:
    """The next data subjects in the order of their ids."""
    return [SubjectId(row["subject_id"]) for row in tx.all("subjects.page", after=subject, limit=limit)]


def check(tx: Tx, vault: Vault) -> Iterator[UUID]:
    """The data subjects of whom an identifier does not open, or is not found by what it says. Empty is good."""
    slice_: list[Row] = []
    for row in tx.stream("subjects.all_identifiers"):
        slice_.append(row)
        if len(slice_) == _CHECKED_AT_ONCE:
            yield from _strange(tx, vault, slice_)
            slice_ = []
    yield from _strange(tx, vault, slice_)


_CHECKED_AT_ONCE = 500


def _strange(tx: Tx, vault: Vault, rows: Sequence[Row]) -> Iterator[UUID]:
    try:
        opened = keys(tx, vault, [row["subject_id"] for row in rows])
    except Broken:
        if len(rows) > 1:  # one of them is broken: find out which, one at a time
            for row in rows:
                yield from _strange(tx, vault, [row])
        else:
            yield rows[0]["subject_id"]
        return
    for row in rows:
        subject, kind = row["subject_id"], row["kind"]
        if row["known"] and row["key_id"] is None:
            continue  # erased
        try:
            value = wrap.open_text(opened[subject], _context(tx.tenant, subject, kind), row["sealed"])
        except (Broken, KeyError):
            yield subject
            continue
        if vault.mark(tx.tenant, "identifier", kind, value.decode()) != row["lookup"]:
            yield subject


def _make(tx: Tx, vault: Vault, identifier: Identifier, lookup: bytes) -> SubjectId:
    subject = SubjectId(uuid7())
    key_id, key = vault.make_key(tx, "subject")
    sealed = wrap.seal_text(key, _context(tx.tenant, subject, identifier.kind), identifier.value.encode())
    tx.run("subjects.add", subject=subject, key=key_id)
    tx.run("subjects.add_identifier", kind=identifier.kind, lookup=lookup, subject=subject, sealed=sealed)
    return subject


def _context(tenant: TenantId, subject: UUID, kind: str) -> str:
    return f"identifier|{tenant}|{subject}|{kind}"
