"""A real Asterisk 22 on loopback, and real SIP calls through it with speech on both sides."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import time
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from string import Template

from servers.ports import free_ports, free_range

from . import config
from .prefix import Absent, Prefix, cache, unpacked
from .speech import Speech, prompt

NOTICE_TEXT = "Please note that this call is recorded."
READY_SECONDS = 30.0  # it takes one on a quiet machine
CALL_SECONDS = 60.0

_here = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Placed:
    """A call that was placed and is over: what Asterisk called it, and the files it left."""

    linked_id: str
    recordings: dict[str, Path]  # "rx" (what the caller said), "tx" (what the caller heard), "mix"


class Lab:
    """One Asterisk in one folder, reachable only from this machine.

    `monitor` has the recordings, `cdr` and `cel` are its records. `ami` and `http` are
    ports of 127.0.0.1; the user of both is "imvume", the password is `secret`.
    """

    def __init__(self, folder: Path, prefix: Prefix) -> None:
        self.folder = folder
        self.secret = token_hex(16)
        free = free_ports(4 + len(config.AGENTS))
        media = free_range(400)
        if media is None:
            raise Absent("There are no 400 free UDP ports in a row on 127.0.0.1.")
        self.ports = config.Ports(
            sip=free[0],
            http=free[1],
            ami=free[2],
            rtp=(media, media + 198),
            agents=tuple(free[4:]),
            trunk=free[3],
        )
        self._media = media + 200
        self._file = config.write(folder, prefix, self.ports, self.secret)
        self._prefix = prefix
        self._running: subprocess.Popen[bytes] | None = None
        (folder / "sip").mkdir()
        self.notice = folder / "data/sounds/custom" / f"{config.NOTICE}.wav"
        prompt(NOTICE_TEXT, self.notice)

    @property
    def monitor(self) -> Path:
        return self.folder / "spool/monitor"

    @property
    def cdr(self) -> Path:
        return self.folder / "log/cdr-csv/Master.csv"

    @property
    def cel(self) -> Path:
        return self.folder / "log/cel-custom/Master.csv"

    @property
    def ami(self) -> int:
        return self.ports.ami

    @property
    def http(self) -> int:
        return self.ports.http

    @property
    def notice_seconds(self) -> float:
        """How long the recording notice takes to play."""
        with wave.open(str(self.notice)) as sound:
            return float(sound.getnframes() / sound.getframerate())

    def start(self) -> None:
        """Start Asterisk and wait until it takes calls. Raises Absent with its last words if it does not."""
        said = (self.folder / "said").open("wb")
        with said:
            self._running = subprocess.Popen(
                self._prefix.command("-C", str(self._file), "-f"), stdin=subprocess.DEVNULL, stdout=said, stderr=said
            )
        log, until = self.folder / "log/full", time.monotonic() + READY_SECONDS
        while time.monotonic() < until:
            if log.exists() and "Asterisk Ready" in log.read_text("utf-8", "replace"):
                return
            if self._running.poll() is not None:
                break
            time.sleep(0.05)
        self.stop()
        last = [*(self.folder / "said").read_text("utf-8", "replace").splitlines(), "nothing"]
        raise Absent(f"Asterisk was unpacked but does not start here. It said: {' / '.join(last[-4:-1] or last)}")

    def stop(self) -> None:
        """Stop this Asterisk, and no other, by its own process."""
        if self._running is None:
            return
        self._running.terminate()
        try:
            self._running.wait(10)
        except subprocess.TimeoutExpired:
            self._running.kill()
            self._running.wait()
        self._running = None

    def call(
        self, dialled: str, *, number: str, agent: str, customer: Speech, answer: Speech, seconds: float, name: str = ""
    ) -> Placed:
        """Place one call from the network to `dialled` and let it last `seconds`.

        number: what the caller shows; each call at one time needs another ("anonymous" is one too).
        agent: the extension that answers; calls at one time need one each.
        customer, answer: what the two sides say, from the moment each has picked up.
        """
        port = self.ports.agents[config.AGENTS.index(agent)]
        return self._place(dialled, number, name, agent, customer, answer, port, seconds)

    def call_out(self, agent: str, *, number: str, customer: Speech, says: Speech, seconds: float) -> Placed:
        """Let the extension `agent` dial `number` outside. One at a time: there is one trunk."""
        return self._place(number, agent, f"Agent {agent}", "", says, customer, self.ports.trunk, seconds)

    def _place(
        self, dialled: str, number: str, name: str, agent: str, first: Speech, second: Speech, port: int, seconds: float
    ) -> Placed:
        before = {row[15] for row in self._events()}
        milliseconds = str(round(seconds * 1000))
        answering = self._sipp("answerer", ["-p", str(port)], number=number, ringing="400", media=str(second.path))
        try:
            _wait_for_udp(port)
            calling = self._sipp(
                "caller",
                ["-s", dialled, "-p", str(free_ports(1)[0]), f"127.0.0.1:{self.ports.sip}"],
                number=number, name=name, agent=agent, milliseconds=milliseconds, media=str(first.path),
            )  # fmt: skip
            code = calling.wait(CALL_SECONDS + 10)
            answered = answering.wait(10)
        finally:
            if answering.poll() is None:
                answering.kill()
                answering.wait()
        if code or answered:
            raise AssertionError(
                f"SIPp did not get its call through: caller {code}, answerer {answered}; see {self.folder}"
            )
        return self._ended(before, number)

    def _sipp(self, scenario: str, options: Sequence[str], **filled: str) -> subprocess.Popen[bytes]:
        text = Template((_here / f"{scenario}.xml").read_text("utf-8")).substitute(filled)
        path = self.folder / "sip" / f"{scenario}-{token_hex(4)}.xml"
        path.write_text(text, "utf-8")
        self._media += 4
        command = ["sipp", "-sf", str(path), "-i", "127.0.0.1", "-mi", "127.0.0.1", "-mp", str(self._media),
                   "-m", "1", "-nostdin", "-timeout", f"{CALL_SECONDS:.0f}", "-timeout_error",
                   "-trace_err", "-error_file", f"{path}.errors", *options]  # fmt: skip
        return subprocess.Popen(
            command, cwd=path.parent, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def _events(self) -> list[list[str]]:
        if not self.cel.exists():
            return []
        with self.cel.open(newline="", encoding="utf-8") as file:
            return [row for row in csv.reader(file) if len(row) >= 20]

    def _ended(self, before: set[str], number: str) -> Placed:
        """The call just placed, once Asterisk has written its records and closed its files."""
        until = time.monotonic() + 10
        while time.monotonic() < until:
            new = [row for row in self._events() if row[15] not in before]
            begun = {row[15] for row in new if row[0] == "CHAN_START" and row[14] == row[15] and row[3] == number}
            for linked in begun & {row[15] for row in new if row[0] == "LINKEDID_END"}:
                found = {path.stem.rpartition("-")[2]: path for path in self.monitor.rglob(f"{linked}-*.wav")}
                known = self.cdr.exists() and linked in self.cdr.read_text("utf-8")
                if known and len(found) == 3 and all(_closed(path) for path in found.values()):
                    return Placed(linked, found)
            time.sleep(0.05)
        raise AssertionError(f"Asterisk left no full records of the call within ten seconds; see {self.folder}")


def open_lab(folder: Path) -> Lab:
    """A lab in `folder`, ready to be started. Raises Absent with the reason where a machine cannot have one."""
    for program, package in (("sipp", "sip-tester"), ("espeak-ng", "espeak-ng"), ("sox", "sox")):
        if not shutil.which(program):
            raise Absent(f"{program} places the calls of the lab and is not installed: apt-get install {package}.")
    return Lab(folder, unpacked(cache()))


def _closed(path: Path) -> bool:
    # Asterisk writes the true length into the header when it closes the file.
    with path.open("rb") as file:
        header = file.read(44)
    size = os.path.getsize(path)
    if len(header) < 44 or int.from_bytes(header[4:8], "little") != size - 8:
        return False
    with wave.open(str(path)) as sound:
        return bool(sound.getnframes())


def _wait_for_udp(port: int) -> None:
    until = time.monotonic() + 10
    mark = f":{port:04X} "
    while time.monotonic() < until:
        if any(mark in line.split(":", 1)[1][:30] for line in Path("/proc/net/udp").read_text().splitlines()[1:]):
            return
        time.sleep(0.02)
    raise AssertionError("SIPp did not open its port within ten seconds.")
