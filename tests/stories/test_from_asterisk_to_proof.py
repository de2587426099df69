"""The story of the product: what an Asterisk left in a folder is brought in, heard, exported, and proven elsewhere.

Nothing here is played: the calls went through a real Asterisk, the commands are the ones that a
person types, the browser is a browser, and the machine that checks the pack has no network.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import wave
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from asterisk.fixture import NALEDI, Morning
from asterisk.lab import Lab
from asterisk.speech import RATE, heard
from imvume.store import postmaster

pytestmark = [pytest.mark.asterisk, pytest.mark.browser, pytest.mark.slow]

PASSWORD = "koffie brood venster trein"
PROGRAM = [sys.executable, "-P", "-m", "imvume"]


@pytest.fixture
def home() -> Iterator[Path]:
    """A house that is not there yet; whatever still runs in it afterwards is stopped."""
    above = Path(tempfile.mkdtemp(prefix="imvume-story-"))
    above.chmod(0o711)  # under root the embedded PostgreSQL is another user, who must come through
    yield above / "house"
    if told := postmaster.read(above / "house/postgres/data"):
        os.kill(told[0], signal.SIGKILL)
    shutil.rmtree(above, ignore_errors=True)


@pytest.fixture
def started(home: Path) -> Iterator[dict[str, Any]]:
    """What `imvume start` says once its console answers; it is stopped after the test."""
    home.mkdir(mode=0o711)
    (home / "config.toml").write_text("settle_seconds = 1\n", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as free:
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    said = home.with_name("said")
    with said.open("wb") as errors:
        running = subprocess.Popen(
            [*PROGRAM, "--home", str(home), "start", "--listen", listen, "--json"],
            stdout=subprocess.PIPE, stderr=errors, text=True,
        )  # fmt: skip
        try:
            assert running.stdout
            line = running.stdout.readline()
            assert line, said.read_text("utf-8")
            yield json.loads(line)
        finally:
            running.send_signal(signal.SIGTERM)
            running.communicate(timeout=60)


def imvume(home: Path, *words: str) -> dict[str, Any]:
    """What a command answers in JSON."""
    ran = subprocess.run([*PROGRAM, "--home", str(home), *words, "--json"], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    answer: dict[str, Any] = json.loads(ran.stdout)
    return answer


def verify(pack: Path, nowhere: Path) -> tuple[int, dict[str, Any]]:
    """Check a pack as a stranger would: no house, no database, and as root not even a network."""
    alone = ["unshare", "--net"] if os.geteuid() == 0 and shutil.which("unshare") else []
    ran = subprocess.run(
        [*alone, *PROGRAM, "verify", str(pack), "--json"],
        cwd=nowhere,
        env={"PATH": os.environ["PATH"], "HOME": str(nowhere), "IMVUME_HOME": str(nowhere / "there-is-no-house")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout, ran.stderr
    assert not list(nowhere.iterdir())
    answer: dict[str, Any] = json.loads(ran.stdout)
    return ran.returncode, answer


def test_a_call_through_a_real_asterisk_is_heard_and_proven(
    asterisk: Lab, asterisk_calls: Morning, home: Path, started: dict[str, Any], page: Page, tmp_path: Path
) -> None:
    # Brought in, while the console is open.
    brought = imvume(
        home, "import", str(asterisk.monitor), "--from", "asterisk", "--name", "lab", "--pbx-zone", "UTC",
        "--records", str(asterisk.cdr), "--records", str(asterisk.cel),
    )  # fmt: skip
    assert (brought["taken"], brought["refused"]) == (12, [])  # four calls: two legs and a mix of each
    again = imvume(
        home, "import", str(asterisk.monitor), "--from", "asterisk", "--name", "lab", "--pbx-zone", "UTC",
        "--records", str(asterisk.cdr), "--records", str(asterisk.cel),
    )  # fmt: skip
    assert (again["taken"], again["skipped"]) == (0, 12)

    # Thandi takes up the one-time link, finds Naledi's call by her number and hears it.
    page.goto(started["set_up"])
    page.get_by_label("Your name").fill("Thandi Mokoena")
    page.get_by_label("E-mail address").fill("thandi@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button").last.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Calls")
    expect(page.locator("tbody tr")).to_have_count(4)
    page.get_by_role("searchbox").fill(NALEDI)
    page.get_by_role("searchbox").press("Enter")
    expect(page.locator("tbody tr")).to_have_count(1)
    ref = page.locator("tbody a.id").inner_text()
    page.locator("tbody a.id").click()
    expect(page.get_by_text("SHA-256 of what is stored")).to_be_visible()
    page.get_by_label("Reason").select_option("complaint")
    page.get_by_role("button", name="Open the recording").click()
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("() => document.querySelector('audio').currentTime > 1")
    length = page.evaluate("() => document.querySelector('audio').duration")
    with wave.open(str(asterisk_calls.naledi.recordings["rx"])) as left:
        assert abs(length - left.getnframes() / RATE) < 0.05

    # Exported, and everything verified where it is kept.
    pack = tmp_path / "pack.zip"
    imvume(home, "export", ref, "--output", str(pack), "--reason", "for the ombud")
    assert imvume(home, "verify", "--deep")["findings"] == []

    # On another machine: the pack proves itself, and the voices in it are the voices of the call.
    nowhere = tmp_path / "nowhere"
    nowhere.mkdir()
    status, report = verify(pack, nowhere)
    assert (status, report["broken"]) == (0, [])
    assert report["verdict"] == "PROVEN"
    with zipfile.ZipFile(pack) as packed:
        for leg, words in (("caller", asterisk_calls.customer.samples()[4 * RATE : 7 * RATE]),
                           ("agent", asterisk_calls.agent.samples()[: 3 * RATE])):  # fmt: skip
            with packed.open(f"data/audio/{leg}.wav") as file, wave.open(file) as sound:
                exported = np.frombuffer(sound.readframes(sound.getnframes()), "<i2")
            assert heard(words, exported)[0] > 0.95

    # One bit of one voice turned, and it says so.
    turned = bytearray(pack.read_bytes())
    with zipfile.ZipFile(pack) as packed:
        turned[packed.getinfo("data/audio/caller.wav").header_offset + 4000] ^= 1
    pack.write_bytes(turned)
    status, report = verify(pack, nowhere)
    assert status == 1
    assert report["verdict"] == "BROKEN"
