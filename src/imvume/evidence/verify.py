"""Reads a whole log and believes nothing of it.

Every entry is hashed again, from its body up to every root that was ever signed; every column
of every row is compared with something that is signed. What this proves, and what it does
not, it says in words at the end.

It shares no code with what writes the log, but for the two hash functions and the reading of
notes. A slice is one short transaction, memory is flat however long the log is, and between
two slices all that is known fits in a few hundred bytes of text.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import msgspec
from cryptography import x509

from imvume.basics.ids import TenantId
from imvume.evidence import endings, kinds, recount
from imvume.evidence.findings import Finding, Findings, Progress
from imvume.evidence.note import Vkey
from imvume.evidence.recount import GROUP, HASH, Group, Tree
from imvume.evidence.statement import Statement, statement
from imvume.store.database import Database, Row, Tx

SLICE: Final = 32 * GROUP  # entries read in one transaction

_FORMS: Final = {type: kinds.form(type) for type in kinds.KINDS}
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder(order="deterministic").encode


def verify(
    database: Database,
    tenant: TenantId,
    *,
    vkeys: Collection[Vkey],
    heads_in: Path | None,
    at: datetime,
    roots: Collection[x509.Certificate] = (),
    told: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[Finding | Statement]:
    """Every finding about a tenant's log, as it is found, and at last one Statement.

    vkeys: the keys that may have signed the log. heads_in: the folder with the heads that are kept
    outside the database, or None if there is none to compare with. roots: of the time-stamp
    authorities that are trusted. told: called with (entries done, of) after each slice.
    """
    reading = Verification(database, tenant, vkeys=vkeys, heads_in=heads_in, at=at, roots=roots)
    while not reading.done:
        yield from reading.step()
        told(reading.entries, reading.total)
    yield reading.statement()


class Verification:
    """One reading of a log, slice by slice; it can be stopped after any, and gone on with from its `state`."""

    def __init__(
        self,
        database: Database,
        tenant: TenantId,
        *,
        vkeys: Collection[Vkey],
        heads_in: Path | None,
        at: datetime,
        roots: Collection[x509.Certificate] = (),
        state: str = "",
        slice_entries: int = SLICE,
    ) -> None:
        """Begin, or go on from `state`. Raises BadInput `evidence.verify.state` for a state that is none."""
        if slice_entries % GROUP:
            raise ValueError("a slice is made of whole groups")
        self._database, self._tenant, self._at = database, tenant, at
        self._vkeys, self._heads_in, self._roots, self._slice = vkeys, heads_in, roots, slice_entries
        if state:
            self._progress = Progress.read(state)
        else:
            self._progress = self._begin()
        self._findings = Findings(self._progress.found)
        self._tree = Tree(self._progress.size, list(self._progress.peaks))

    @property
    def done(self) -> bool:
        """Whether all of it has been read."""
        return self._progress.ended

    @property
    def entries(self) -> int:
        """How many entries have been read."""
        return self._progress.size

    @property
    def total(self) -> int:
        """How many entries the log had when this reading began."""
        return self._progress.target

    @property
    def state(self) -> str:
        """Where it stands, as text."""
        return self._progress.text()

    def step(self) -> list[Finding]:
        """Read one slice; answers what was found in it. The last one looks at what stands around the log."""
        with self._database.transaction(self._tenant) as tx:
            if self._progress.size < self._progress.target:
                self._read(tx)
            else:
                endings.look(
                    tx, self._progress, self._findings, vkeys=self._vkeys, heads_in=self._heads_in, at=self._at
                )
                for row in tx.stream("evidence.verify_waiting"):
                    self._columns(row, f"waiting entry {row['entry_id']}")
                self._progress.ended = True
        return self._findings.taken()

    def statement(self) -> Statement:
        """What was and what was not proved."""
        return statement(self._progress, kept_outside=self._heads_in is not None, trusted=bool(self._roots))

    def _begin(self) -> Progress:
        """The newest checkpoint that is good says how far the log is to be read."""
        with self._database.transaction(self._tenant) as tx:
            found = endings.newest(tx, self._vkeys)
        return Progress(target=found.size, root=found.root) if found else Progress(target=0, root=b"")

    def _read(self, tx: Tx) -> None:
        start = self._tree.size
        end = min(start + self._slice, self._progress.target)
        rows = tx.all("evidence.verify_entries", start=start, end=end)
        held = self._tiles(tx, start, end)
        signed = {row["size"]: row for row in tx.all("evidence.verify_checkpoints", after=start, until=end)}
        ours: list[bytes | None] = [None] * (end - start)
        for row in rows:
            ours[row["idx"] - start] = recount.of(row["body"])
            self._columns(row, f"entry {row['idx']}")
        missing: list[int] = []
        for first in range(start, end, GROUP):
            group = self._group(first, ours[first - start : min(first + GROUP, end) - start], held)
            missing += group.missing()
            for hash in self._judged(group, held):
                for level, index, above in self._tree.add(hash):
                    self._compare(level, index, above, held)
                if self._tree.size in signed:
                    self._checkpoint(signed[self._tree.size])
        self._gaps(missing)
        stamps = [row["about"] for row in rows if row["type"] == "log.stamped"]
        if stamps:
            endings.stamps(tx, stamps, self._progress, self._findings, roots=self._roots)
        self._progress.size, self._progress.peaks = self._tree.size, list(self._tree.peaks)

    def _tiles(self, tx: Tx, start: int, end: int) -> dict[tuple[int, int], bytes]:
        """Every tile that holds a hash over these entries, or should."""
        asked = [
            (level, n)
            for level in range(8)
            for n in range(start >> 8 * (level + 1), ((end - 1) >> 8 * (level + 1)) + 1)
        ]
        rows = tx.all("evidence.tiles_at", levels=[level for level, _ in asked], ns=[n for _, n in asked])
        return {(row["level"], row["n"]): bytes(row["hashes"]) for row in rows}

    def _group(self, first: int, ours: list[bytes | None], held: dict[tuple[int, int], bytes]) -> Group:
        n = first // GROUP
        tile = held.get((0, n))
        if tile is None:
            self._findings.add("tile-missing", f"tile 0/{n}", "It is not there. The entries say what it held.")
        elif len(tile) < len(ours) * HASH:
            self._findings.add("tile-altered", f"tile 0/{n}", "It holds fewer hashes than there are entries.")
            tile = None
        return Group(first, ours, None if tile is None else recount.hashes(tile[: len(ours) * HASH]))

    def _judged(self, group: Group, held: dict[tuple[int, int], bytes]) -> list[bytes]:
        """The leaves to go on with. Where entries and tile differ, what is above them says which was changed."""
        repaired = group.repaired()
        if repaired is None:
            self._progress.lost = True  # an entry and its tile are both gone: no root after it can be counted
            return [hash or bytes(HASH) for hash in group.ours]
        if group.agrees or group.tile is None:
            return repaired
        if self._fits(group.first, repaired, held):
            for index in group.differing():
                about = f"tile 0/{group.first // GROUP}"
                self._findings.add("tile-altered", about, f"Its hash of entry {index} is not that of the entry.")
            return repaired
        theirs = list(group.tile)
        proved = self._fits(group.first, theirs, held)
        for index in group.differing():
            text = "Its bytes are not those that were signed." if proved else "It does not agree with its tile."
            self._findings.add("entry-altered", f"entry {index}", text)
        return theirs if proved else repaired

    def _fits(self, first: int, leaves: list[bytes], held: dict[tuple[int, int], bytes]) -> bool:
        """Whether these leaves give the hash that stands above them."""
        if len(leaves) < GROUP:  # the last group of all: above it is the root that was signed
            return self._tree.size == first and self._tree.root_with(leaves) == self._progress.root
        index = first // GROUP
        above = held.get((1, index // GROUP), b"")
        return above[index % GROUP * HASH :][:HASH] == recount.whole(leaves)

    def _compare(self, level: int, index: int, hash: bytes, held: dict[tuple[int, int], bytes]) -> None:
        """Compare a hash that was counted with the one that the tile holds."""
        n, place = divmod(index, GROUP)
        tile = held.get((level, n))
        about = f"tile {level}/{n}"
        if tile is None:
            if place == 0:  # once for a tile, not for each of its hashes
                self._findings.add("tile-missing", about, "It is not there. The entries say what it held.")
        elif not self._progress.lost and tile[place * HASH :][:HASH] != hash:
            self._findings.add("tile-altered", about, f"Its hash number {place} is not what the entries give.")

    def _checkpoint(self, row: Row) -> None:
        root = None if self._progress.lost else self._tree.root()
        endings.checkpoint(row, root, self._progress, self._findings, self._vkeys)

    def _columns(self, row: Row, about: str) -> None:
        """Compare the columns of an entry with its body, and its body with what may be said at all."""
        form = _FORMS.get(row["type"])
        seen = form.fullmatch(row["body"]) if form else None
        if seen and seen["entry"] == row["entry_id"].encode() and seen["about"] == row["about"].encode():
            return  # as nearly all are; the rest is looked at closely, to say what is wrong
        try:
            told = _decode(row["body"])
            exact = _encode(told) == row["body"]
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            self._findings.add("entry-unreadable", about, "Its body is not an entry.")
            return
        if not exact:
            self._findings.add("entry-unreadable", about, "Its body is not written as entries are.")
        fault = kinds.faults(told)
        if fault:
            self._findings.add("entry-strange", about, f"It may not stand in a log: {fault}.")
            return
        pairs = (("entry_id", "entry"), ("type", "type"), ("about", "about"))
        for column in [column for column, name in pairs if row[column] != told[name]]:
            self._findings.add("entry-column", about, f"Its column {column} is not what its body says.")

    def _gaps(self, missing: list[int]) -> None:
        # Neighbours are one finding: a log whose tail is cut off is not told in a million sentences.
        for _, run in groupby(enumerate(missing), key=lambda pair: pair[1] - pair[0]):
            places = [place for _, place in run]
            about = f"entry {places[0]}" if len(places) == 1 else f"entries {places[0]} to {places[-1]}"
            self._findings.add("entry-missing", about, "It was signed and is not there any more.", count=len(places))
