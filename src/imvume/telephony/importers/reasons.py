"""Why a file is not taken, or was taken and something is to be said of it: each in its three sentences."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from imvume.errors import BadInput, Conflict, ImvumeError, Unavailable

Why = Literal["growing", "record"]


def empty() -> ImvumeError:
    """A file of no bytes."""
    return BadInput(
        "telephony.file.empty",
        "The file is empty.",
        why="The call ended before anything was recorded, or the disk was full.",
        remedy="Remove it if the call is known to have had no recording; it was left where it is.",
    )


def waits(why: Why) -> ImvumeError:
    """A file that is left for the next time."""
    if why == "growing":
        return Unavailable(
            "telephony.file.growing",
            "The recording has not come to rest yet.",
            why="It changed a moment ago, or another process has it open for writing.",
            remedy="It is taken by the next import, once it has been still for settle_seconds.",
        )
    return Unavailable(
        "telephony.record.not-yet",
        "The call of this recording is not in the call records yet.",
        why="A PBX may write them some minutes after the call.",
        remedy="It is taken by the next import; after ten minutes without a record it is taken without one.",
    )


def half_alone() -> ImvumeError:
    """A leg whose other leg is missing."""
    return Conflict(
        "telephony.half.alone",
        "Only one side of this call is there.",
        why="The file of the other leg, and a mix of both, are missing or could not be taken.",
        remedy="It was taken as it is; import the other side when it is found, and it joins the same call.",
    )


def other_zone(off: timedelta) -> ImvumeError:
    """Call records whose times are all off by the same hours."""
    hours = off.total_seconds() / 3600
    return BadInput(
        "telephony.zone.doubtful",
        f"The times in the call records are {abs(hours):g} hours {'later' if hours > 0 else 'earlier'} than the ids "
        "of their channels say.",
        why="The PBX seems to live in another time zone than the one they were read in.",
        remedy="Say the right one with --pbx-zone (UTC where cdr.conf has usegmtime); calls already taken keep the "
        "times they were taken with.",
    )
