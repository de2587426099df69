"""The fixtures `asterisk` (a running Lab) and `asterisk_calls` (four calls on it), made once in a session."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from .config import ANNOUNCED, UNANNOUNCED
from .lab import Lab, Placed, open_lab
from .prefix import Absent
from .speech import Speech, say

NALEDI, MAMA_THEMBA = "+447700900101", "+447700900103"


_why_not = pytest.StashKey[str]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say aloud, at the end, that no call was placed: the reason of a skip is lost in a line of dots."""
    if _why_not in config.stash:
        terminalreporter.section("NO ASTERISK: no call was placed in this run", red=True, bold=True)
        terminalreporter.line(config.stash[_why_not])


@pytest.fixture(scope="session")
def asterisk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A real Asterisk on loopback. Where there can be none: skipped, aloud; with CI=true: failed."""
    lab: Lab | None = None
    try:
        lab = open_lab(tmp_path_factory.mktemp("asterisk"))
        lab.start()
    except Absent as absent:
        if os.environ.get("CI") == "true":
            pytest.fail(f"No Asterisk, and CI may not go without: {absent}", pytrace=False)
        request.config.stash[_why_not] = str(absent)
        pytest.skip(f"no Asterisk: {absent}")
    try:
        yield lab
    finally:
        lab.stop()


@dataclass(frozen=True, slots=True)
class Morning:
    """What was placed, and what was said on each side."""

    naledi: Placed  # announced
    withheld: Placed  # announced, the number withheld
    unannounced: Placed  # recorded without notice
    out: Placed  # an agent rang somebody
    customer: Speech
    agent: Speech


@pytest.fixture(scope="session")
def asterisk_calls(asterisk: Lab) -> Morning:
    """Four calls at once, ten seconds in all, each with real speech on both sides."""
    voices = asterisk.folder
    asks, greets = "Good morning. I would like to ask about my policy.", "Good day, you are speaking to Sipho."
    customer = say(asks, voices, voice="en-gb", pitch=85, after=4, length=9)
    agent = say(f"{greets} How may I help you?", voices, voice="en-us", pitch=25, length=9)

    def rings(dialled: str, number: str, extension: str, name: str = "") -> Placed:
        return asterisk.call(
            dialled, number=number, name=name, agent=extension, customer=customer, answer=agent, seconds=8.0
        )

    def dials_out() -> Placed:
        return asterisk.call_out("201", number="+447700900105", customer=customer, says=agent, seconds=8.0)

    with ThreadPoolExecutor() as at_once:
        placed = [
            at_once.submit(rings, ANNOUNCED, NALEDI, "201", "Naledi"),
            at_once.submit(rings, ANNOUNCED, "anonymous", "202"),
            at_once.submit(rings, UNANNOUNCED, MAMA_THEMBA, "203"),
            at_once.submit(dials_out),
        ]
        naledi, withheld, unannounced, out = (call.result() for call in placed)
    return Morning(naledi, withheld, unannounced, out, customer=customer, agent=agent)
