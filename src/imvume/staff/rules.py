"""Roles and what each may do; how long a sign-in lasts; how hard guessing is braked. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from imvume.errors import BadInput, Refused


class Role(StrEnum):
    """What a member of staff is here. The officer's two titles are those of POPIA s 55 and s 56."""

    OFFICER = "information-officer"
    DEPUTY = "deputy"
    SUPERVISOR = "supervisor"
    AGENT = "agent"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


class Right(StrEnum):
    """One thing that a person can do. Every page and every action names the one it needs."""

    SEE_CALLS = "calls.see"
    HEAR_CALLS = "calls.hear"
    SEE_ARCHIVE = "archive.see"
    HOLD = "archive.hold"
    DESTROY = "archive.destroy"
    SEE_EVIDENCE = "evidence.see"


_O, _D, _S, _A = Role.OFFICER, Role.DEPUTY, Role.SUPERVISOR, Role.AUDITOR

RIGHTS: dict[Right, frozenset[Role]] = {
    # An agent's own calls come with the page that knows which they are; until then: none.
    Right.SEE_CALLS: frozenset({_O, _D, _S, _A}),
    # The auditor reads, and hearing is reading. The administrator keeps the machine running
    # and needs to hear nobody for that.
    Right.HEAR_CALLS: frozenset({_O, _D, _S, _A}),
    Right.SEE_ARCHIVE: frozenset({_O, _D, _S, _A, Role.ADMINISTRATOR}),
    Right.HOLD: frozenset({_O, _D}),
    Right.DESTROY: frozenset({_O, _D}),
    Right.SEE_EVIDENCE: frozenset({_O, _D, _A, Role.ADMINISTRATOR}),
}
"""Right by role. What is not in this table nobody may do."""

CHANGES = frozenset({Right.HOLD, Right.DESTROY})
"""Rights to change something: the auditor has none of them, whatever else is decided."""

LINK_LASTS = timedelta(hours=24)
SESSION_LASTS = timedelta(hours=12)  # a shift; nobody is asked twice a day, and no token outlives the day
SEEN_EVERY = timedelta(minutes=1)  # how exactly `seen_at` is kept: a write a minute, not one a request
LISTENING_LASTS = timedelta(minutes=30)  # a longer silence, and pressing play again is another listening

PASSWORD_MIN = 12
PASSWORD_MAX = 128  # longer ones only cost us time
TRIES_FREE = 5  # wrong passwords for one e-mail address in TRIES_WINDOW before the brake takes hold
TRIES_FREE_ADDRESS = 30  # the same from one network address: a whole centre may share it
TRIES_WINDOW = timedelta(hours=1)
PAUSE_FIRST = timedelta(seconds=30)
PAUSE_MAX = timedelta(minutes=15)  # never a lock-out: it would let a stranger shut the officer out


def may(role: Role, right: Right) -> bool:
    """Whether `role` has `right`."""
    return role in RIGHTS[right]


def require(role: Role, right: Right) -> None:
    """Raise Refused where `role` does not have `right`."""
    if not may(role, right):
        raise Refused(
            "staff.right.missing",
            "Your role does not allow this.",
            why=f"It is for: {', '.join(sorted(r.value.replace('-', ' ') for r in RIGHTS[right]))}.",
            remedy="Ask your information officer, who can do it or give you another role.",
        )


def alive(*, seen_at: datetime, ends_at: datetime, at: datetime, idle: timedelta) -> bool:
    """Whether a session is still good at `at`: not at its end, and not left alone for `idle`."""
    return at < ends_at and at - seen_at < idle


def fresh(fresh_at: datetime, *, at: datetime, within: timedelta) -> bool:
    """Whether the password was given recently enough to open, export or destroy something.

    A clock set back does not make an old sign-in fresh.
    """
    return timedelta(0) <= at - fresh_at < within


def pause(failures: int, *, free: int) -> timedelta:
    """How long to wait after the last of `failures` wrong passwords; doubles each time, up to PAUSE_MAX."""
    if failures < free:
        return timedelta(0)
    doublings = min(failures - free, 10)  # beyond ten it is PAUSE_MAX anyway
    return min(PAUSE_FIRST * (1 << doublings), PAUSE_MAX)


def check_password(password: str, *, common: frozenset[str], about: tuple[str, ...]) -> None:
    """Raise BadInput where `password` is too short, too long, or among the first that anybody would try.

    about: what the person is called; a password that is just that is no secret.
    No rule of composition: they make passwords worse (NIST SP 800-63B, 3.1.1.2).
    """
    if len(password) < PASSWORD_MIN:
        raise _weak(f"It has fewer than {PASSWORD_MIN} characters.")
    if len(password) > PASSWORD_MAX:
        raise _weak(f"It has more than {PASSWORD_MAX} characters.")
    plain = password.casefold()
    known = {word.casefold() for word in about if len(word) > 3}
    if plain in common or plain in known or len(set(plain)) < 5:
        raise _weak("It is among the first that a stranger would try.")


def check_email(email: str) -> str:
    """The address as it is kept. Raises BadInput for what cannot be one; only a letter would prove it."""
    email = email.strip()
    name, at, domain = email.rpartition("@")
    if not (at and name and domain and len(email) <= 254 and email.isprintable() and not any(map(str.isspace, email))):
        raise BadInput(
            "staff.email.unreadable", "That is not an e-mail address.", remedy="Write it as thandi@example.org."
        )
    return email


def check_name(name: str) -> str:
    """The name as it is shown, in one line. Raises BadInput for none, or for more than 120 characters."""
    name = " ".join(name.split())
    if not name or len(name) > 120 or not name.isprintable():
        raise BadInput("staff.name.unreadable", "A name is missing.", remedy="Give the name as colleagues know it.")
    return name


def _weak(why: str) -> BadInput:
    return BadInput(
        "staff.password.weak",
        "This password cannot be used.",
        why=why,
        remedy=f"Take {PASSWORD_MIN} characters or more; three or four unconnected words are good.",
    )
