"""The folder of the demo: recordings by day, call records, channel events."""

from __future__ import annotations

import csv
import os
import wave
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

from imvume.demo import records
from imvume.demo.diary import Planned, plan
from imvume.demo.records import Timing, Traced
from imvume.demo.script import RATE, Samples, Script, load
from imvume.demo.sound import Call, perform


def make(folder: Path, *, calls: int, until: datetime, seed: int) -> None:
    """Write `calls` calls of the 30 days before `until` into `folder`, as Asterisk 22 leaves them.

    folder: made if it is not there. It gets `monitor/YYYY/MM/DD/<channel>-rx.wav` and `-tx.wav`
    (16-bit PCM decoded from G.711, 8 kHz), `Master.csv` (call records, in the local time of
    Johannesburg) and `cel.csv` (channel events, in seconds since 1970).
    until: an aware instant; the last call ends before it.
    The same seed makes the same folder, byte for byte.
    """
    script = load()

    def one(planned: Planned) -> Traced:
        return _recorded(folder / "monitor", script, planned, seed)

    with ThreadPoolExecutor(2) as at_once:  # numpy and the disk let go of the interpreter while they work
        traced = list(at_once.map(one, plan(script, calls=calls, until=until, seed=seed)))
    by_end = sorted(traced, key=lambda call: call.timing.end)
    _write(folder / "Master.csv", [records.cdr(call) for call in by_end], quoting=csv.QUOTE_NONNUMERIC)
    events = sorted((event for call in traced for event in records.cel(call)), key=lambda event: event[0])
    _write(folder / "cel.csv", [row for _, row in events], quoting=csv.QUOTE_ALL)


def _recorded(monitor: Path, script: Script, planned: Planned, seed: int) -> Traced:
    call = perform(script, planned, seed=seed)
    traced = records.trace(planned, _timing(script, planned, call))
    for leg, name in records.names(traced).items():
        path = monitor / name
        path.parent.mkdir(parents=True, exist_ok=True)
        _wav(path, call.rx if leg == "rx" else call.tx)
        closed = traced.timing.end.timestamp()
        os.utime(path, (closed, closed))  # Asterisk closes the file when the call ends
    return traced


def _timing(script: Script, planned: Planned, call: Call) -> Timing:
    def after(since: datetime, seconds: float) -> datetime:
        return since + timedelta(seconds=seconds)

    inbound, first = planned.scene.direction == "in", planned.notice == "first"
    notice = None
    recorded = after(planned.at, 0.001)
    if first:
        # A call out rings elsewhere before the notice can be played.
        begun = after(planned.at, 0.02 if inbound else 3 + planned.no % 7)
        clip = script.clip("announcer", planned.scene.language, "notice", "")
        notice = (begun, after(begun, len(clip) / RATE + 0.04))
        recorded = after(notice[1], 0.0005)
    announced = (after(recorded, call.announced[0]), after(recorded, call.announced[1])) if call.announced else None
    return Timing(
        start=planned.at,
        notice=notice if first else announced,
        recorded=recorded,
        waiting=announced if first else None,
        bridged=after(recorded, max(call.joined, 0.02)),
        end=after(recorded, call.seconds),
    )


def _wav(path: Path, samples: Samples) -> None:
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframesraw(samples.astype("<i2", copy=False).data)


def _write(path: Path, rows: Iterable[Sequence[str | int]], *, quoting: int) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, quoting=quoting, lineterminator="\n").writerows(rows)  # type: ignore[arg-type]
