"""The call records of a PBX, wherever they lie: what an import asks of them, and how legs become calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain
from typing import Protocol
from zoneinfo import ZoneInfo

from imvume.errors import BadInput
from imvume.telephony.importers import translate
from imvume.telephony.importers.legs import EVENTS, Event, Leg, Row
from imvume.telephony.importers.legs import event as read_event
from imvume.telephony.importers.legs import leg as read_leg
from imvume.telephony.importers.translate import Record

LEG_NEAR = timedelta(hours=1)  # between the legs of one call that are known and those that are not yet
IDS_MAX = 500  # channels of one call that are followed; a dialplan that loops has no end of them
LEGS_MAX = 200  # of one call; a loop in a dialplan makes thousands, all telling the same
EVENTS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class Want:
    """One recording whose call is looked for.

    ids: channel ids that its name may hold, any of which will do; file: its name without
    ending and half. at: about when it was made, None if nobody knows; sure: that its own name
    says so. A file's time is changed by a copy, and then every record counts.
    """

    ids: tuple[str, ...]
    file: str = field(repr=False)
    at: datetime | None = None
    sure: bool = True

    @property
    def keys(self) -> tuple[str, ...]:
        """All by which a row may name this recording."""
        return (*self.ids, self.file) if self.file else self.ids


class Table(Protocol):
    """Rows of call records, keyed by lower-case column names. Streams; keeps nothing of them."""

    def naming(self, wants: Sequence[Want]) -> Iterable[Row]:
        """For each recording a row that names it, if there is one. Raises Unavailable, Refused, BadInput."""

    def whole(self, ids: Set[str], since: datetime, until: datetime) -> Iterable[Row]:
        """Every row with one of these as its uniqueid or linkedid. None of them lies outside [since, until)."""

    def close(self) -> None:
        """Let go of the file or the server."""


class Records(Protocol):
    """A PBX's records: calls by what is known of their recordings."""

    refused: list[BadInput]  # lines that could not be read, each with its number; emptied by who reports them

    def find(self, wants: Sequence[Want]) -> Sequence[Record]:
        """The calls that these recordings belong to, each with all its legs. Raises Unavailable, Refused, BadInput."""

    def close(self) -> None:
        """Let go of the file or the server."""


class NoRecords:
    """The records of a plain folder: there are none."""

    def __init__(self) -> None:
        self.refused: list[BadInput] = []

    def find(self, wants: Sequence[Want]) -> Sequence[Record]:
        """No calls."""
        return ()

    def close(self) -> None:
        """Nothing to let go of."""


class AsteriskRecords:
    """CDR, CEL or both, of Asterisk or FreePBX, joined by linkedid.

    zone: the PBX's own; its records seldom say. outside: digits that reach an outside line.
    """

    def __init__(
        self,
        cdr: Sequence[Table],
        cel: Sequence[Table],
        *,
        source: str,
        zone: ZoneInfo,
        region: str,
        outside: str = "9",
        refused: list[BadInput] | None = None,
    ) -> None:
        self._cdr, self._cel = tuple(cdr), tuple(cel)
        self._source, self._zone, self._region, self._outside = source, zone, region, outside
        self.refused: list[BadInput] = [] if refused is None else refused

    def find(self, wants: Sequence[Want]) -> Sequence[Record]:
        """The calls that these recordings belong to, each whole.

        Where the CDR has no linkedid (Master.csv, by default), CEL tells which legs are one call.
        """
        legs = set(self._legs(table.naming(wants) for table in self._cdr))
        named = {key for leg in legs for key in (leg.uniqueid, leg.linkedid)} | set(translate.files_of(legs, ()))
        rest = [want for want in wants if named.isdisjoint(want.keys)]
        events = set(self._events(table.naming(rest) for table in self._cel))
        asked: set[str] = set()
        # The first round learns from CEL which call a leg is of, the second fetches that call's other channels.
        while ids := _ids(legs, events) - asked:
            since, until = _around(legs, events)
            events |= set(self._events(table.whole(ids, since, until) for table in self._cel))
            legs |= set(self._legs(table.whole(ids, since, until) for table in self._cdr))
            asked |= ids
            if len(asked) > IDS_MAX * max(1, len(wants)):
                break
        return [
            translate.call(*found, source=self._source, region=self._region, outside=self._outside)
            for found in _by_call(legs, events)
        ]

    def close(self) -> None:
        """Close every table."""
        for table in (*self._cdr, *self._cel):
            table.close()

    def _legs(self, tables: Iterable[Iterable[Row]]) -> Iterator[Leg]:
        return (leg for rows in tables for row in rows if (leg := read_leg(row, self._zone)))

    def _events(self, tables: Iterable[Iterable[Row]]) -> Iterator[Event]:
        found = (event for rows in tables for row in rows if (event := read_event(row, self._zone)))
        return (event for event in found if event.type in EVENTS)


def _ids(legs: Iterable[Leg], events: Iterable[Event]) -> set[str]:
    both: Iterator[Leg | Event] = chain(legs, events)
    return {id for each in both for id in (each.uniqueid, each.linkedid)} - {""}


def _around(legs: Iterable[Leg], events: Iterable[Event]) -> tuple[datetime, datetime]:
    instants = [at for leg in legs for at in (leg.start, leg.end) if at] + [event.at for event in events]
    return min(instants) - LEG_NEAR, max(instants) + LEG_NEAR


def _by_call(legs: Iterable[Leg], events: Iterable[Event]) -> list[tuple[list[Leg], list[Event]]]:
    call_of = {event.uniqueid: event.linkedid for event in events}
    found: dict[str, tuple[list[Leg], list[Event]]] = defaultdict(lambda: ([], []))
    for leg in legs:
        id = call_of.get(leg.uniqueid, leg.linkedid)
        if len(found[id][0]) < LEGS_MAX:
            found[id][0].append(replace(leg, linkedid=id))
    for event in events:
        if len(found[event.linkedid][1]) < EVENTS_MAX:
            found[event.linkedid][1].append(event)
    return [found[id] for id in sorted(found)]
