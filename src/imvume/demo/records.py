"""The records that Asterisk writes of a call: one row of call record (CDR), a row for every channel event (CEL).

The columns are those of cdr_csv and of the sample cel_custom.conf of Asterisk 22, as a plain
install leaves them in cdr-csv/Master.csv and cel-custom/Master.csv; tests/asterisk holds them
against a real one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from imvume.demo.diary import ZONE, Planned

DIALLED_IN = {"claims": "0555000100", "service": "0555000200"}

CdrRow = list[str | int]
CelRow = list[str]


@dataclass(frozen=True, slots=True)
class Timing:
    """When things happened in one call; aware instants.

    notice: from when to when the notice was played, or None. recorded: when recording began.
    waiting: an announcement within the recording. bridged: when the two could talk.
    """

    start: datetime
    notice: tuple[datetime, datetime] | None
    recorded: datetime
    waiting: tuple[datetime, datetime] | None
    bridged: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Channel:
    """One leg of a call in the telephone system, as its records name it."""

    name: str
    uniqueid: str
    context: str
    exten: str
    number: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Traced:
    """A call with its two channels; `first` is whoever rang."""

    planned: Planned
    first: Channel
    second: Channel
    timing: Timing

    @property
    def recorder(self) -> Channel:
        """The channel on which recording was started: its own voice is the rx leg."""
        return (
            self.second if self.planned.scene.direction == "out" and not self.planned.recorded_at_agent else self.first
        )


def trace(planned: Planned, timing: Timing) -> Traced:
    """The two channels of a call, with ids as Asterisk makes them: seconds since 1970, a dot, a counter."""
    agent, no = planned.agent.extension, planned.no * 2
    ids = (f"{int(timing.start.timestamp())}.{no}", f"{int(timing.start.timestamp())}.{no + 1}")
    names = (f"-{no:08x}", f"-{no + 1:08x}")
    if planned.scene.direction == "in":
        dialled = DIALLED_IN[planned.scene.queue]
        first = Channel(f"PJSIP/trunk{names[0]}", ids[0], "from-trunk", dialled, planned.number)
        second = Channel(f"PJSIP/{agent}{names[1]}", ids[1], "from-agents", "", agent, planned.agent.name)
    else:
        first = Channel(f"PJSIP/{agent}{names[0]}", ids[0], "from-agents", planned.number, agent, planned.agent.name)
        second = Channel(f"PJSIP/trunk{names[1]}", ids[1], "from-trunk", "", planned.number)
    return Traced(planned, first, second, timing)


def names(traced: Traced) -> dict[str, str]:
    """Where each recorded leg lies below the monitor folder: by day (local), by the id of the channel."""
    day = f"{traced.timing.recorded.astimezone(ZONE):%Y/%m/%d}"
    return {leg: f"{day}/{traced.recorder.uniqueid}-{leg}.wav" for leg in traced.planned.legs}


def cdr(traced: Traced) -> CdrRow:
    """The one row of the call in Master.csv: local time, whole seconds."""
    planned, timing = traced.planned, traced.timing
    answer = timing.start if planned.scene.direction == "in" else timing.bridged
    app, data = _connects(planned)
    return [
        planned.scene.queue if planned.scene.direction == "out" else "",
        traced.first.number,
        traced.first.exten,
        traced.first.context,
        f'"{traced.first.label}" <{traced.first.number}>',
        traced.first.name,
        traced.second.name,
        app,
        data,
        *(f"{at.astimezone(ZONE):%Y-%m-%d %H:%M:%S}" for at in (timing.start, answer, timing.end)),
        int((timing.end - timing.start).total_seconds()),
        int((timing.end - answer).total_seconds()),
        "ANSWERED",
        "DOCUMENTATION",
        traced.first.uniqueid,
        "",
    ]


def cel(traced: Traced) -> Iterator[tuple[datetime, CelRow]]:
    """Every channel event of the call with its instant; not in order, for a file has those of many calls."""
    timing, planned = traced.timing, traced.planned
    first, second = traced.first, traced.second
    inbound = planned.scene.direction == "in"
    app, data = _connects(planned)

    def event(
        type: str, at: datetime, who: Channel, app: str = "", data: str = "", **extra: object
    ) -> tuple[datetime, CelRow]:
        kind = f"FILE_{type}" if type.startswith("STREAM") else ""
        peer = second.name if type.startswith("BRIDGE") and who is first else ""
        return at, [
            type, f"{at.timestamp():.6f}", who.label, who.number, "" if type == "CHAN_START" else who.number, "", "",
            who.exten or ("s" if type == "CHAN_START" else ""), who.context, who.name, app, data, "3", "", who.uniqueid,
            first.uniqueid, peer, "", kind, json.dumps(extra, separators=(",", ":")) if extra else "",
        ]  # fmt: skip

    yield event("CHAN_START", timing.start, first)
    if inbound:
        yield event("ANSWER", timing.start + _soon(0.0002), first, "Answer")
    listener = first if inbound else second
    if not inbound:
        yield event("APP_START", timing.start + _soon(0.0004), first, app, data)
        yield event("CHAN_START", timing.start + _soon(0.0009), second)
        yield event(
            "ANSWER", (timing.notice[0] if timing.notice else timing.bridged) - _soon(0.002), second, *_OUTGOING
        )
    parts: list[tuple[datetime, list[tuple[datetime, CelRow]]]] = []
    if timing.notice:
        begun, ended = timing.notice
        sound = f"custom/notice-{planned.scene.language}"
        playing = ("Playback", sound)
        heard = [
            event("APP_START", begun - _soon(0.0003), listener, *playing),
            event("STREAM_BEGIN", begun, listener, *playing, sound=sound, format="slin", language="en"),
            event("STREAM_END", ended, listener, *playing),
            event("APP_END", ended + _soon(0.0002), listener, *playing),
        ]
        parts.append((begun, heard))
    recording = ("MixMonitor", _recording(traced))
    parts.append(
        (
            timing.recorded,
            [
                event("APP_START", timing.recorded, traced.recorder, *recording),
                event("APP_END", timing.recorded + _soon(0.0003), traced.recorder, *recording),
            ],
        )
    )
    for _, rows in sorted(parts, key=lambda part: part[0]):
        yield from rows
    if inbound:
        yield event("APP_START", _later(traced), first, app, data)
        if timing.waiting:
            sound = f"custom/waiting-{planned.scene.language}"
            yield event("STREAM_BEGIN", timing.waiting[0], first, app, data, sound=sound, format="slin", language="en")
            yield event("STREAM_END", timing.waiting[1], first, app, data)
        yield event("CHAN_START", timing.bridged - _soon(1.8), second)
        yield event("ANSWER", timing.bridged - _soon(0.0005), second, *_OUTGOING)
    else:
        yield event("ANSWER", timing.bridged - _soon(0.0005), first, app, data)
    bridge = {"bridge_id": f"demo-{first.uniqueid}", "bridge_technology": "simple_bridge"}
    yield event("BRIDGE_ENTER", timing.bridged, second, *_OUTGOING, **bridge)
    yield event("BRIDGE_ENTER", timing.bridged + _soon(0.0002), first, app, data, **bridge)
    yield event("BRIDGE_EXIT", timing.end - _soon(0.0009), first, app, data, **bridge)
    yield event("BRIDGE_EXIT", timing.end - _soon(0.0008), second, *_OUTGOING, **bridge)
    yield event("APP_END", timing.end - _soon(0.0006), first, app, data)
    for who in (first, second):
        yield event(
            "HANGUP", timing.end - _soon(0.0004), who, hangupcause=16, hangupsource=first.name, dialstatus="ANSWER"
        )
        yield event("CHAN_END", timing.end - _soon(0.0004), who)
    yield event("LINKEDID_END", timing.end, second)


_OUTGOING = ("AppDial", "(Outgoing Line)")


def _connects(planned: Planned) -> tuple[str, str]:
    if planned.scene.direction == "in":
        return "Queue", f"{planned.scene.queue},tr,,,300"
    # U() runs on the called channel before the two are joined: the notice, then recording.
    announce = ",U(announce-and-record)" if planned.notice == "first" else ","
    return "Dial", f"PJSIP/{planned.number}@trunk,30{announce}"


def _recording(traced: Traced) -> str:
    legs = "".join(f"{leg[0]}({name})" for leg, name in names(traced).items())
    return f",{legs}i(MIXID)"


def _later(traced: Traced) -> datetime:
    notice = traced.timing.notice
    return max(traced.timing.recorded, notice[1] if notice else traced.timing.recorded) + _soon(0.0005)


def _soon(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)
