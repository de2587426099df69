"""The dialogue of the demo and its sound: who there is, what they say, and in which order."""

from __future__ import annotations

import io
import json
import tomllib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

import numpy as np
import soundfile
from numpy.typing import NDArray

RATE = 8000  # samples a second, everywhere in the demo

Samples = NDArray[np.int16]
Side = Literal["agent", "customer", "announcer"]


@dataclass(frozen=True, slots=True)
class Voice:
    """Somebody who speaks. `number` is a customer's own, `extension` an agent's; each is "" for the others."""

    key: str
    side: Side
    languages: frozenset[str]
    number: str = ""
    extension: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """A kind of call.

    Turns are "A key", "C key|other key" or "hold". Some may stand together, as "A hold; hold; A back";
    what begins with "?" may be left out.
    """

    name: str
    language: str
    direction: Literal["in", "out"]
    queue: str
    weight: int
    turns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Script:
    """Everything that can be said. `clips`: by voice, then by "language/line", samples at half scale at most."""

    voices: Mapping[str, Voice]
    scenes: tuple[Scene, ...]
    clips: Mapping[str, Mapping[str, Samples]]

    def clip(self, voice: str, language: str, line: str, them: str) -> Samples:
        """`line` as `voice` says it, addressed to the customer `them` where the line has a name in it."""
        said = self.clips[voice]
        key = f"{language}/{line}"
        return said[key] if key in said else said[f"{key}/{them}"]

    def cast(self, side: Side, language: str) -> list[Voice]:
        """Who of a side speaks a language."""
        return [voice for voice in self.voices.values() if voice.side == side and language in voice.languages]


def load() -> Script:
    """The script as it ships; about a second and a half, for the speech is decoded."""
    folder = files("imvume").joinpath("demo")
    table = tomllib.loads(folder.joinpath("dialogue.toml").read_text("utf-8"))
    places: dict[str, dict[str, tuple[int, int]]] = json.loads(
        folder.joinpath("speech", "clips.json").read_text("utf-8")
    )
    with ThreadPoolExecutor(2) as decoding:  # libsndfile lets go of the interpreter while it works
        sound = dict(
            zip(
                places,
                decoding.map(lambda v: _decoded(folder.joinpath("speech", f"{v}.opus").read_bytes()), places),
                strict=True,
            )
        )
    return Script(
        voices={key: _voice(key, facts) for key, facts in table["voice"].items()},
        scenes=tuple(Scene(**{**scene, "turns": tuple(scene["turns"])}) for scene in table["scene"]),
        clips={
            voice: {key: sound[voice][start:stop] for key, (start, stop) in clips.items()}
            for voice, clips in places.items()
        },
    )


def _decoded(coded: bytes) -> Samples:
    samples, rate = soundfile.read(io.BytesIO(coded), dtype="int16")
    if rate != RATE:
        raise AssertionError(f"the demo's speech came back at {rate} samples a second")
    return np.asarray(samples, np.int16)


def _voice(key: str, facts: Mapping[str, Any]) -> Voice:
    return Voice(
        key,
        side=facts["side"],
        languages=frozenset(facts["espeak"]),
        number=facts.get("number", ""),
        extension=facts.get("extension", ""),
        name=facts.get("name", ""),
    )
