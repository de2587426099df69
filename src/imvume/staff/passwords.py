"""Passwords: kept as argon2id, checked in the same time whether there is one or not."""

from __future__ import annotations

import threading
import unicodedata
from functools import cache
from importlib.resources import files

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

_HASHER = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)  # 64 MiB, three passes: about a tenth of a second
_AT_ONCE = threading.BoundedSemaphore(2)  # so that a thousand strangers at the door cost 128 MiB, not 64 GB


def keep(password: str) -> str:
    """What is stored of a password: argon2id with its parameters and salt, in the PHC format."""
    with _AT_ONCE:
        return _HASHER.hash(_normal(password))


def matches(kept: str | None, password: str) -> bool:
    """Whether `password` is the one that was kept. With None the same work is done, and the answer is no."""
    with _AT_ONCE:
        try:
            return _HASHER.verify(kept or _nobodys(), _normal(password)) and kept is not None
        except (VerificationError, InvalidHashError):  # a mismatch, and a kept one that is damaged
            return False


def stale(kept: str) -> bool:
    """Whether it was kept with weaker parameters than today's, and should be kept anew at the next sign-in."""
    return _HASHER.check_needs_rehash(kept)


@cache
def common() -> frozenset[str]:
    """The passwords that everybody tries first, of those long enough to pass otherwise."""
    return frozenset(files("imvume.staff").joinpath("common.txt").read_text("utf-8").split())


@cache
def _nobodys() -> str:
    # The same parameters as everybody's, so that a sign-in for nobody takes as long as any.
    return _HASHER.hash("a password that nobody has")


def _normal(password: str) -> str:
    # Two keyboards may send one letter as one or two code points (NIST SP 800-63B, 3.1.1.2).
    return unicodedata.normalize("NFKC", password)
