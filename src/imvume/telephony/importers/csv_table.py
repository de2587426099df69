"""Call records in a CSV file: Master.csv of cdr_csv, cdr_custom or cel_custom, growing while we read.

The file is read through once and only where each row stands is kept (16 bytes a key), so a
million rows cost some forty megabytes, and a watched file is read on from where it ended.
"""

from __future__ import annotations

import csv
import os
import stat
from array import array
from collections.abc import Iterator, Sequence, Set
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import BinaryIO
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from imvume.errors import BadInput, NotFound
from imvume.telephony.importers.csv_lines import Line, line_at, lines
from imvume.telephony.importers.layouts import columns_of, header
from imvume.telephony.importers.legs import EVENTS, Row, instant
from imvume.telephony.importers.records import Want
from imvume.telephony.importers.rows import keys_of

FIRST_ROWS = 100  # that are looked at to know what a file holds
_UTC = ZoneInfo("UTC")  # only whether a time can be read is asked here, not which it is
REFUSED_MAX = 1_000  # lines named; a file that is no CSV at all has millions, and nobody reads them


class CsvTable:
    """A Table over one CSV file. The kind of rows and their columns are read off the rows themselves.

    refused: where the lines go that cannot be read, each as a BadInput with its number.
    """

    def __init__(self, path: Path, refused: list[BadInput]) -> None:
        """Open `path`. Raises NotFound, or BadInput for what is no ordinary file."""
        self._path, self._refused = path, refused
        self._file = _open(path)
        self._forget()

    @property
    def kind(self) -> str:
        """What its rows are, by the first of them that can be read: "cdr" or "cel"."""
        for line in islice(lines(self._file, 0, 0), FIRST_ROWS):
            fields = _fields(line.raw) if line.raw is not None else None
            columns = (header(fields) or columns_of(fields)) if fields else None
            if columns is not None:
                return "cel" if "eventtype" in columns else "cdr"
        return "cdr"

    def naming(self, wants: Sequence[Want]) -> Iterator[Row]:
        """The rows that hold one of the ids or names wanted."""
        return self._holding({key for want in wants for key in want.keys})

    def whole(self, ids: Set[str], since: datetime, until: datetime) -> Iterator[Row]:
        """The rows that hold one of these ids, whenever they were."""
        return self._holding(ids)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _holding(self, keys: Set[str]) -> Iterator[Row]:
        self._read_on()
        for offset in self._offsets([hash(key) for key in keys]):
            row = self._row(line_at(self._file, offset))
            if row is not None and not keys.isdisjoint(keys_of(row)):
                yield row

    def _forget(self) -> None:
        self._header: Sequence[str] | None = None
        self._end, self._line = 0, 0
        self._found_hash, self._found_at = array("q"), array("q")
        self._hashes: NDArray[np.int64] = np.empty(0, np.int64)
        self._ats: NDArray[np.int64] = np.empty(0, np.int64)

    def _read_on(self) -> None:
        """Index what was added since the last time; all of it again if the file was rotated or cut."""
        try:
            there = os.stat(self._path)
        except OSError:
            there = None  # rotated away and not begun anew: what we hold open is still the truth
        here = os.fstat(self._file.fileno())
        if there is not None and (there.st_dev, there.st_ino) != (here.st_dev, here.st_ino):
            self._file.close()
            self._file = _open(self._path)
            self._forget()
        elif here.st_size < self._end:
            self._forget()
        if os.fstat(self._file.fileno()).st_size == self._end:
            return
        for line in lines(self._file, self._end, self._line):
            if line.whole:  # a last line without its end may still be being written: it is read, and read again
                self._end, self._line = line.offset + line.size, line.number + line.count - 1
            self._index(line)
        self._settle()

    def _index(self, line: Line) -> None:
        fields = _fields(line.raw) if line.raw is not None else None
        if line.number == 1 and fields and (found := header(fields)):
            self._header = found
            return
        if line.raw is not None and not line.raw.strip():
            return
        row = self._named(fields)
        if row is None or instant(row.get("start") or row.get("eventtime"), _UTC) is None:
            self._refuse(line)
            return
        if row.get("eventtype", EVENTS[0]) not in EVENTS:
            return
        for key in set(keys_of(row)):
            self._found_hash.append(hash(key))
            self._found_at.append(line.offset)

    def _row(self, line: Line) -> Row | None:
        return self._named(_fields(line.raw)) if line.raw is not None else None

    def _named(self, fields: Sequence[str] | None) -> Row | None:
        if not fields:
            return None
        columns = self._header if self._header is not None else columns_of(fields)
        # A row with fewer columns than the header is one that was cut short: half an id would name another call.
        if columns is None or len(fields) < len(columns):
            return None
        return dict(zip(columns, fields, strict=False))

    def _refuse(self, line: Line) -> None:
        if not line.whole or len(self._refused) >= REFUSED_MAX:
            return  # the end of a growing file: it is read again when there is more
        self._refused.append(
            BadInput(
                "telephony.record.unreadable",
                f"Line {line.number} of the call records cannot be read.",
                why=line.why or "It is no row of CDR or CEL in a form that we know, or it names no call.",
                remedy="The other lines were read; mend or remove this one, or give the file a first line with the "
                "names of its columns.",
            )
        )

    def _settle(self) -> None:
        hashes = np.concatenate([self._hashes, np.frombuffer(self._found_hash, np.int64)])
        ats = np.concatenate([self._ats, np.frombuffer(self._found_at, np.int64)])
        order = np.argsort(hashes, kind="stable")
        self._hashes, self._ats = hashes[order], ats[order]
        self._found_hash, self._found_at = array("q"), array("q")

    def _offsets(self, keys: Sequence[int]) -> list[int]:
        wanted = np.array(keys, np.int64)
        spans = zip(
            np.searchsorted(self._hashes, wanted, "left").tolist(),
            np.searchsorted(self._hashes, wanted, "right").tolist(),
            strict=True,
        )
        return sorted({at for first, last in spans for at in self._ats[first:last].tolist()})


def _fields(raw: bytes) -> list[str] | None:
    """The fields of one row, or None. Latin-1 where it is no UTF-8: old PBXs write callers' names so."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    try:
        return next(csv.reader([text], strict=True), None)
    except csv.Error:
        return None


def _open(path: Path) -> BinaryIO:
    try:
        # Without O_NONBLOCK a FIFO of that name would hold us for ever.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise NotFound(
            "telephony.records.none",
            "The file of call records cannot be opened.",
            why=os.strerror(error.errno or 0) + ".",
            remedy="Check its path and that this user may read it.",
        ) from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise BadInput(
            "telephony.records.not-a-file",
            "The call records are not an ordinary file.",
            remedy="Name the CSV file itself, such as /var/log/asterisk/cdr-csv/Master.csv.",
        )
    return open(fd, "rb", buffering=1 << 18)
