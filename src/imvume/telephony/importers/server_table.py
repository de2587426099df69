"""CDR and CEL in a database: asked by key where an index leads to it, by time where none does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from imvume.errors import BadInput
from imvume.telephony.importers.legs import EVENTS, Row, plain
from imvume.telephony.importers.records import Want
from imvume.telephony.importers.rows import keys_of
from imvume.telephony.importers.server import Server, aware

KEYS_MAX = 500  # in one question

_TIMES = ("date", "time")  # what the types of columns that can be compared with an instant have in their names
_CDR = (
    *("uniqueid", "linkedid", "calldate", "start", "answer", "end", "clid", "src", "dst", "dcontext", "channel"),
    *("dstchannel", "lastapp", "lastdata", "duration", "billsec", "disposition", "accountcode", "userfield"),
    *("recordingfile", "did", "cnum", "outbound_cnum"),
)
_CEL = (
    *("uniqueid", "linkedid", "eventtype", "eventtime", "cid_num", "exten", "context", "channame", "appname"),
    "appdata",
)
NEAR = timedelta(hours=12)  # between a recording's time and its rows': a caller waited, a clock was local


class ServerTable:
    """A Table over one CDR or CEL table of a Server.

    kind: "cdr" or "cel". zone: the PBX's own, for columns that hold its wall clock.
    """

    def __init__(self, server: Server, table: str, kind: str, zone: ZoneInfo) -> None:
        self._server, self._table, self._kind, self._zone = server, table, kind, zone
        self._known: dict[str, str] = {}
        self._indexed: frozenset[str] = frozenset()

    def exists(self) -> bool:
        """Whether the server has this table with the columns without which it is of no use. Raises Unavailable."""
        if not self._known:
            wanted = _CDR if self._kind == "cdr" else _CEL
            there = self._server.columns(self._table)
            self._known = {name: there[name] for name in wanted if name in there}
            self._indexed = self._server.indexed(self._table)
        return "uniqueid" in self._known and bool(self._time()[0])

    def naming(self, wants: Sequence[Want]) -> Iterator[Row]:
        """A row for each recording that has one: by its ids if an index leads there, else among those of its time."""
        self._need()
        left = dict.fromkeys(wants)
        if "uniqueid" in self._indexed:
            ids = {id for want in wants for id in want.ids}
            yield from self._found(self._by_ids("uniqueid", ids), left)
        if left:
            yield from self._found(self._by_time(list(left)), left)
        if any(not want.sure or want.at is None for want in left):
            # Nothing tells when it was: one look through all, as the question before found nothing.
            yield from self._found(self._where("1 = 1", ()), left)

    def whole(self, ids: Set[str], since: datetime, until: datetime) -> Iterator[Row]:
        """Every row of these calls: by key where an index leads there, else among those of their time."""
        self._need()
        columns = [column for column in ("uniqueid", "linkedid") if column in self._known]
        for column in columns:
            if column in self._indexed:
                yield from self._by_ids(column, ids)
        if not self._indexed.issuperset(columns):
            for row in self._between(since, until):
                if any(plain(row.get(column)) in ids for column in columns):
                    yield row

    def close(self) -> None:
        """Let go of the server."""
        self._server.close()

    def _found(self, rows: Iterable[Row], left: dict[Want, None]) -> Iterator[Row]:
        """Those of `rows` that name something of what is left, which is left no more."""
        by_key: dict[str, list[Want]] = defaultdict(list)
        for want in left:
            for key in want.keys:
                by_key[key].append(want)
        for row in rows:
            hits = [want for key in keys_of(row) if key in by_key for want in by_key[key]]
            if hits:
                yield row
            for want in hits:
                left.pop(want, None)

    def _by_ids(self, column: str, ids: Iterable[str]) -> Iterator[Row]:
        asked = sorted(ids)
        for first in range(0, len(asked), KEYS_MAX):
            some = asked[first : first + KEYS_MAX]
            yield from self._where(f"{self._server.quote(column)} IN ({', '.join(['%s'] * len(some))})", some)

    def _by_time(self, wants: Sequence[Want]) -> Iterator[Row]:
        # Recordings of one slice lie close together; one that lies apart is asked for apart.
        times = sorted(want.at for want in wants if want.at is not None)
        while times:
            since = until = times[0]
            while times and times[0] - until <= 2 * NEAR:
                until = times.pop(0)
            yield from self._between(since - NEAR, until + NEAR)

    def _between(self, since: datetime, until: datetime) -> Iterator[Row]:
        column, kind = self._time()
        bounds: list[datetime] = [since, until]
        if kind != self._server.instants:
            bounds = [at.astimezone(self._zone).replace(tzinfo=None) for at in bounds]
        elif kind == "timestamp":  # MySQL's, in a session that is in UTC
            bounds = [at.astimezone(UTC).replace(tzinfo=None) for at in bounds]
        name = self._server.quote(column)
        yield from self._where(f"{name} >= %s AND {name} < %s", bounds)

    def _where(self, where: str, given: Sequence[object]) -> Iterator[Row]:
        columns = list(self._known)
        if self._kind == "cel":
            where = f"({where}) AND eventtype IN ({', '.join(['%s'] * len(EVENTS))})"
            given = [*given, *EVENTS]
        instants = [place for place, name in enumerate(columns) if self._known[name] == self._server.instants]
        for values in self._server.stream(columns, self._table, where, given):
            row = dict(zip(columns, values, strict=True))
            for place in instants:
                row[columns[place]] = aware(values[place])
            yield row

    def _time(self) -> tuple[str, str]:
        """The column that says when, and its kind; ("", "") if there is none that can be compared."""
        for name in ("calldate", "start", "eventtime"):
            if any(word in self._known.get(name, "") for word in _TIMES):
                return name, self._known[name]
        return "", ""

    def _need(self) -> None:
        if not self.exists():
            raise BadInput(
                "telephony.server.no-table",
                "The server has no such call records.",
                why=f"There is no table for {self._kind.upper()} with a uniqueid and a time.",
                remedy="Check the database in the address; ?cdr= and ?cel= name tables that are called otherwise.",
            )
