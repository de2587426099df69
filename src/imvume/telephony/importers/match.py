"""Which record belongs to which file, and which files are one call. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from imvume.calls.facts import NO_RECORD, CallFacts, Party, PieceRole
from imvume.telephony.importers import names, numbers
from imvume.telephony.importers.folder import Entry
from imvume.telephony.importers.legs import epoch
from imvume.telephony.importers.names import Name
from imvume.telephony.importers.records import Want
from imvume.telephony.importers.translate import Record, Side

DOUBTED_MIN = 3  # calls; one that is off by an hour may have waited for an hour
LONGEST = timedelta(hours=12)  # between a call's start and the end of its recording, where only the file tells


@dataclass(frozen=True, slots=True)
class Recording:
    """Files of one folder that share a stem: the halves and formats of one recording."""

    stem: str = field(repr=False)
    files: tuple[tuple[Entry, Name], ...]

    @property
    def newest(self) -> datetime:
        """When the last of its files was last changed."""
        return datetime.fromtimestamp(max(entry.changed_ns for entry, _ in self.files) / 1e9, UTC)


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a call: whose voice is in it, and whose is the first channel if it has two."""

    entry: Entry
    role: PieceRole
    left: Side


@dataclass(frozen=True, slots=True)
class Group:
    """One call to be taken: its facts, its files, and whether a half of it is missing."""

    facts: CallFacts
    parts: tuple[Part, ...]
    alone: bool = False


def recordings(entries: Iterable[Entry]) -> list[Recording]:
    """The files of one folder, put together by stem, in the order of their names."""
    found: dict[str, list[tuple[Entry, Name]]] = defaultdict(list)
    for entry in entries:
        name = names.read(entry.name)
        found[name.stem].append((entry, name))
    return [Recording(stem, tuple(files)) for stem, files in found.items()]


def want(recording: Recording, zone: ZoneInfo) -> Want:
    """What to ask the records about a recording. zone: the PBX's own."""
    name = recording.files[0][1]
    at = _named_at(name, zone)
    return Want(name.ids, recording.stem, at or recording.newest, sure=at is not None)


def calls(
    found: Sequence[Recording], records: Sequence[Record], *, zone: ZoneInfo, mark: Callable[[Recording], str]
) -> tuple[list[Group], list[Recording]]:
    """The calls that these recordings make up by their records, and the recordings that no record names.

    mark: a keyed mark of a recording, for calls whose PBX has no id for them that may be kept.
    """
    by_key: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        for key in record.ids | record.files:
            by_key[key].append(record)
    together: dict[int, tuple[Record, list[Recording]]] = {}
    left = list[Recording]()
    for recording in found:
        best = _best(recording, want(recording, zone), by_key)
        if best is None:
            left.append(recording)
        else:
            together.setdefault(id(best), (best, []))[1].append(recording)
    return [_group(record, some, mark) for record, some in together.values()], left


def unrecorded(
    recording: Recording, *, source: str, zone: ZoneInfo, region: str, outside: str, mixed: bool, mark: str
) -> Group:
    """The call of which only the recording was found: what its name and its time tell, and no more.

    mixed: every file of this PBX holds all voices, whatever its name says.
    mark: a keyed mark of where it lay; never the path itself, which holds numbers.
    """
    name = recording.files[0][1]
    ended = recording.newest
    named = _named_at(name, zone)
    plausible = named is not None and timedelta(0) <= ended - named <= LONGEST
    caller = numbers.outsider("caller", name.caller, region=region, outside=outside)
    if name.direction == "internal":
        caller = numbers.insider("caller", name.caller)
    parties: list[Party | None] = [caller, numbers.insider("agent", name.agent)]
    facts = CallFacts(
        source=source,
        source_ref=mark,
        started_at=named or ended,
        ended_at=ended if plausible else None,
        direction=name.direction,
        parties=tuple(party for party in parties if party),
        queue=name.queue or None,
        disposition=NO_RECORD,
    )
    side: Side = "agent" if name.direction == "out" else "caller"
    return Group(facts, tuple(_parts(recording, side, mixed=mixed)), not mixed and _alone([recording]))


def zone_doubt(records: Sequence[Record]) -> timedelta | None:
    """By how much the records' times are off, if nearly all are off by the same quarters of an hour; else None.

    A channel's id holds the second in which it was made, whatever zone the PBX lives in.
    """
    offsets: Counter[int] = Counter()
    for record in records:
        made = epoch(record.origin)
        if made is not None:
            off = record.facts.started_at.timestamp() - made
            quarters = round(off / 900)
            offsets[quarters if abs(off - 900 * quarters) < 10 else 0] += 1
    if not offsets:
        return None
    quarters, count = offsets.most_common(1)[0]
    sure = quarters != 0 and count >= DOUBTED_MIN and count >= 0.8 * offsets.total()
    return timedelta(minutes=15 * quarters) if sure else None


def _named_at(name: Name, zone: ZoneInfo) -> datetime | None:
    """When the name says that it was: by the channel's id, which knows no zone, else by the PBX's wall clock."""
    if name.epoch is not None:
        return datetime.fromtimestamp(name.epoch, UTC)
    return name.written.replace(tzinfo=zone).astimezone(UTC) if name.written else None


def _best(recording: Recording, wanted: Want, by_key: Mapping[str, Sequence[Record]]) -> Record | None:
    """The record that names this recording: by file before by channel, the nearest in time before the others."""
    for keys in ((recording.stem,), wanted.ids):
        candidates = [record for key in keys for record in by_key.get(key, ())]
        if candidates:
            at = wanted.at or recording.newest
            return min(candidates, key=lambda record: abs(record.facts.started_at - at))
    return None


def _group(record: Record, some: Sequence[Recording], mark: Callable[[Recording], str]) -> Group:
    parts = list[Part]()
    for recording in some:
        parts.extend(_parts(recording, _side(record, recording), mixed=record.mixed))
    facts = record.facts
    if not facts.source_ref:
        facts = replace(facts, source_ref=mark(some[0]))
    return Group(facts, tuple(parts), not record.mixed and _alone(some))


def _side(record: Record, recording: Recording) -> Side:
    """Whose voice comes from the channel that was recorded; that of the call's first channel where none is named."""
    for id in (*recording.files[0][1].ids, record.origin):
        if id in record.sides:
            return record.sides[id]
    return "agent" if record.facts.direction == "out" else "caller"


def _parts(recording: Recording, side: Side, *, mixed: bool) -> Iterable[Part]:
    other: Side = "agent" if side == "caller" else "caller"
    roles: dict[str, PieceRole] = {"rx": side, "tx": other, "caller": "caller", "agent": "agent", "": "both"}
    for entry, name in recording.files:
        # MixMonitor's stereo (option D) has what came from the channel on the left.
        yield Part(entry, "both" if mixed else roles[name.half], side)


def _alone(some: Iterable[Recording]) -> bool:
    """Whether only one half of a recording is there: one leg, with neither the other nor a mix."""
    pairs: tuple[set[Literal["", "rx", "tx", "caller", "agent"]], ...] = ({"rx"}, {"tx"}, {"caller"}, {"agent"})
    return any({name.half for _, name in recording.files} in pairs for recording in some)
