"""The legs and events that one call left in a PBX, told as one call of ours. Pure: rules of Asterisk and FreePBX."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from imvume.calls.facts import CallFacts, Direction, Party
from imvume.telephony.importers import names, numbers
from imvume.telephony.importers.legs import Event, Leg, endpoint

Side = Literal["caller", "agent"]

REF = re.compile(r"\A[A-Za-z0-9_.:-]{1,100}\Z", re.ASCII)  # an id of a call that may be kept in clear
PARTIES_MAX = 20  # on one call; a conference has more, but nobody is found by being the twenty-first
_NUMBER = re.compile(r"\A[+0-9]{6,}\Z", re.ASCII)  # what may be somebody's number is no reference
_PLACE_MAX = 64  # characters of a queue's or a campaign's name

# Where a dialplan puts calls from outside: FreePBX's names, and those of most hand-made ones.
_OUTSIDE = ("from-trunk", "from-pstn", "from-did", "from-sip-external", "from-external", "from-dahdi", "ext-did")
_OUTSIDE_WORDS = ("inbound", "incoming", "trunkinbound")
_DIALLED = re.compile(r"\A(?:[A-Za-z0-9_]+/)?([^@,/&]{1,64})(?:@|,|\Z)")  # of Dial's `PJSIP/0821234567@trunk,300,T`


@dataclass(frozen=True, slots=True)
class Record:
    """One call and how its recordings can be told from others.

    ids: channel ids of all its legs; files: base names, without ending, of the recordings
    that the records name; sides: whose voice comes from a channel, by the channel's id.
    """

    facts: CallFacts
    ids: frozenset[str]
    files: frozenset[str] = field(default=frozenset(), repr=False)
    sides: Mapping[str, Side] = field(default_factory=dict, repr=False)
    origin: str = ""  # the id of the channel that began the call
    mixed: bool = False  # every file of this PBX holds all voices, whatever its name says


def call(legs: Sequence[Leg], events: Sequence[Event], *, source: str, region: str, outside: str) -> Record:
    """The call that these legs and events, all of one linkedid, are about. At least one of either.

    outside: the digits that reach an outside line. The reference is empty where the PBX's id of
    the call is no id, but a text in which anything may stand: whoever keeps it must make its own.
    """
    events = sorted(events, key=lambda e: (e.at, e.type != "CHAN_START", e.uniqueid, e.type))
    legs = sorted(legs, key=_order) or [_leg_of(events)]
    main = next((leg for leg in legs if leg.uniqueid == leg.linkedid), legs[0])
    direction = _direction(main, legs, events)
    sides = _sides(legs, events, direction)
    inside = _joined(main, legs, events, direction)
    caller = _caller(main, legs, direction, region=region, outside=outside)
    parties = [party for party in (caller, *inside, *_others(main, legs, direction, region, outside)) if party]
    return Record(
        facts=CallFacts(
            source=source,
            source_ref=main.linkedid if REF.match(main.linkedid) and not _NUMBER.match(main.linkedid) else "",
            started_at=main.start,
            answered_at=min((leg.answer for leg in legs if leg.answer), default=None) or _first(events, "ANSWER"),
            ended_at=max(
                [leg.end for leg in legs if leg.end] + [e.at for e in events if e.type == "LINKEDID_END"], default=None
            ),
            direction=direction,
            parties=tuple(_once(parties))[:PARTIES_MAX],
            queue=_queue(legs),
            campaign=None,
            disposition=_disposition(main, legs, events),
        ),
        ids=frozenset(
            [leg.uniqueid for leg in legs]
            + [leg.linkedid for leg in legs]
            + [e.uniqueid for e in events]
            + [e.linkedid for e in events]
        )
        - {""},
        files=frozenset(files_of(legs, events)),
        sides=sides,
        origin=main.uniqueid,
    )


def files_of(legs: Iterable[Leg], events: Iterable[Event]) -> Iterable[str]:
    """The base names, without ending and half, of every recording that these rows name."""
    for leg in legs:
        for text in (leg.recording, leg.userfield.removeprefix("audio:")):
            if names.is_recording(text.rpartition("/")[2]):
                yield names.stem(text)
        if leg.app == "MixMonitor":
            yield from mixmonitor(leg.data)
    for event in events:
        if event.type == "APP_START" and event.app == "MixMonitor":
            yield from mixmonitor(event.data)


def mixmonitor(data: str) -> Iterable[str]:
    """The base names in MixMonitor's arguments: `2026/call.wav,r(rx.wav)t(tx.wav)i(ID),command`."""
    file, _, rest = data.partition(",")
    for path in [file, *re.findall(r"[rt]\(([^()]{1,300})\)", rest)]:
        if found := names.stem(path.strip()):
            yield found


