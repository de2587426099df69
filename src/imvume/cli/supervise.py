"""Processes that belong together: started, watched, started again when they end, and ended together."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

GRACE_SECONDS = 10.0  # what a child has for ending in order
PAUSE_FIRST_SECONDS = 1.0
PAUSE_MAX_SECONDS = 30.0
WELL_SECONDS = 60.0  # who lived so long is forgiven what came before
LOG_BYTES_MAX = 10_000_000


@dataclass(slots=True)
class Child:
    """A program to be kept running. `log` is the file for what it prints; None: where we print."""

    name: str
    command: Sequence[str]
    log: Path | None
    process: subprocess.Popen[bytes] | None = None
    begun_at: float = 0.0
    due_at: float = 0.0
    pause: float = PAUSE_FIRST_SECONDS

    def start(self) -> None:
        """Start it, in a session of its own: Ctrl-C is for whoever supervises, who then ends it in turn."""
        command = list(self.command)
        # If we are killed, the kernel tells it to end: two of a kind must not meet in one house.
        if setpriv := shutil.which("setpriv"):
            command = [setpriv, "--pdeathsig", "TERM", *command]
        out = _appended(self.log) if self.log else None
        try:
            self.process = subprocess.Popen(  # noqa: S603  # ourselves, with arguments we made
                command, stdin=subprocess.DEVNULL, stdout=out or 2, stderr=out or 2, start_new_session=True
            )
        finally:
            if out is not None:
                os.close(out)
        self.begun_at = time.monotonic()

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.process is not None and self.process.poll() is None


@dataclass(slots=True)
class Family:
    """Children, kept alive. `say` tells the person who looks on; `tend` is called every round, between them."""

    children: Sequence[Child]
    say: Callable[[str], None]
    tend: Callable[[], None] = lambda: None
    stop: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Start them all."""
        for child in self.children:
            child.start()

    def watch(self) -> None:
        """Keep them running until `stop` is set."""
        while not self.stop.wait(0.25):
            self.tend()
            for child in self.children:
                self._look_after(child)

    def end(self) -> None:
        """Tell all of them to end, wait for them, and kill who does not."""
        self.stop.set()
        for child in self.children:
            _signal(child, signal.SIGTERM)
        limit = time.monotonic() + GRACE_SECONDS
        for child in self.children:
            if child.process is None:
                continue
            try:
                child.process.wait(max(0.0, limit - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal(child, signal.SIGKILL)
                child.process.wait()

    def _look_after(self, child: Child) -> None:
        now = time.monotonic()
        if child.alive:
            return
        if child.process is not None:
            if now - child.begun_at > WELL_SECONDS:
                child.pause = PAUSE_FIRST_SECONDS
            child.process, child.due_at = None, now + child.pause
            where = f" (see {child.log.parent.name}/{child.log.name})" if child.log else ""
            self.say(f"The {child.name} has ended{where}; it is started again in {child.pause:.0f} s.")
            child.pause = min(child.pause * 2, PAUSE_MAX_SECONDS)
        elif now >= child.due_at:
            child.start()


def _appended(path: Path) -> int:
    if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
        path.replace(path.with_name(f"{path.name}.1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def _signal(child: Child, number: signal.Signals) -> None:
    if child.process is not None and child.process.poll() is None:
        child.process.send_signal(number)
