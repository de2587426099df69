"""VICIdial's recording_log, and the two logs that know the number behind a recording.

A recording there is of the agent's conference: both voices are in `-in`, and `-out` is what was
played into the room. So no file of VICIdial is one person's leg (AST_CRON_audio_1_move_VDonly).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from imvume.calls.facts import CallFacts, Direction, Party
from imvume.errors import BadInput
from imvume.telephony.importers import names, numbers
from imvume.telephony.importers.legs import Row, instant, plain
from imvume.telephony.importers.records import Want
from imvume.telephony.importers.server import Server
from imvume.telephony.importers.translate import REF, Record, tidy

KEYS_MAX = 500  # in one question; each is short, for an old server locks the whole table while it answers
NEAR = timedelta(hours=12)

_RECORDING = (
    *("recording_id", "start_time", "start_epoch", "end_time", "end_epoch", "length_in_sec", "filename", "location"),
    *("lead_id", "user", "vicidial_id"),
)
_LOG = ("start_epoch", "end_epoch", "campaign_id", "status", "phone_code", "phone_number", "user")
_LEAD = ("lead_id", "phone_code", "phone_number")
_TABLES = (
    *("recording_log", "recording_log_archive", "vicidial_log", "vicidial_log_archive"),
    *("vicidial_closer_log", "vicidial_closer_log_archive", "vicidial_list"),
)
_NOTHING: Row = {}
_NOBODY = frozenset({"", "vdad", "vdcl", "vdid", "admin"})  # users that are the dialler itself


class VicidialRecords:
    """The Records of one VICIdial database."""

    def __init__(self, server: Server, *, source: str, zone: ZoneInfo, region: str) -> None:
        """Look at which tables there are. Raises Unavailable, Refused, or BadInput where there is no recording_log."""
        self._server, self._source, self._zone, self._region = server, source, zone, region
        self.refused: list[BadInput] = []
        self._columns = {name: tuple(server.columns(name)) for name in _TABLES}
        if not {"recording_id", "filename"} <= set(self._columns["recording_log"]):
            raise BadInput(
                "telephony.server.no-table",
                "The server has no such call records.",
                why="There is no table recording_log.",
                remedy="Check the database in the address; VICIdial's is mostly called asterisk.",
            )

    def find(self, wants: Sequence[Want]) -> Sequence[Record]:
        """The calls that these recordings belong to: by file name, and by location for what was renamed since."""
        rows = {int(str(row["recording_id"])): row for row in self._recordings(wants)}
        calls: dict[str, list[Row]] = defaultdict(list)
        for id in sorted(rows):
            calls[_call_of(rows[id])].append(rows[id])
        logs = self._logs(calls)
        leads = self._leads([row for id, some in calls.items() if id not in logs for row in some])
        found = [self._record(id, some, logs.get(id), leads) for id, some in calls.items()]
        return [record for record in found if record]

    def close(self) -> None:
        """Let go of the server."""
        self._server.close()

    def _recordings(self, wants: Sequence[Want]) -> Iterator[Row]:
        left = {want.file: want for want in wants if want.file}
        for table in ("recording_log", "recording_log_archive"):
            for row in self._keyed(table, "filename", list(left), _RECORDING):
                left.pop(_stem(row), None)
                yield row
        times = sorted(want.at for want in left.values() if want.at is not None)
        if not times:
            return
        since, until = times[0] - NEAR, times[-1] + NEAR
        for table in ("recording_log", "recording_log_archive"):
            if "start_epoch" in self._columns[table]:
                where, given = "start_epoch >= %s AND start_epoch < %s", [since.timestamp(), until.timestamp()]
                for row in self._ask(table, where, given, _RECORDING):
                    if names.stem(plain(row["location"])) in left:
                        yield row

    def _logs(self, calls: Iterable[str]) -> dict[str, tuple[Direction, Row]]:
        found: dict[str, tuple[Direction, Row]] = {}
        outward = [id for id in calls if id.partition(".")[2]]
        inward = [id.removeprefix("closer-") for id in calls if id.startswith("closer-")]
        for table in ("vicidial_closer_log", "vicidial_closer_log_archive"):
            for row in self._keyed(table, "closecallid", inward, ("closecallid", *_LOG)):
                found.setdefault(f"closer-{plain(row['closecallid'])}", ("in", row))
        for table in ("vicidial_log", "vicidial_log_archive"):
            for row in self._keyed(table, "uniqueid", outward, ("uniqueid", *_LOG)):
                found.setdefault(plain(row["uniqueid"]), ("out", row))
        return found

    def _leads(self, rows: Iterable[Row]) -> dict[str, Row]:
        leads = {lead for row in rows if (lead := plain(row["lead_id"])) and lead != "0"}
        return {plain(row["lead_id"]): row for row in self._keyed("vicidial_list", "lead_id", sorted(leads), _LEAD)}

    def _keyed(self, table: str, column: str, keys: Sequence[str], columns: Sequence[str]) -> Iterator[Row]:
        if column not in self._columns[table]:
            return
        for first in range(0, len(keys), KEYS_MAX):
            some = keys[first : first + KEYS_MAX]
            where = f"{self._server.quote(column)} IN ({', '.join(['%s'] * len(some))})"
            yield from self._ask(table, where, some, columns)

    def _ask(self, table: str, where: str, given: Sequence[object], columns: Sequence[str]) -> Iterator[Row]:
        there = [name for name in columns if name in self._columns[table]]
        nothing = dict.fromkeys(columns)
        for values in self._server.stream(there, table, where, given):
            yield nothing | dict(zip(there, values, strict=True))

    def _record(
        self, id: str, rows: Sequence[Row], log: tuple[Direction, Row] | None, leads: dict[str, Row]
    ) -> Record | None:
        direction, told = log if log else (None, _NOTHING)
        began = [at for row in rows if (at := self._instant(row, "start"))]
        if not began:
            return None
        place = tidy(plain(told.get("campaign_id")))
        return Record(
            facts=CallFacts(
                source=self._source,
                source_ref=id,
                started_at=min([at for at in (self._instant(told, "start"), *began) if at]),
                answered_at=min(began),
                ended_at=max([at for row in (*rows, told) if (at := self._instant(row, "end"))], default=None),
                direction=direction,
                parties=tuple(self._parties(rows, told, leads)),
                queue=place if direction == "in" else None,
                campaign=place if direction == "out" else None,
                disposition=re.sub(r"[^a-z0-9]+", "-", plain(told.get("status")).lower()).strip("-")[:20] or None,
            ),
            ids=frozenset({id}),
            files=frozenset(name for row in rows for name in (_stem(row), names.stem(plain(row["location"]))) if name),
            mixed=True,
        )

    def _parties(self, rows: Sequence[Row], told: Row, leads: dict[str, Row]) -> Iterator[Party]:
        """Who was phoned or phoned, by the log, the lead or the file's name; then every agent who recorded."""
        known = [self._phone(told), *(self._phone(leads.get(plain(row["lead_id"]))) for row in rows)]
        named = [names.read(f"{plain(row['filename'])}-all.wav").caller for row in rows]
        if caller := next(filter(None, known), None) or numbers.outsider("caller", *named, region=self._region):
            yield caller
        for user in dict.fromkeys(plain(row.get("user")) for row in (*rows, told)):
            if user.lower() not in _NOBODY and (agent := numbers.insider("agent", user)):
                yield agent

    def _phone(self, row: Row | None) -> Party | None:
        if row is None or not (number := plain(row.get("phone_number"))):
            return None
        code = plain(row.get("phone_code"))
        # 27 and 0821234567 stand in two columns; or all of it in the second, with any code in the first.
        whole = (
            f"+{code}{number.lstrip('0')}" if code.isascii() and code.isdigit() and not number.startswith("+") else ""
        )
        found = numbers.e164(whole, region=self._region) or numbers.e164(number, region=self._region)
        return Party("caller", "phone", found) if found else None

    def _instant(self, row: Row, end: str) -> datetime | None:
        try:
            seconds = int(plain(row.get(f"{end}_epoch")) or 0)
        except ValueError:
            seconds = 0
        if 0 < seconds < 2**33:  # free of any zone, so better than the wall clock beside it
            return datetime.fromtimestamp(seconds, UTC)
        return instant(row.get(f"{end}_time"), self._zone)


def _stem(row: Row) -> str:
    """The file's name in the log has no ending and no half, so what looks like one there is part of the name."""
    return names.stem(f"{plain(row['filename'])}-all.wav")


def _call_of(row: Row) -> str:
    """Which call a recording is of: VICIdial's own id, a channel's for calls out and a number for calls in."""
    id = plain(row["vicidial_id"])
    if id.isascii() and id.isdigit() and id.strip("0"):
        return f"closer-{id}"
    return id if "." in id and REF.match(id) else f"recording-{plain(row['recording_id'])}"