def tidy(text: str) -> str | None:
    """The name of a queue or campaign, fit to be kept and shown, or None."""
    text = text.strip()
    return text[:_PLACE_MAX] if text and text.isprintable() else None


def _order(leg: Leg) -> tuple[datetime, bool, str, str]:
    # Rows of one second come in any order; a call must read the same each time it is read.
    return leg.start, leg.uniqueid != leg.linkedid, leg.uniqueid, leg.dstchannel


def _leg_of(events: Sequence[Event]) -> Leg:
    """The first leg, told by its events alone, for a PBX that keeps CEL and no CDR."""
    first = next((e for e in events if e.uniqueid == e.linkedid), events[0])
    own = [e for e in events if e.uniqueid == first.uniqueid]
    place = next((e for e in own if e.exten and e.exten.lower() != "s"), first)
    queue = next((e for e in own if e.app == "Queue"), None)
    bridged = [e.channel for e in events if e.type == "BRIDGE_ENTER" and e.uniqueid != first.uniqueid]
    return Leg(
        uniqueid=first.uniqueid,
        linkedid=first.linkedid,
        start=first.at,
        answer=_first(own, "ANSWER"),
        end=None,
        src=next((e.num for e in own if e.num), ""),
        dst=place.exten,
        context=first.context,
        channel=first.channel,
        dstchannel=bridged[0] if bridged else "",
        app="Queue" if queue else "",
        data=queue.data if queue else "",
    )


def _ours(channel: str) -> str:
    """The extension behind a channel, or "" where the channel is a trunk or nobody's."""
    technology, name = endpoint(channel)
    return name if technology and numbers.is_extension(name) else ""


def _from_outside(context: str) -> bool:
    return context.startswith(_OUTSIDE) or any(word in context for word in _OUTSIDE_WORDS)


def _direction(main: Leg, legs: Sequence[Leg], events: Sequence[Event]) -> Direction | None:
    if any(leg.did for leg in legs):  # FreePBX writes a DID only on what came in by a trunk
        return "in"
    if any(leg.outbound_cnum for leg in legs):  # and this only on what left by one
        return "out"
    contexts = [main.context, *(e.context for e in events if e.type == "CHAN_START" and e.uniqueid == main.uniqueid)]
    if any(map(_from_outside, contexts)) and not _ours(main.channel):
        return "in"
    caller = numbers.number(main.src or main.clid)
    from_us = bool(_ours(main.channel)) or numbers.is_extension(caller)
    to_us = numbers.is_extension(main.dst) or bool(_ours(main.dstchannel)) or _queue([main]) is not None
    to_them = len(re.sub(r"\D", "", main.dst)) > numbers.EXTENSION_DIGITS_MAX
    if from_us:
        return "out" if to_them else "internal" if to_us else None
    if to_us and (caller or numbers.is_withheld(caller)):
        return "in"
    return None


