"""What a real Asterisk 22 leaves behind: the ground that the importer and the proof of notice stand on."""

from __future__ import annotations

import base64
import csv
import json
import os
import re
import socket
import subprocess
import sys
import wave
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import pytest

from imvume import demo

from .fixture import NALEDI, Morning
from .lab import Lab, Placed, open_lab
from .prefix import Absent
from .speech import RATE, heard

pytestmark = pytest.mark.asterisk


def samples(path: Path) -> np.ndarray:
    with wave.open(str(path)) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (RATE, 1, 2)
        return np.frombuffer(sound.readframes(sound.getnframes()), "<i2")


def said(calls: Morning) -> tuple[np.ndarray, np.ndarray]:
    """The words alone of customer and agent: silence would agree with anything."""
    customer, agent = calls.customer.samples(), calls.agent.samples()
    return customer[4 * RATE : 7 * RATE], agent[: 3 * RATE]


@pytest.mark.parametrize("which", ["naledi", "withheld", "unannounced"])
def test_a_call_in_has_the_customer_on_rx_and_the_agent_on_tx(asterisk_calls: Morning, which: str) -> None:
    placed: Placed = getattr(asterisk_calls, which)
    customer, agent = said(asterisk_calls)
    rx, tx, mix = (samples(placed.recordings[leg]) for leg in ("rx", "tx", "mix"))

    assert heard(customer, rx)[0] > 0.95
    assert heard(agent, tx)[0] > 0.95
    assert heard(agent, rx)[0] < 0.3
    assert heard(customer, tx)[0] < 0.3
    assert min(heard(customer, mix)[0], heard(agent, mix)[0]) > 0.3
    assert len(rx) == len(tx) == len(mix)


def test_a_call_out_has_the_agent_on_rx_because_he_is_the_one_who_dialled(asterisk_calls: Morning) -> None:
    customer, agent = said(asterisk_calls)

    assert heard(agent, samples(asterisk_calls.out.recordings["rx"]))[0] > 0.95
    assert heard(customer, samples(asterisk_calls.out.recordings["tx"]))[0] > 0.95


def test_each_call_has_one_call_record(asterisk: Lab, asterisk_calls: Morning) -> None:
    with asterisk.cdr.open(newline="", encoding="utf-8") as file:
        rows = {row[16]: row for row in csv.reader(file)}

    assert rows[asterisk_calls.naledi.linked_id][1] == NALEDI
    assert rows[asterisk_calls.withheld.linked_id][1] == "anonymous"
    assert rows[asterisk_calls.out.linked_id][1:3] == ["201", "+447700900105"]
    assert {row[14] for row in rows.values()} == {"ANSWERED"}


def test_the_events_tell_to_the_microsecond_that_the_notice_ended_before_recording_began(
    asterisk: Lab, asterisk_calls: Morning
) -> None:
    events = events_of(asterisk, asterisk_calls.naledi)
    begun, ended = events["STREAM_BEGIN"], events["STREAM_END"]

    assert ended - begun >= asterisk.notice_seconds - 0.25
    assert begun < ended <= events["APP_START MixMonitor"]
    assert ended != int(ended)


def test_the_events_of_a_call_without_notice_show_a_recording_and_no_sound_played(
    asterisk: Lab, asterisk_calls: Morning
) -> None:
    events = events_of(asterisk, asterisk_calls.unannounced)

    assert "APP_START MixMonitor" in events
    assert "STREAM_BEGIN" not in events


def test_the_demo_writes_its_records_as_this_asterisk_does(
    asterisk: Lab, asterisk_calls: Morning, tmp_path: Path
) -> None:
    demo.make(tmp_path, calls=12, until=datetime(2026, 11, 23, 18, 0, tzinfo=UTC), seed=1)
    both_cdr, both_cel = (tmp_path / "Master.csv", asterisk.cdr), (tmp_path / "cel.csv", asterisk.cel)
    for both in (both_cdr, both_cel):
        made, real = (path.read_text("utf-8").splitlines()[0] for path in both)
        assert shape(made) == shape(real)
    kinds = [{line.partition(",")[0] for line in path.read_text("utf-8").splitlines()} for path in both_cel]
    assert kinds[0] == kinds[1]


def test_its_two_interfaces_answer_on_loopback(asterisk: Lab) -> None:
    with socket.create_connection(("127.0.0.1", asterisk.ami), timeout=5) as ami:
        ami.sendall(f"Action: Login\r\nUsername: imvume\r\nSecret: {asterisk.secret}\r\n\r\n".encode())
        said = b""
        while b"Authentication accepted" not in said:
            part = ami.recv(4096)
            assert part, said
            said += part

    ari = HTTPConnection("127.0.0.1", asterisk.http, timeout=5)
    password = base64.b64encode(f"imvume:{asterisk.secret}".encode()).decode()
    ari.request("GET", "/ari/asterisk/info", headers={"Authorization": f"Basic {password}"})
    assert json.load(ari.getresponse())["system"]["version"].startswith("22.")
    ari.close()


def test_a_machine_without_sipp_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(Absent, match="apt-get install sip-tester"):
        open_lab(tmp_path / "lab")


@pytest.mark.parametrize(("ci", "outcome"), [("", "1 skipped"), ("true", "1 error")])
def test_without_asterisk_a_run_says_so_aloud_and_fails_only_in_ci(tmp_path: Path, ci: str, outcome: str) -> None:
    one = f"{__file__}::test_its_two_interfaces_answer_on_loopback"
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", one],
        env={**os.environ, "PATH": str(tmp_path), "CI": ci},
        capture_output=True,
        text=True,
        check=False,
    )

    assert outcome in ran.stdout
    assert "apt-get install sip-tester" in ran.stdout


def shape(line: str) -> list[bool]:
    """Which columns of a line are quoted: how many there are and what kind, whatever is in them."""
    return [part.startswith('"') for part in re.findall(r'(?:^|,)("(?:[^"]|"")*"|[^",]*)', line)]


def events_of(lab: Lab, placed: Placed) -> dict[str, float]:
    """The first instant of each kind of event of one call, applications by name."""
    found: dict[str, float] = {}
    with lab.cel.open(newline="", encoding="utf-8") as file:
        for row in csv.reader(file):
            if row[15] == placed.linked_id:
                name = f"{row[0]} {row[10]}" if row[0].startswith("APP") else row[0]
                found.setdefault(name, float(row[1]))
    return found
