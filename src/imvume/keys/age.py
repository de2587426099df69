"""age, for what leaves the house: packs, disclosures, the escrow of the keys. Anyone opens it with the stock tool.

Source: the age file format, v1 (https://age-encryption.org/v1).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, Protocol, TypeVar

import pyrage

from imvume.errors import BadInput

T = TypeVar("T")


class Out(Protocol):
    """Anything that takes bytes in order."""

    def write(self, data: bytes, /) -> int: ...

    def flush(self) -> None: ...


Recipient = Any  # pyrage.x25519.Recipient; the package brings no types


def recipient(text: str) -> Recipient:
    """The recipient that `text` (age1…) names. Raises BadInput."""
    try:
        return pyrage.x25519.Recipient.from_str(text.strip())
    except pyrage.RecipientError:
        raise BadInput(
            "keys.age.recipient",
            "That is not an age recipient.",
            why="It should begin with age1.",
            remedy="Ask the recipient for the public key that age-keygen printed.",
        ) from None


def encrypt(produce: Callable[[BinaryIO], T], out: Out, recipients: Sequence[Recipient]) -> T:
    """Encrypt what `produce` writes, into `out`; answers what it answers. Memory is flat, and nothing lies in clear.

    Whatever `produce` raises is raised here; what is in `out` then is worthless.
    """
    # age reads a stream and `produce` writes one: a pipe between them.
    inside, outside = os.pipe()
    made: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            with os.fdopen(outside, "wb") as pipe:
                made.append(produce(pipe))
        except BaseException as error:  # carried over to the caller's thread
            failed.append(error)

    thread = threading.Thread(target=run, name="age")
    with os.fdopen(inside, "rb") as pipe:
        thread.start()
        try:
            pyrage.encrypt_io(pipe, out, list(recipients))
        finally:
            pipe.close()
            thread.join()
    if failed:
        raise failed[0]
    return made[0]