def _caller(main: Leg, legs: Sequence[Leg], direction: Direction | None, *, region: str, outside: str) -> Party | None:
    """Who is not ours: the dialled number of a call out, who dialled otherwise."""
    if direction == "internal":
        return numbers.insider("caller", _ours(main.channel), main.cnum, main.src)
    if direction != "out":
        return numbers.outsider("caller", main.cnum, main.src, main.clid, region=region)
    dialled = [main.dst, *(leg.dst for leg in legs), *(_dialled(leg) for leg in legs)]
    outsiders = [text for text in dialled if not numbers.is_extension(text)]
    return numbers.outsider("caller", *outsiders, region=region, outside=outside)


def _dialled(leg: Leg) -> str:
    """The number in what Dial was given, with whatever prefix the trunk wanted."""
    found = _DIALLED.match(leg.data) if leg.app == "Dial" else None
    return found[1] if found else ""


def _joined(main: Leg, legs: Sequence[Leg], events: Sequence[Event], direction: Direction | None) -> list[Party]:
    """Our own people who spoke, in the order in which they came: who dialled out, who answered, who took a transfer."""
    found: list[Party | None] = []
    if direction == "out":
        found.append(
            numbers.insider("agent", _ours(main.channel), *filter(numbers.is_extension, (main.cnum, main.src)))
        )
    for leg in legs:
        if leg.answered and leg.dstchannel:
            found.append(numbers.insider("agent", _ours(leg.dstchannel) or _named(leg, direction)))
    for event in events:
        if event.type in ("BRIDGE_ENTER", "BRIDGE_START"):
            found.append(numbers.insider("agent", _ours(event.channel)))
    began = _ours(main.channel) or main.src
    return [p for p in found if p and not (direction == "internal" and p.value == began)]


def _others(
    main: Leg, legs: Sequence[Leg], direction: Direction | None, region: str, outside: str
) -> Iterable[Party | None]:
    """Outsiders that one of ours brought in later: a transfer to somebody's mobile."""
    for leg in legs:
        brought = leg.answered and not _ours(leg.dstchannel) and direction != "out"
        if brought and (_ours(leg.channel) or direction == "in"):
            for text in (leg.dst if leg is not main else "", _dialled(leg)):
                if number := numbers.e164(text, region=region, outside=outside):
                    yield Party("other", "phone", number)
                    break


def _named(leg: Leg, direction: Direction | None) -> str:
    """The SIP name of who answered a call from outside, at a PBX that gives its phones names instead of digits."""
    technology, name = endpoint(leg.dstchannel)
    named = technology in ("PJSIP", "SIP", "IAX2", "SCCP", "Agent") and numbers.number(_dialled(leg)) == name
    return name if named and direction == "in" else ""


def _once(parties: Iterable[Party]) -> Iterable[Party]:
    seen: set[tuple[str, str]] = set()
    for party in parties:
        if (party.kind, party.value) not in seen:
            seen.add((party.kind, party.value))
            yield party


def _sides(legs: Sequence[Leg], events: Sequence[Event], direction: Direction | None) -> dict[str, Side]:
    channels = {leg.uniqueid: leg.channel for leg in reversed(legs)}
    channels |= {e.uniqueid: e.channel for e in events if e.type == "CHAN_START" and e.channel}
    if direction == "internal":
        origin = legs[0].linkedid
        return {uid: "caller" if uid == origin else "agent" for uid in channels}
    return {uid: "agent" if _ours(channel) else "caller" for uid, channel in channels.items()}


def _queue(legs: Sequence[Leg]) -> str | None:
    for leg in legs:
        if leg.app == "Queue":
            return tidy(leg.data.partition(",")[0]) or tidy(leg.dst)
        if leg.context == "ext-queues":
            return tidy(leg.dst)
    return None


def _first(events: Iterable[Event], type: str) -> datetime | None:
    return min((e.at for e in events if e.type == type), default=None)


def _disposition(main: Leg, legs: Sequence[Leg], events: Sequence[Event]) -> str | None:
    if any(leg.answered for leg in legs) or any(e.type in ("ANSWER", "BRIDGE_ENTER") for e in events):
        return "answered"
    word = re.sub(r"[^a-z]+", "-", main.disposition.lower()).strip("-")
    return word[:20] or None
