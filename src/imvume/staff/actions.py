"""What staff do about being staff: take up the first link, sign in, say the password again, sign out, look."""

from __future__ import annotations

import hashlib
import os
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, LiteralString
from uuid import UUID

from imvume.basics.clock import stamp
from imvume.basics.ids import StaffId, TenantId, uuid7
from imvume.errors import Conflict, Refused
from imvume.evidence import ledger
from imvume.keys.vault import Vault
from imvume.staff import passwords, rules
from imvume.staff.rules import Role
from imvume.store.database import Database, Row, Taken, Tx

TOKEN_BYTES = 32  # 256 bits: nobody guesses one, so tokens need no brake


@dataclass(frozen=True, slots=True)
class Session:
    """Who is signed in. `mark` is the SHA-256 of the token; the token itself only the browser has."""

    mark: bytes
    tenant: TenantId
    tenant_name: str
    zone: str
    staff: StaffId
    name: str
    role: Role
    fresh_at: datetime


class Braked(Refused):
    """Too many wrong passwords for one e-mail address, or from one network address."""

    status = 429

    def __init__(self, wait: timedelta) -> None:
        minutes = -(-int(wait.total_seconds()) // 60)
        super().__init__(
            "staff.sign-in.braked",
            "Signing in is paused.",
            why="There were too many wrong passwords for this e-mail address, or from this network.",
            remedy=f"Try again in {minutes} minute{'s' if minutes != 1 else ''}.",
        )
        self.wait = wait


class Unknown(Refused):
    """The e-mail address or the password is wrong; which of them, nobody is told."""

    status = 401

    def __init__(self) -> None:
        super().__init__(
            "staff.sign-in.unknown",
            "You are not signed in.",
            why="No such pair of e-mail address and password is known here.",
            remedy="Check both and try again, or ask your information officer for a new link.",
        )


def set_up_link(tx: Tx, tenant: TenantId, at: datetime) -> str:
    """A token by which one person becomes the tenant's information officer. It ends after use, or LINK_LASTS.

    Whoever can ask for one runs the machine, and so could read the keys anyway.
    """
    token = secrets.token_urlsafe(TOKEN_BYTES)
    _add_sign_in(tx, token, kind="set-up", staff=None, at=at, ends_at=at + rules.LINK_LASTS)
    ledger.record(tx, "staff.invited", tenant, by=None, at=at)
    return token


def link_alive(database: Database, token: str, at: datetime) -> bool:
    """Whether the set-up link can still be taken up. Looking does not use it up: mail scanners look too."""
    with database.transaction(None) as tx:
        found = tx.one("staff.sign_in_find", hash=_hash(token))
    return found is not None and found["kind"] == "set-up" and at < found["ends_at"]


def take_up(database: Database, token: str, *, name: str, email: str, password: str, at: datetime) -> str:
    """Become the first member of staff by a set-up link; answers the token of the new session.

    Raises BadInput for a name, an address or a password that will not do (the link stays good),
    Conflict where the address is taken, Refused for a link that was used or has ended.
    """
    name, email = rules.check_name(name), rules.check_email(email)
    rules.check_password(password, common=passwords.common(), about=(name, email, email.partition("@")[0]))
    with database.transaction(None) as tx:
        found = tx.one("staff.sign_in_find", hash=_hash(token))
    if found is None:
        raise _link_ended()
    kept, staff = passwords.keep(password), StaffId(uuid7())
    session = secrets.token_urlsafe(TOKEN_BYTES)
    try:
        with database.transaction(found["tenant_id"]) as tx:
            if tx.run("staff.link_take", hash=_hash(token), at=at) != 1:
                raise _link_ended()
            tx.run("staff.staff_add", staff=staff, email=email, name=name, role=Role.OFFICER, password=kept, at=at)
            _add_sign_in(tx, session, kind="session", staff=staff, at=at, ends_at=at + rules.SESSION_LASTS)
            ledger.record(tx, "staff.joined", staff, by=None, at=at, role=Role.OFFICER.value)
    except Taken as error:
        # Only who holds a good link hears this, and that person could read the list of staff in a minute.
        raise Conflict(
            "staff.email.taken",
            "This e-mail address is already in use here.",
            why="A member of staff signs in with it.",
            remedy="Use another address, or sign in with this one.",
        ) from error
    return session


def sign_in(database: Database, vault: Vault, email: str, password: str, *, address: str, at: datetime) -> str:
    """The token of a new session. The same answer after the same work, whether anybody has that address or not.

    address: where the request came from on the network; only a keyed hash of it is kept, for a day.
    Raises Unknown, or Braked when too many tries went before.
    """
    marks = _marks(vault, email, address)
    _brake(database, marks, at=at)
    with database.transaction(None) as tx:
        found = tx.one("staff.staff_find", email=email.strip())
    kept = found["password"] if found else None
    if not passwords.matches(kept, password) or found is None:
        raise Unknown
    token = secrets.token_urlsafe(TOKEN_BYTES)
    with database.transaction(found["tenant_id"]) as tx:
        _forgive(tx, marks, at=at)
        tx.run("staff.sign_in_sweep", at=at)
        if passwords.stale(found["password"]):
            tx.run("staff.staff_keep", staff=found["staff_id"], password=passwords.keep(password))
        _add_sign_in(tx, token, kind="session", staff=found["staff_id"], at=at, ends_at=at + rules.SESSION_LASTS)
        ledger.record(tx, "staff.signed-in", found["staff_id"], by=found["staff_id"], at=at)
    return token


def session(database: Database, token: str, *, at: datetime, idle: timedelta) -> Session | None:
    """Who is signed in by `token`, or None. Using it keeps it alive; `idle` without use ends it."""
    mark = _hash(token)
    with database.transaction(None) as tx:
        row = tx.one("staff.session_find", hash=mark)
    if row is None or not rules.alive(seen_at=row["seen_at"], ends_at=row["ends_at"], at=at, idle=idle):
        return None
    if at - row["seen_at"] >= rules.SEEN_EVERY:
        with database.transaction(row["tenant_id"]) as tx:
            tx.run("staff.sign_in_seen", hash=mark, at=at)
    return Session(
        mark=mark,
        tenant=row["tenant_id"],
        tenant_name=row["tenant_name"],
        zone=row["zone"],
        staff=row["staff_id"],
        name=row["name"],
        role=Role(row["role"]),
        fresh_at=row["fresh_at"],
    )


def confirm(database: Database, vault: Vault, who: Session, password: str, *, address: str, at: datetime) -> None:
    """Take the password again, so that the session counts as fresh. Raises Unknown or Braked like `sign_in`."""
    with database.transaction(who.tenant) as tx:
        row = tx.only("staff.staff_password", staff=who.staff)
    marks = _marks(vault, row["email"], address)
    _brake(database, marks, at=at)
    if not passwords.matches(row["password"], password):
        raise Unknown
    with database.transaction(who.tenant) as tx:
        _forgive(tx, marks, at=at)
        tx.run("staff.sign_in_fresh", hash=who.mark, at=at)


def sign_out(database: Database, token: str) -> None:
    """End the session of `token` for good. Nothing happens if it is over already."""
    with database.transaction(None) as tx:
        row = tx.one("staff.sign_in_find", hash=_hash(token))
    if row is not None:
        with database.transaction(row["tenant_id"]) as tx:
            tx.run("staff.sign_in_end", hash=_hash(token))


def looked(
    tx: Tx, tenant: TenantId, staff: StaffId | None, what: LiteralString, about: UUID, reason: str, at: datetime
) -> UUID:
    """Write down that `staff` looked at `about`, and why; answers the id of the look.

    staff: None for whoever sits at the machine itself and uses its command line.

    what: the type of the entry in the evidence, such as "archive.opened". The entry commits to the
    reason without holding it: once the row is erased nobody can tell what it was.
    """
    access, salt = uuid7(), os.urandom(32)
    tx.run("staff.access_add", access=access, staff=staff, what=what, about=about, reason=reason, salt=salt, at=at)
    facts = look_facts({"access_id": access, "staff_id": staff, "reason": reason, "at": at})
    ledger.record(tx, what, about, by=staff, at=at, commitment=ledger.commit(salt, facts))
    return access


def look_facts(row: Row) -> dict[str, object]:
    """What the evidence commits to about a look."""
    staff = row["staff_id"]
    return {
        "access": str(row["access_id"]),
        "staff": str(staff) if staff else None,
        "reason": row["reason"],
        "at": stamp(row["at"]),
    }


_MARKS: Final = (rules.TRIES_FREE, rules.TRIES_FREE_ADDRESS)


def _marks(vault: Vault, email: str, address: str) -> tuple[bytes, bytes]:
    return vault.house_mark("email", email.strip().lower()), vault.house_mark("address", address)


def _brake(database: Database, marks: tuple[bytes, bytes], *, at: datetime) -> None:
    # The try is written down before the password is looked at: a hundred guesses sent at once
    # are counted one by one, and none gets in between the count and the answer.
    with database.transaction(None) as tx:
        for mark in sorted(marks):  # sorted, so that two tries never wait for each other
            tx.one("staff.attempt_lock", mark=mark)
        for mark, free in zip(marks, _MARKS, strict=True):
            # A little of the future counts: two tries may come here in the other order than they read
            # the clock. More of it does not: a clock that was set back must not shut everybody out.
            row = tx.only("staff.attempt_count", mark=mark, since=at - rules.TRIES_WINDOW, until=at + rules.SEEN_EVERY)
            last = min(row["last"], at) if row["n"] else at
            wait = last + rules.pause(row["n"], free=free) - at
            if wait > timedelta(0):
                raise Braked(wait)  # not counted: waiting must end some day, even for who is impatient
        for mark in marks:
            tx.run("staff.attempt_add", mark=mark, at=at)


def _forgive(tx: Tx, marks: tuple[bytes, bytes], *, at: datetime) -> None:
    tx.run("staff.attempt_clear", mark=marks[0])
    tx.run("staff.attempt_clear_one", mark=marks[1], at=at)
    tx.run("staff.attempt_sweep", before=at - timedelta(days=1))


def _add_sign_in(tx: Tx, token: str, *, kind: str, staff: StaffId | None, at: datetime, ends_at: datetime) -> None:
    tx.run("staff.sign_in_add", hash=_hash(token), kind=kind, staff=staff, at=at, ends_at=ends_at)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _link_ended() -> Refused:
    return Refused(
        "staff.link.ended",
        "This link cannot be used any more.",
        why="It was used before, or it is older than a day.",
        remedy="Run `imvume web link` on the machine for a new one.",
    )
