#!/usr/bin/env python3
"""Speak every line of src/imvume/demo/dialogue.toml once, into src/imvume/demo/speech/.

Needs espeak-ng, sox and opusenc (apt-get install espeak-ng sox opus-tools), which a run of
Imvume does not: what is written here is committed. One Ogg Opus file for each voice holds all
that this voice says, a little silence between; clips.json tells where each line is, in samples
of 8 kHz. Run it again after a change of the dialogue.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import tomllib
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import soundfile

DEMO = Path(__file__).parent.parent / "src/imvume/demo"
RATE = 8000
BETWEEN = RATE // 4  # samples of silence between two lines, so that no codec smears one into the next
KILOBITS = 11  # a second: a narrow-band voice, and the whole folder stays below its 2.5 MB


def lines(table: dict[str, Any], voice: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Every (key, language, text) that `voice` has to say. A line with {them} is said once for each customer."""
    for language in voice["espeak"]:
        for key, text in table[voice["side"]].get(language, {}).items():
            if "{them}" not in text:
                yield f"{language}/{key}", language, text.format(me=voice.get("name", ""), birth=voice.get("birth", ""))
                continue
            for name, other in table["voice"].items():
                if other["side"] == "customer" and language in other["espeak"]:
                    yield f"{language}/{key}/{name}", language, text.format(them=other["name"])


def spoken(text: str, language: str, voice: dict[str, Any], folder: Path) -> bytes:
    """`text` as 16-bit samples of 8 kHz, its silence cut off, its loudest sample at half scale."""
    raw, cut = folder / "raw.wav", folder / "cut.wav"
    say = ["espeak-ng", "-v", voice["espeak"][language], "-p", str(voice["pitch"]), "-s", str(voice["speed"])]
    subprocess.run([*say, "-w", str(raw), text], check=True)
    trim = ["silence", "1", "0.01", "0.5%", "reverse", "silence", "1", "0.01", "0.5%", "reverse"]
    # A telephone carries 300 to 3400 Hz; what it would cut off need not be coded either.
    band = ["gain", "-6", "highpass", "200", "lowpass", "3400"]
    subprocess.run(
        ["sox", "-D", str(raw), "-r", str(RATE), "-c", "1", "-b", "16", str(cut), *band, *trim, "norm", "-6"],
        check=True,
    )
    with wave.open(str(cut)) as sound:
        return bytes(sound.readframes(sound.getnframes()))


def main() -> None:
    table = tomllib.loads((DEMO / "dialogue.toml").read_text("utf-8"))
    places: dict[str, dict[str, list[int]]] = {}
    (DEMO / "speech").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for voice, facts in table["voice"].items():
            all_of_it, places[voice] = bytearray(), {}
            for key, language, text in lines(table, facts):
                samples = spoken(text, language, facts, folder)
                start = len(all_of_it) // 2
                places[voice][key] = [start, start + len(samples) // 2]
                all_of_it += samples + bytes(2 * BETWEEN)
            plain, coded = folder / "plain.wav", DEMO / "speech" / f"{voice}.opus"
            with wave.open(str(plain), "wb") as sound:
                sound.setnchannels(1)
                sound.setsampwidth(2)
                sound.setframerate(RATE)
                sound.writeframes(all_of_it)
            # A fixed serial number, so that the same lines make the same file.
            serial = str(sum(voice.encode()))
            code = [
                "opusenc",
                "--quiet",
                "--bitrate",
                str(KILOBITS),
                "--speech",
                "--framesize",
                "60",
                "--serial",
                serial,
            ]
            subprocess.run([*code, str(plain), str(coded)], check=True)
            back, rate = soundfile.read(coded, dtype="int16")
            if rate != RATE or abs(len(back) - len(all_of_it) // 2) > RATE // 50:
                raise SystemExit(f"{voice} did not come back whole")
            print(
                f"{voice}: {len(places[voice])} lines, {len(all_of_it) / 2 / RATE:.0f} s, {coded.stat().st_size} bytes"
            )
    (DEMO / "speech/clips.json").write_text(
        json.dumps(places, indent=None, separators=(",", ":"), sort_keys=True), "utf-8"
    )
    total = sum(path.stat().st_size for path in (DEMO / "speech").iterdir())
    print(f"all: {total} bytes")


if __name__ == "__main__":
    main()
