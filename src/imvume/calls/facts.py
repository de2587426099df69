"""What a telephone system says about one call: the shape in which every importer hands a call over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, Literal

PartyRole = Literal["caller", "agent", "other"]
PartyKind = Literal["phone", "extension", "withheld"]
PieceRole = Literal["caller", "agent", "both"]
Direction = Literal["in", "out", "internal"]

# What the sound of a role is called in a pack.
NAMES: dict[str, str] = {"caller": "caller", "agent": "agent", "both": "mix"}

NO_RECORD = "no-record"  # the disposition of a call of which only its recording was found


@dataclass(frozen=True, slots=True)
class Party:
    """Who was on the call, as the telephone system claims.

    role: "caller" is the side that is not ours, whoever of the two dialled: it is the side
    whose leg may have to be destroyed alone. "agent" is ours. Of an internal call, "caller"
    is who dialled. "other" joined later and is not ours.
    value: E.164 for a phone, what the PBX calls it for an extension, "" when withheld.
    """

    role: PartyRole
    kind: PartyKind
    value: str = field(repr=False)  # a number must not reach a log inside a traceback


@dataclass(frozen=True, slots=True)
class CallFacts:
    """One call, in the words that every telephone system has in common.

    source: the short name of the telephone system; source_ref: its own id of the call,
    never a number or a name. The two together name the call for good.
    Instants are aware. ended_at may be before started_at only if the system's clock was.
    disposition: a short code in lower case: "answered", "busy", a dialler's status, NO_RECORD.
    """

    source: str
    source_ref: str
    started_at: datetime
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    direction: Direction | None = None
    parties: tuple[Party, ...] = ()
    queue: str | None = None
    campaign: str | None = None
    disposition: str | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """One recording file of a call, open for reading at its beginning.

    role: whose voice is in it; "both" for a mix and for a stereo file, where `left`
    says whose the first channel is.
    name: the file's base name, for its ending and for the sealed record of its origin.
    mark: the keyed hash under which `seen` and `confirmed` know this file again.
    check: raises Conflict if the file is not, or no longer, what was opened; to be
    called when all of it has been read and before that is made durable.
    """

    role: PieceRole
    file: BinaryIO = field(repr=False)
    name: str = field(repr=False)
    size: int
    left: Literal["caller", "agent"] = "caller"
    mark: bytes = b""
    check: Callable[[], None] = field(default=lambda: None, repr=False)
