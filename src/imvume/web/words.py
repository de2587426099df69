"""How the console says things: instants with their zone, lengths, sizes, counts, verdicts. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

_CODE = re.compile(r"`([^`]+)`")
THIN = "\u202f"  # narrow, and does not break: 1 284 116


@dataclass(frozen=True, slots=True)
class Verdict:
    """A word with its shape and colour. `kind` is allow, deny, warn, info or none."""

    kind: str
    word: str
    icon: str
    says: str = ""


PROVEN = Verdict("allow", "Proven", "circle-check")
NOT_PROVEN = Verdict("none", "Not proven", "circle-dashed")
BROKEN = Verdict("deny", "Broken", "octagon-x")


def said(text: str) -> Markup:
    """A sentence with what stands between backquotes as code, everything else escaped."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped before a tag is put in


_CODINGS = {
    "ulaw": "µ-law", "alaw": "A-law", "pcm": "", "pcm8": "8 bits", "pcm24": "24 bits", "pcm32": "32 bits",
    "float": "floating point", "gsm": "GSM", "wav49": "GSM", "wav": "", "opus": "Opus", "vorbis": "Vorbis",
    "mp3": "MP3",
}  # fmt: skip


def codec(name: str) -> str:
    """How a recording is kept: "FLAC, µ-law", or "GSM, as it came"."""
    form, _, coding = name.partition("-")
    said = " ".join(filter(None, (_CODINGS.get(part, part) for part in coding.split("-"))))
    if form == "asis":
        return f"{said}, as it came"
    return f"{form.upper()}, {said}" if said else form.upper()


def day(on: date) -> str:
    """12 Mar 2031."""
    return f"{on.day} {on:%b %Y}"


def moment(at: datetime, zone: str) -> str:
    """23 Nov 2026, 15:12:04, in the zone that the page states."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{day(local.date())}, {local:%H:%M:%S}"


def short(at: datetime, zone: str, now: datetime) -> str:
    """23 Nov, 15:12:04; the year is said where it is not this one."""
    local = at.astimezone(ZoneInfo(zone))
    this_year = local.year == now.astimezone(ZoneInfo(zone)).year
    return f"{local.day} {local:%b}{'' if this_year else f' {local.year}'}, {local:%H:%M:%S}"


def clock(at: datetime, zone: str) -> str:
    """15:12:04."""
    return f"{at.astimezone(ZoneInfo(zone)):%H:%M:%S}"


def zone_says(zone: str, at: datetime) -> str:
    """SAST (UTC+2): what the page calls its zone at `at`."""
    local = at.astimezone(ZoneInfo(zone))
    offset = local.utcoffset()
    minutes = int(offset.total_seconds()) // 60 if offset else 0
    hours, rest = divmod(abs(minutes), 60)
    shift = f"UTC{'+' if minutes >= 0 else '−'}{hours}{f':{rest:02}' if rest else ''}" if minutes else "UTC"
    name = local.tzname() or zone
    return f"{name} ({shift})" if name.isalpha() and name != shift else shift


def lasting(seconds: float | None) -> str:
    """1:52, or 1:02:03; an en dash where nobody knows."""
    if seconds is None:
        return "–"
    whole = max(0, int(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def spoken(seconds: float) -> str:
    """The same as 1 minute 52 seconds, for who hears the page instead of seeing it."""
    whole = max(0, int(seconds))
    parts = [(whole // 3600, "hour"), (whole // 60 % 60, "minute"), (whole % 60, "second")]
    said = [f"{n} {unit}{'s' if n != 1 else ''}" for n, unit in parts if n]
    return " ".join(said) or "0 seconds"


def thin(number: int) -> str:
    """1 284 116."""
    return f"{number:,}".replace(",", THIN)


def size(count: int) -> str:
    """3.2 GB, in powers of ten as disks are sold."""
    amount = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{int(amount)} {unit}" if unit == "bytes" or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def ago(at: datetime, now: datetime) -> str:
    """4 minutes ago: as coarse as it may be."""
    seconds = int((now - at).total_seconds())
    for step, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= step:
            n = seconds // step
            return f"{n} {unit}{'s' if n != 1 else ''} ago"
    return "just now"
