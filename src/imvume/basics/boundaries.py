"""The write boundaries: the named instants between two durable writes at which a machine may die.

Sealing, destroying, rotating and sequencing each pass theirs in order. The tests end the process with
SIGKILL at each one by name, so that "it survives a crash anywhere" is a list that was tried
and not a hope. In a house without the environment variable below, passing one costs a comparison.
"""

from __future__ import annotations

import os
import signal
from typing import Literal, get_args

Boundary = Literal[
    "seal.begun",
    "seal.object-written",
    "seal.object-durable",
    "seal.read-back",
    "seal.rows-written",
    "seal.committed",
    "move.confirmed",
    "move.removed",
    "destroy.rows-emptied",
    "destroy.committed",
    "destroy.object-removed",
    "shred.epoch-rewrapped",
    "shred.epoch-committed",
    "shred.final",
    "rotate.bucket-key-shelved",
    "rotate.bucket-rewrapped",
    "rotate.bucket-committed",
    "rotate.old-key-erased",
    "rotate.root-made",
    "rotate.shelf-rewrapped",
    "rotate.root-replaced",
    "sequence.placed",
    "sequence.tiled",
    "sequence.signed",
    "sequence.committed",
    "sequence.head-written",
    "sequence.head-replaced",
]
BOUNDARIES: tuple[Boundary, ...] = get_args(Boundary)

_die_at = os.environ.get("IMVUME_TEST_DIE_AT", "")


def passed(boundary: Boundary) -> None:
    """Say that a write boundary is passed; the process ends here if a test asked for that."""
    if boundary == _die_at:
        os.kill(os.getpid(), signal.SIGKILL)
