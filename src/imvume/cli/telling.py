"""How an import is told of: drawn on a terminal, in lines for a log, as JSON for a program."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn
from rich.progress import Progress as Bar

from imvume.cli.frame import Door, is_terminal
from imvume.telephony.importers.outcome import Progress, Remark, Teller
from imvume.telephony.importers.pace import Pace, Rate

SAY_SECONDS = 1.0  # between two lines of progress
PLAIN_SECONDS = 10.0  # the same where nobody draws, so that a log stays readable


class Told(Teller, Protocol):
    """A Teller that says whether it wants the files counted first."""

    counted: bool  # whether it is worth counting the files first


@contextmanager
def teller_for(door: Door, asked: bool) -> Iterator[Told]:
    """Who tells this terminal how it goes. asked: whether progress was asked for by name."""
    if door.json:
        yield _Lines(asked)
    elif is_terminal():
        with _Drawn() as drawn:
            yield drawn
    else:
        yield _Plain(asked)


class _Lines:
    """One JSON object a line on standard output, if asked for; nothing else, for a program reads it."""

    def __init__(self, asked: bool) -> None:
        self.counted = self._asked = asked
        self._pace, self._said_at = Pace(), 0.0

    def progress(self, progress: Progress) -> None:
        now = time.monotonic()
        if not self._asked or now - self._said_at < SAY_SECONDS:
            return
        self._said_at = now
        rate = self._pace.rate(progress, now)
        _line(
            progress={
                "files": progress.files,
                "of_files": progress.of_files,
                "bytes": progress.bytes,
                "of_bytes": progress.of_bytes,
                "audio_hours": round(progress.audio_seconds / 3600, 3),
                "files_per_second": round(rate.files, 2),
                "audio_hours_per_second": round(rate.audio_hours, 4),
                "seconds_left": None if rate.left is None else round(rate.left),
            }
        )

    def refused(self, remark: Remark) -> None:
        if self._asked:
            _line(refused=remark.as_dict())

    def noted(self, remark: Remark) -> None:
        if self._asked:
            _line(noted=remark.as_dict())


class _Plain:
    """Lines on standard error, for a log: each file that is refused, and now and then how far it is."""

    def __init__(self, asked: bool) -> None:
        self.counted = self._asked = asked
        self._pace, self._said_at = Pace(), time.monotonic()

    def progress(self, progress: Progress) -> None:
        now = time.monotonic()
        if self._asked and now - self._said_at >= PLAIN_SECONDS:
            self._said_at = now
            click.echo(_far(progress, self._pace.rate(progress, now)), err=True)

    def refused(self, remark: Remark) -> None:
        click.echo(_told(remark), err=True)

    def noted(self, remark: Remark) -> None:
        click.echo(_told(remark), err=True)


class _Drawn:
    """A bar with rate and time left on a terminal; what is refused scrolls by above it."""

    counted = True

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, markup=False, emoji=False)
        self._bar = Bar(BarColumn(), DownloadColumn(), TextColumn("{task.description}"), console=self._console)
        self._task = self._bar.add_task("counting", total=None)
        self._pace = Pace()

    def __enter__(self) -> _Drawn:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def progress(self, progress: Progress) -> None:
        rate = self._pace.rate(progress, time.monotonic())
        self._bar.update(
            self._task,
            completed=progress.bytes,
            total=max(progress.of_bytes, progress.bytes) or None,
            description=_far(progress, rate),
        )

    def refused(self, remark: Remark) -> None:
        self._console.print(_told(remark), soft_wrap=True)

    def noted(self, remark: Remark) -> None:
        self._console.print(_told(remark), soft_wrap=True)


def _line(**facts: object) -> None:
    click.echo(json.dumps(facts, ensure_ascii=False))
    sys.stdout.flush()


def _told(remark: Remark) -> str:
    # The path was made harmless when the remark was; it may hold a number, and this terminal is the operator's.
    return (
        f"{remark.file or 'call records'}: {remark.error.what} {remark.error.why}".rstrip() + f" ({remark.error.code})"
    )


def _far(progress: Progress, rate: Rate) -> str:
    of = f" of {progress.of_files:,}" if progress.of_files else ""
    left = f", {span(rate.left)} left" if rate.left is not None else ""
    return f"{progress.files:,}{of} files, {rate.files:.1f} files/s, {rate.audio_hours:.2f} audio hours/s{left}"


def span(seconds: float) -> str:
    """A length of time as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
