"""What the name of a recording tells: FreePBX, Asterisk's habits, VICIdial. Pure; any bytes may come.

Sources: FreePBX sub-record-check (`<type>-<dest>-<from>-YYYYMMDD-HHMMSS-<uniqueid>`),
Asterisk MixMonitor r() and t(), VICIdial AST_CRON_audio_1_move_VDonly (FULLDATE_CUSTPHONE).
"""

from __future__ import annotations

import os
import re
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypedDict

from imvume.calls.facts import Direction

Half = Literal["", "rx", "tx", "caller", "agent"]

ENDINGS = frozenset(
    [
        *("wav", "wav49", "wave", "gsm", "flac", "opus", "ogg", "oga", "mp3", "ulaw", "ul", "mulaw", "pcmu"),
        *("alaw", "al", "pcma", "sln", "sln16", "slin", "raw", "pcm"),
    ]
)
SHOWN_MAX = 200  # characters of a path that a terminal is given

_ID = r"\d{9,11}\.\d{1,10}"  # seconds since 1970, a dot, a counter: ${UNIQUEID} without the system's name
_HALF = re.compile(r"[-_.](rx|tx|r|t|in|out|read|write|caller|agent|all|mix|mixed)\Z", re.IGNORECASE | re.ASCII)
_HALVES: dict[str, Half] = {
    **dict.fromkeys(("rx", "r", "in", "read"), "rx"),
    **dict.fromkeys(("tx", "t", "out", "write"), "tx"),
    **dict.fromkeys(("all", "mix", "mixed"), ""),
    "caller": "caller",
    "agent": "agent",
}
_UNIQUEID = re.compile(
    rf"(?:\A|[^\d.])(?P<id>(?:(?P<system>[A-Za-z0-9_]{{1,40}})-)?(?P<bare>{_ID}))(?![\d.])", re.ASCII
)
_WRITTEN = re.compile(r"(?<!\d)(20\d{6})[-_T]?(\d{6})(?!\d)", re.ASCII)
_FREEPBX = re.compile(
    rf"(?P<type>[a-z]{{1,12}})-(?P<dest>[^-]{{0,64}})-(?P<from>.{{0,64}})-\d{{8}}-\d{{6}}-(?:[A-Za-z0-9_]{{1,40}}-)?{_ID}",
    re.ASCII | re.DOTALL,
)
_VICIDIAL = re.compile(r"20\d{6}-\d{6}(?P<rest>(?:_[^_]{0,64}){1,8})", re.ASCII | re.DOTALL)
_DIRECTIONS: dict[str, Direction] = {
    "out": "out",
    "in": "in",
    "external": "in",  # FreePBX: from outside to an extension
    "q": "in",
    "rg": "in",
    "internal": "internal",
}


class _Told(TypedDict, total=False):
    direction: Direction
    caller: str
    agent: str
    queue: str


@dataclass(frozen=True, slots=True)
class Name:
    """What was read in a name. All of it is claims; "" or None where it says nothing.

    stem: what the halves of one recording share; half: which half this is.
    ids: the channel ids it may hold, the most telling first.
    written: the wall clock of the PBX, naive. caller and agent: numbers as written.
    """

    stem: str = field(repr=False)
    half: Half
    ending: str
    ids: tuple[str, ...] = ()
    written: datetime | None = None
    direction: Direction | None = None
    caller: str = field(default="", repr=False)
    agent: str = field(default="", repr=False)
    queue: str = ""

    @property
    def epoch(self) -> int | None:
        """The second in which the channel was made, from its id: free of any zone."""
        return int(self.ids[-1].partition(".")[0]) if self.ids else None


def is_recording(name: str) -> bool:
    """Whether the ending is one that we take. Hidden files are other programs' unfinished work (rsync)."""
    stem, _, ending = name.rpartition(".")
    return bool(stem) and not name.startswith(".") and ending.lower() in ENDINGS


def read(name: str) -> Name:
    """Read the base name of a file. Never raises, whatever the name."""
    whole, half, ending = _parts(name)
    told = _freepbx(whole) or _vicidial(whole) or _Told()
    return Name(whole, half, ending, _ids(whole), _written(whole), **told)


def stem(path: str) -> str:
    """What the halves and formats of one recording share: `call` of `2026/11/call-rx.wav`."""
    return _parts(path.rpartition("/")[2])[0]


def _parts(name: str) -> tuple[str, Half, str]:
    whole, dot, ending = name.rpartition(".")
    if not dot or ending.lower() not in ENDINGS:
        whole, ending = name, ""
    if found := _HALF.search(whole):
        return whole[: found.start()], _HALVES[found[1].lower()], ending.lower()
    return whole, "", ending.lower()


def text(name: str) -> str:
    """The name as text that can be encoded: bytes that are no UTF-8 stand as \\xNN."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def shown(path: str) -> str:
    """The path as a terminal may have it: no control, no direction mark, no end of line, bounded."""
    safe = "".join(c if _harmless(c) else f"\\u{{{ord(c):x}}}" for c in text(path))
    return safe if len(safe) <= SHOWN_MAX else f"{safe[: SHOWN_MAX - 40]}…{safe[-38:]}"


def _harmless(sign: str) -> bool:
    # Cc, Cf (bidirectional marks), Cs, Co, Cn and the line separators could rewrite what the operator reads.
    return sign == " " or unicodedata.category(sign)[0] not in "CZ"


def _ids(stem: str) -> tuple[str, ...]:
    last = None
    for last in _UNIQUEID.finditer(stem):  # noqa: B007 -- the last one: numbers and times stand before it
        pass
    if last is None:
        return ()
    # "120000-1795454901.4" may be a time before the id or a system's name in it; whoever has the record knows.
    return (last["id"], last["bare"]) if last["system"] else (last["bare"],)


def _written(stem: str) -> datetime | None:
    for day, time in _WRITTEN.findall(stem):
        try:
            return datetime.strptime(day + time, "%Y%m%d%H%M%S")  # noqa: DTZ007 -- a wall clock; the caller knows its zone
        except ValueError:
            continue
    return None


def _freepbx(stem: str) -> _Told | None:
    found = _FREEPBX.fullmatch(stem)
    if found is None:
        return None
    kind, dest, source = found["type"], found["dest"], found["from"]
    direction = _DIRECTIONS.get(kind)
    if direction == "out":
        return {"direction": direction, "caller": dest, "agent": source}
    if direction == "internal":
        return {"direction": direction, "caller": source, "agent": dest}
    if direction == "in":
        # After "in" stands our own number, after "q" the queue, after "rg" the ring group: nobody's voice.
        agent = dest if kind == "external" else ""
        return {"direction": direction, "caller": source, "agent": agent, "queue": dest if kind == "q" else ""}
    return {}


def _vicidial(stem: str) -> _Told | None:
    found = _VICIDIAL.fullmatch(stem)
    if found is None:
        return None
    phones = [part for part in found["rest"].split("_") if part.isascii() and part.isdigit() and 7 <= len(part) <= 15]
    return {"caller": phones[0]} if phones else {}
