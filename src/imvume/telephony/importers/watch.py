"""Folders that `imvume start` keeps an eye on: looked at again and again, whatever is new is taken.

Polling, not inotify: it works on shares and on old kernels, misses nothing across a restart,
and a folder in which nothing changed costs one look at its time.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import structlog

from imvume.app import STOPPING, Duty
from imvume.archive.house import House
from imvume.basics import clock
from imvume.basics.ids import TenantId
from imvume.config import Watch
from imvume.store import tenants
from imvume.store.tenants import Tenant
from imvume.telephony.importers.engine import Import, Plan
from imvume.telephony.importers.folder import Folder, Parts
from imvume.telephony.importers.outcome import Nobody, Outcome
from imvume.telephony.importers.records import Records
from imvume.telephony.importers.sources import open_records, the_kind, the_name, the_zone
from imvume.telephony.importers.taker import HouseTaker

WHOLE_LOOK_SECONDS = (
    3600.0  # everything is looked at again this often: a file may be mended without its folder noticing
)
FRESH_NS = 2_000_000_000  # a folder changed so lately may have changed again within one tick of its file system's clock
REST = 9.0  # times as long as a look took, before the next: a huge tree must not cost more than a tenth of a core

log = structlog.get_logger("imvume.watch")


def duties(house: House) -> list[Duty]:
    """One duty for each watched folder of the settings. Two workers at once take nothing twice."""
    every = max(1.0, house.config.settle_seconds / 2)
    return [
        Duty(f"watch.{place}", every, Watcher(watch, stop=STOPPING).run)
        for place, watch in enumerate(house.config.watch)
    ]


@dataclass(slots=True)
class _Open:
    """What is kept open between two looks."""

    folder: Folder
    records: Records
    importing: Import
    quiet: dict[Parts, int] = field(default_factory=dict)  # folders in which all is done, by when they last changed
    whole_at: float = 0.0

    def close(self) -> None:
        self.records.close()
        self.folder.close()


class Watcher:
    """Keeps one folder empty of what was not taken. Not for two threads at once.

    ticks: a clock that never goes back.
    """

    def __init__(self, watch: Watch, *, stop: threading.Event, ticks: Callable[[], float] = time.monotonic) -> None:
        self._watch, self._stop, self._ticks = watch, stop, ticks
        self._open: _Open | None = None
        self._next = 0.0

    def run(self, house: House, at: datetime) -> None:
        """Look once, if it is time, and take what is new. Raises what keeps it from looking; the next begins anew."""
        began = self._ticks()
        if began < self._next:
            return
        with house.database.transaction(None) as tx:
            known = tenants.tenants(tx)
        if not known:
            return
        try:
            outcome = self._look(house, known[0], at)
        except BaseException:
            self.close()
            raise
        self._next = self._ticks() + REST * (self._ticks() - began)
        self._say(outcome)
        if outcome.error is not None:
            self.close()
            raise outcome.error

    def close(self) -> None:
        """Let go of folder and records."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _look(self, house: House, tenant: Tenant, at: datetime) -> Outcome:
        opened = self._open = self._open or self._opened(house, tenant)
        if self._ticks() - opened.whole_at >= WHOLE_LOOK_SECONDS:
            opened.quiet.clear()
            opened.importing.forget()
            opened.whole_at = self._ticks()
        seen: dict[Parts, int] = {}

        def skip(parts: Parts, changed: int) -> bool:
            seen[parts] = changed
            return opened.quiet.get(parts) == changed

        outcome = opened.importing.once(skip)
        unsettled = opened.importing.unsettled()
        now = at.timestamp() * 1e9
        opened.quiet = {
            parts: changed
            for parts, changed in seen.items()
            if parts not in unsettled and changed < now - FRESH_NS and not (outcome.stopped or outcome.error)
        }
        return outcome

    def _opened(self, house: House, tenant: Tenant) -> _Open:
        watch, config = self._watch, house.config
        source, zone = the_name(watch.name), the_zone(watch.zone or tenant.zone)
        folder = Folder(Path(watch.folder).expanduser())
        try:
            records = open_records(
                the_kind(watch.kind),
                [place for place in (watch.records, watch.cel) if place],
                source=source,
                zone=zone,
                region=tenant.region,
                outside=watch.outside,
                password_file=Path(watch.password_file).expanduser() if watch.password_file else None,
            )
        except BaseException:
            folder.close()
            raise
        plan = Plan(
            source=source,
            zone=zone,
            region=tenant.region,
            outside=watch.outside,
            mixed=watch.kind == "vicidial",
            settle_seconds=config.settle_seconds,
            workers=config.workers,
            move=watch.move,
            patience_seconds=5.0,  # the worker that calls us waits by itself
        )
        taker = HouseTaker(house, TenantId(tenant.tenant_id))
        importing = Import(plan, folder, records, taker, Nobody(), now=clock.now, ticks=self._ticks, stop=self._stop)
        return _Open(folder, records, importing, whole_at=self._ticks())

    def _say(self, outcome: Outcome) -> None:
        if outcome.taken or outcome.removed:
            log.info(
                "recordings taken",
                pbx=self._watch.name,
                taken=outcome.taken,
                calls=outcome.calls,
                removed=outcome.removed,
                audio_seconds=round(outcome.audio_seconds, 1),
            )
        if any(remark.error.code == "telephony.zone.doubtful" for remark in outcome.notes):
            log.warning("the zone of this PBX seems wrong", pbx=self._watch.name, code="telephony.zone.doubtful")
        if outcome.refused:
            # By code alone: the names are people's. `imvume import` of the same folder names each to the operator.
            codes = Counter(remark.error.code for remark in outcome.refusals)
            log.warning("recordings refused", pbx=self._watch.name, refused=outcome.refused, codes=dict(codes))
