"""A row of call records (CDR) and a channel event (CEL), read from what any Asterisk's table calls its columns."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

Row = Mapping[str, object]

TEXT_MAX = 512  # characters of one column that are read; none that matters is longer
_EPOCH = re.compile(r"\A\d{9,11}(\.\d{1,9})?\Z", re.ASCII)
_ID = re.compile(r"\A(?:[\w.-]{0,100}-)?(\d{9,11})\.\d{1,10}\Z", re.ASCII)
_CHANNEL = re.compile(r"\A([A-Za-z0-9_]{1,20})/(.{1,200}?)(?:-[0-9a-fA-F]{1,16})?(?:;[12])?\Z", re.DOTALL)
_COUNTER = re.compile(r"-([0-9a-fA-F]{6,16})(?:;[12])?\Z", re.ASCII)
_NEVER = ("", "0000-00-00 00:00:00", "0")
EVENTS = (  # what we ask a CEL table for; the rest (DTMF above all) is none of our business
    "CHAN_START",
    "ANSWER",
    "APP_START",
    "BRIDGE_ENTER",
    "BRIDGE_START",
    "BLINDTRANSFER",
    "ATTENDEDTRANSFER",
    "LINKEDID_END",
)


@dataclass(frozen=True, slots=True)
class Leg:
    """One row of a CDR table. Instants are aware; text is as the PBX wrote it, numbers not yet understood."""

    uniqueid: str
    linkedid: str
    start: datetime
    answer: datetime | None
    end: datetime | None
    src: str = field(default="", repr=False)
    dst: str = field(default="", repr=False)
    clid: str = field(default="", repr=False)
    context: str = ""
    channel: str = field(default="", repr=False)
    dstchannel: str = field(default="", repr=False)
    app: str = ""
    data: str = field(default="", repr=False)
    disposition: str = ""
    account: str = ""
    userfield: str = field(default="", repr=False)
    did: str = field(default="", repr=False)
    cnum: str = field(default="", repr=False)
    outbound_cnum: str = field(default="", repr=False)
    recording: str = field(default="", repr=False)

    @property
    def answered(self) -> bool:
        """Whether somebody, or some machine, picked up."""
        return self.answer is not None or self.disposition.upper() == "ANSWERED"


@dataclass(frozen=True, slots=True)
class Event:
    """One channel event. `linkedid` is what all channels of one call share."""

    type: str
    at: datetime
    uniqueid: str
    linkedid: str
    channel: str = field(default="", repr=False)
    num: str = field(default="", repr=False)
    exten: str = field(default="", repr=False)
    context: str = ""
    app: str = ""
    data: str = field(default="", repr=False)


def leg(row: Row, zone: ZoneInfo) -> Leg | None:
    """The leg in `row`, keyed by the columns' own names in lower case; None where it has no start or no id."""
    get = _reader(row)
    uniqueid = get("uniqueid")
    made = epoch(uniqueid)
    start = instant(row.get("start") or row.get("calldate"), zone, hint=made)
    if start is None and made is not None:  # a zero date: the channel's own id knows better
        start = datetime.fromtimestamp(made, UTC)
    if start is None:
        return None
    if not uniqueid:  # cdr_csv writes none by default: the second and the channel's own counter name it as well
        counter = _COUNTER.search(get("channel"))
        uniqueid = get("linkedid") or (f"{int(start.timestamp())}-{counter[1]}" if counter else "")
        if not uniqueid:
            return None
    duration, billsec = _seconds(row.get("duration")), _seconds(row.get("billsec"))
    disposition = get("disposition")
    end = instant(row.get("end"), zone) or (start + timedelta(seconds=duration) if duration is not None else None)
    answer = instant(row.get("answer"), zone)
    if answer is None and disposition.upper() == "ANSWERED" and duration is not None and billsec is not None:
        answer = start + timedelta(seconds=max(0.0, duration - billsec))
    return Leg(
        uniqueid=uniqueid,
        linkedid=get("linkedid") or uniqueid,
        start=start,
        answer=answer,
        end=end,
        src=get("src"),
        dst=get("dst"),
        clid=get("clid"),
        context=get("dcontext"),
        channel=get("channel"),
        dstchannel=get("dstchannel"),
        app=get("lastapp"),
        data=get("lastdata"),
        disposition=disposition,
        account=get("accountcode"),
        userfield=get("userfield"),
        did=get("did"),
        cnum=get("cnum"),
        outbound_cnum=get("outbound_cnum"),
        recording=get("recordingfile"),
    )


def event(row: Row, zone: ZoneInfo) -> Event | None:
    """The channel event in `row`; None where it has no time or no id."""
    get = _reader(row)
    uniqueid = get("uniqueid")
    at = instant(row.get("eventtime"), zone)
    if at is None or not (uniqueid or get("linkedid")):
        return None
    return Event(
        type=get("eventtype"),
        at=at,
        uniqueid=uniqueid,
        linkedid=get("linkedid") or uniqueid,
        channel=get("channame"),
        num=get("cid_num"),
        exten=get("exten"),
        context=get("context"),
        app=get("appname"),
        data=get("appdata"),
    )


def instant(value: object, zone: ZoneInfo, *, hint: float | None = None) -> datetime | None:
    """The instant that a column holds, or None: an aware or naive datetime, its text, or seconds since 1970.

    zone: the PBX's own, for what names none. hint: seconds since 1970 from the channel's id,
    which tells the two hours apart that the clock shows twice in autumn.
    """
    if isinstance(value, datetime):
        at = value
    else:
        text = plain(value)
        if text in _NEVER:
            return None
        if _EPOCH.match(text):
            return datetime.fromtimestamp(float(text), UTC)
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            return None
    try:
        if at.tzinfo is not None:
            return at.astimezone(UTC)
        early, late = (at.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    except (OverflowError, ValueError):  # the years 1 and 9999 have neighbours that no calendar holds
        return None
    return late if hint is not None and abs(late.timestamp() - hint) < abs(early.timestamp() - hint) else early


def epoch(uniqueid: str) -> int | None:
    """The second in which a channel was made, from its id `[system-]1795454901.4`."""
    found = _ID.match(uniqueid)
    return int(found[1]) if found else None


def endpoint(channel: str) -> tuple[str, str]:
    """Technology and name: ("PJSIP", "101") of `PJSIP/101-0000002a`, ("Local", "101") of `Local/101@queue-1;2`."""
    found = _CHANNEL.match(channel)
    if found is None:
        return "", ""
    name = found[2]
    return found[1], name.partition("@")[0] if found[1] == "Local" else name


def plain(value: object) -> str:
    """A column's value as bounded text without controls; bytes that are no UTF-8 are read as Latin-1."""
    if value is None:
        return ""
    if isinstance(value, (bytes, bytearray, memoryview)):
        raw = bytes(value)[: 4 * TEXT_MAX]
        try:
            value = raw.decode("utf-8")
        except UnicodeDecodeError:
            value = raw.decode("latin-1")
    text = str(value)[:TEXT_MAX].strip()
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text).strip()


def _reader(row: Row) -> Callable[[str], str]:
    def get(column: str) -> str:
        return plain(row.get(column))

    return get


def _seconds(value: object) -> float | None:
    try:
        seconds = float(plain(value))
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and 0 <= seconds < 10 * 86_400 else None
