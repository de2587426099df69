"""A planned call as sound: two legs that were one conversation, as a trunk that carries G.711 delivers them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from imvume.archive.sound.g711 import ULAW
from imvume.demo.diary import Planned
from imvume.demo.script import RATE, Samples, Script

ECHO_SAMPLES = RATE * 9 // 100  # what a cheap headset gives back, and how late
NOISE_SECONDS = 240  # no call is longer


@dataclass(frozen=True, slots=True)
class Call:
    """What one channel carried, as Asterisk's MixMonitor records it. Instants are seconds from its start.

    rx: the voice that came from the recorded channel; tx: all that was played to it, that is
    the other side, tones and announcements. Equally long.
    announced: from when to when an announcement was heard, or None. joined: when the two could talk.
    """

    rx: Samples
    tx: Samples
    announced: tuple[float, float] | None
    joined: float

    @property
    def seconds(self) -> float:
        return len(self.rx) / RATE


@dataclass(slots=True)
class _Timeline:
    """Who says what from which sample on. Whose: "agent", "customer", or "line" for tones and announcements."""

    placed: list[tuple[int, str, Samples]]
    announced: tuple[float, float] | None = None
    joined: float = 0.0
    now: int = 0

    def say(self, whose: str, clip: Samples) -> None:
        self.placed.append((self.now, whose, clip))
        self.now += len(clip)

    @property
    def end(self) -> int:
        return max(start + len(clip) for start, _, clip in self.placed)


def perform(script: Script, planned: Planned, *, seed: int) -> Call:
    """The sound of one call, the same for the same seed, whatever was performed before."""
    rng = np.random.default_rng([seed, 2, planned.no])
    line = _timeline(script, planned, rng)
    length = line.end + int(rng.uniform(0.3, 1.2) * RATE)
    sides = {
        "agent": _quiet(length, rng.uniform(0.004, 0.012), rng),
        "customer": _quiet(length, rng.uniform(0.002, 0.02), rng),
    }
    loud = {"agent": rng.uniform(0.55, 1.0), "customer": rng.uniform(0.3, 1.1), "line": 0.8}
    own, other = ("agent", "customer") if planned.recorded_at_agent else ("customer", "agent")
    echo = 0.03 if rng.random() < 0.2 else 0.0
    for start, whose, clip in line.placed:
        _add(sides[other if whose == "line" else whose], start, clip, loud[whose])
        if echo and whose == "agent":  # a cheap headset gives back what it plays
            _add(sides["customer"], start + ECHO_SAMPLES, clip, echo)
    return Call(_carried(sides[own]), _carried(sides[other]), line.announced, line.joined)


def _timeline(script: Script, planned: Planned, rng: np.random.Generator) -> _Timeline:
    scene = planned.scene
    line = _Timeline([], now=int(rng.uniform(0.2, 0.5) * RATE))
    if scene.direction == "in" and planned.notice != "never":
        start, words = line.now, "waiting" if planned.notice == "first" else "notice"
        line.say("line", script.clip("announcer", scene.language, words, ""))
        line.announced = (start / RATE, line.now / RATE)
        line.now += RATE // 2
    if scene.direction == "in" or planned.recorded_at_agent:  # else recording begins when both are there already
        for _ in range(int(rng.integers(1, 4))):
            line.say("line", _ring())
    line.joined = line.now / RATE
    for turn in _turns(planned, rng):
        line.now += int(np.clip(rng.normal(0.4, 0.25), 0.05, 1.4) * RATE)
        if turn == "hold":
            tune = _tune()[: int(rng.uniform(4, 12) * RATE)]
            line.say("line", np.zeros_like(tune) if planned.recorded_at_agent else tune)
            continue
        who, key = turn.split(" ", 1)
        voice = planned.agent if who == "A" else planned.customer
        clip = script.clip(voice.key, scene.language, key, planned.customer.key)
        if who == "A" and len(clip) > 3 * RATE and rng.random() < 0.3:
            # People say yes while they listen; two voices at once is what a call sounds like.
            nod = script.clip(planned.customer.key, scene.language, "yes", "")
            line.placed.append((line.now + len(clip) * 2 // 3, "customer", nod))
        line.say(voice.side, clip)
    return line


def _turns(planned: Planned, rng: np.random.Generator) -> Iterator[str]:
    for part in planned.scene.turns[: planned.cut]:
        if part.startswith("?") and rng.random() < 0.5:
            continue
        for turn in part.removeprefix("?").split("; "):
            who, _, keys = turn.partition(" ")
            either = keys.split("|")
            yield f"{who} {either[int(rng.integers(len(either)))]}" if keys else who


def _add(onto: Samples, start: int, clip: Samples, gain: float) -> None:
    part = onto[start : start + len(clip)]
    part += (clip[: len(part)] * np.float32(gain)).astype(np.int16)


def _quiet(length: int, level: float, rng: np.random.Generator) -> Samples:
    start = int(rng.integers(NOISE_SECONDS * RATE - length))
    return (_noise()[start : start + length] * np.float32(level)).astype(np.int16)


def _carried(samples: Samples) -> Samples:
    """What is left after mu-law: the nearest of its 256 values."""
    return _nearest()[samples.view(np.uint16)]


@cache
def _nearest() -> Samples:
    values = np.unique(ULAW.values.astype(np.int32))
    every = np.arange(65_536, dtype=np.uint16).view(np.int16).astype(np.int32)
    return values[np.searchsorted((values[1:] + values[:-1]) / 2, every)].astype(np.int16)


@cache
def _noise() -> NDArray[np.float32]:
    """A room full of people too far off to be understood: noise with the highs taken off, 16-bit full scale."""
    white = np.random.default_rng(3).standard_normal(NOISE_SECONDS * RATE + 4).astype(np.float32)
    kernel = np.array([1, 4, 6, 4, 1], np.float32)
    return np.convolve(white, kernel, "valid") * np.float32(8000 / np.sqrt(np.sum(kernel**2)))


@cache
def _ring() -> Samples:
    """One round of the ringing tone of South Africa: 400 Hz by 33 Hz, 0.4 s on, 0.2 off, 0.4 on, 2 off.

    Source: ITU-T E.180, supplement 2.
    """
    at = np.arange(RATE * 3) / RATE
    on = (at < 0.4) | ((at >= 0.6) & (at < 1.0))
    return (np.sin(2 * np.pi * 400 * at) * (0.5 + 0.5 * np.cos(2 * np.pi * 33 * at)) * on * 6000).astype(np.int16)


@cache
def _tune() -> Samples:
    """Twelve seconds of a music box, our own: what is heard on hold."""
    notes = [392.0, 523.25, 659.25, 523.25, 440.0, 523.25, 698.46, 523.25, 392.0, 493.88, 587.33, 493.88]
    at = np.arange(RATE) / RATE
    bell = np.exp(-3 * at)
    bars = [np.sin(2 * np.pi * note * at) * bell + 0.3 * np.sin(4 * np.pi * note * at) * bell**2 for note in notes]
    return (np.concatenate(bars) * 5000).astype(np.int16)
