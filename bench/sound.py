"""Packing recordings: how fast, how small, in how much memory; beside the bare parts and beside others.

    python bench/sound.py [--minutes 10] [--runs 5] [--json]

The call is made here: espeak-ng speaks in two voices by turns, at a telephone's level, over a
floor of noise, hum and echo. Times are CPU seconds, medians of the runs, all on the same
bytes; "bare parts" is libsndfile's FLAC of the same samples and one SHA-256 of them, without a
look at whether they are sound at all. Needs espeak-ng; shows flac and ffmpeg if they are there.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from imvume.archive.sound import inspect, pack, parts, unpack
from imvume.archive.sound.g711 import ALAW, ULAW

RATE = 8_000
TURNS = (
    ("en-gb", 40, "Good morning, thank you for calling. This call is recorded. How may I help you today?"),
    ("en-us", 62, "Hello. I had a letter about my policy, and I do not understand why the premium has gone up again."),
    ("en-gb", 40, "I am sorry to hear that. May I have the number of the policy, please, and your date of birth?"),
    (
        "en-us",
        62,
        "Yes, one moment. It is four, seven, one, one, nine, two, zero. The third of March, nineteen eighty.",
    ),
    (
        "en-gb",
        40,
        "Thank you. I see it here. The increase follows the price index, as section nine of your policy says.",
    ),
    ("en-us", 62, "Nobody told me. I would like to speak to somebody who can explain it, and I want it in writing."),
)


def call(minutes: float) -> NDArray[np.int16]:
    """A call by turns, (frames, 2): agent and caller, each with the other's echo, and the line under both."""
    frames = int(minutes * 60 * RATE)
    clean, at, turn = np.zeros((frames, 2)), RATE, 0
    spoken = [_say(*words) for words in TURNS]
    rng = np.random.default_rng(20)
    while at < frames:
        words = spoken[turn % len(spoken)] * rng.uniform(0.35, 0.6)
        words = words[: frames - at]
        clean[at : at + len(words), turn % 2] += words
        at += len(words) + int(rng.uniform(0.2, 1.5) * RATE)
        turn += 1
    heard = clean + 0.01 * np.roll(clean[:, ::-1], 320, axis=0)
    heard += 30 * np.sin(2 * np.pi * 50 / RATE * np.arange(frames))[:, None] + rng.normal(0, 15, (frames, 2))
    return np.clip(heard, -32_768, 32_767).astype(np.int16)


def _say(voice: str, pitch: int, text: str) -> NDArray[np.float64]:
    made = subprocess.run(
        ["espeak-ng", "-v", voice, "-p", str(pitch), "--stdout", text], capture_output=True, check=True
    )
    samples, rate = soundfile.read(io.BytesIO(made.stdout), dtype="int16")
    # Through the band of a telephone, 300 to 3,400 Hz, and down to its rate.
    spectrum, hertz = np.fft.rfft(samples), np.fft.rfftfreq(len(samples), 1 / rate)
    spectrum[(hertz < 300) | (hertz > 3_400)] = 0
    banded = np.fft.irfft(spectrum, len(samples))
    return np.interp(np.arange(0, len(samples) - 1, rate / RATE), np.arange(len(samples)), banded)


def recordings(samples: NDArray[np.int16]) -> dict[str, tuple[str, bytes]]:
    """The call in each coding: the name and the bytes of its file. GSM holds a mix: it knows no stereo."""

    def made(wave: NDArray[np.floating] | NDArray[np.int16], form: str, subtype: str) -> bytes:
        file = io.BytesIO()
        with soundfile.SoundFile(file, "w", RATE, 1 if wave.ndim == 1 else 2, subtype, format=form) as out:
            for at in range(0, len(wave), RATE):  # libsndfile dies of minutes of Vorbis in one piece
                out.write(wave[at : at + RATE])
        return file.getvalue()

    mix, wide = (samples.sum(axis=1) // 2).astype(np.int16), samples / 32_768
    codes = {law.name: np.frombuffer(made(samples, "RAW", law.name.upper()), np.uint8) for law in (ULAW, ALAW)}
    return {
        "PCM 16": ("x.wav", made(samples, "WAV", "PCM_16")),
        "G.711 mu-law": ("x.wav", made(samples, "WAV", "ULAW")),
        "G.711 A-law": ("x.wav", made(samples, "WAV", "ALAW")),
        "PCM 16 of mu-law": ("x.wav", made(ULAW.linear[codes["ulaw"]].reshape(-1, 2), "WAV", "PCM_16")),
        "PCM 16 of A-law": ("x.wav", made(ALAW.linear[codes["alaw"]].reshape(-1, 2), "WAV", "PCM_16")),
        "PCM 24": ("x.wav", made(wide, "WAV", "PCM_24")),
        "FLAC": ("x.flac", made(samples, "FLAC", "PCM_16")),
        "GSM (mono)": ("x.gsm", made(mix, "RAW", "GSM610")),
        "WAV49 (mono)": ("x.WAV", made(mix, "WAV", "GSM610")),
        "Opus": ("x.opus", made(wide, "OGG", "OPUS")),
        "Vorbis": ("x.ogg", made(wide, "OGG", "VORBIS")),
        "MP3": ("x.mp3", made(wide, "MP3", "MPEG_LAYER_III")),
    }


def ours(name: str, data: bytes) -> list[tuple[str, io.BytesIO]]:
    """Everything that sealing asks of this room: looked at, and each part packed."""
    file = io.BytesIO(data)
    sound = inspect(file, name=name, hours_max=24)
    stored = []
    for part in parts(sound):
        out = io.BytesIO()
        stored.append((pack(file, sound, part, out.write).codec, out))
    return stored


def back(stored: list[tuple[str, io.BytesIO]]) -> None:
    for codec, file in stored:
        for _ in unpack(file, codec):
            pass


def bare(data: bytes, kind: str) -> None:
    """libsndfile's FLAC of each channel in blocks, and a SHA-256 of its samples: nothing else."""
    with soundfile.SoundFile(io.BytesIO(data)) as source:
        sides = [(io.BytesIO(), hashlib.sha256()) for _ in range(source.channels)]
        subtype = "PCM_24" if kind == "PCM 24" else "PCM_S8" if "law" in kind else "PCM_16"
        files = [soundfile.SoundFile(f, "w", RATE, 1, subtype, format="FLAC") for f, _ in sides]
        while len(block := source.read(65_536, dtype="int32" if kind == "PCM 24" else "int16", always_2d=True)):
            for side, file in enumerate(files):
                wave = np.ascontiguousarray(block[:, side])
                sides[side][1].update(wave.data)
                if "law" in kind:  # the same codes in the same order: what is compressed must be the same
                    law = ULAW if "mu" in kind else ALAW
                    wave = law.wave_of[wave.view(np.uint16)]
                file.write(wave)
        for file in files:
            file.close()


def cpu(work: Callable[[], object], runs: int) -> float:
    """Median CPU seconds, of this process and of those it starts."""
    seen = []
    for _ in range(runs):
        before = _spent()
        work()
        seen.append(_spent() - before)
    return statistics.median(seen)


def _spent() -> float:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def speeds(minutes: float, runs: int) -> list[dict[str, object]]:
    """One row a coding: CPU seconds for an hour of the call, times faster than the call, and megabytes for an hour."""
    rows: list[dict[str, object]] = []
    hours = minutes / 60
    for kind, (name, data) in recordings(call(minutes)).items():
        stored = ours(name, data)
        packing = cpu(lambda name=name, data=data: ours(name, data), runs)  # type: ignore[misc]
        row: dict[str, object] = {
            "coding": kind,
            "codec": stored[0][0],
            "came MB/h": round(len(data) / 1e6 / hours, 1),
            "stored MB/h": round(sum(len(file.getvalue()) for _, file in stored) / 1e6 / hours, 1),
            "pack x": round(minutes * 60 / packing),
        }
        if not stored[0][0].startswith("asis-"):
            row["unpack x"] = round(minutes * 60 / cpu(lambda stored=stored: back(stored), runs))  # type: ignore[misc]
        if kind.startswith(("PCM", "G.711", "FLAC")):
            parts_alone = cpu(lambda data=data, kind=kind: bare(data, kind), runs)  # type: ignore[misc]
            row |= {"bare x": round(minutes * 60 / parts_alone), "ours/bare": round(packing / parts_alone, 2)}
        rows.append(row)
    return rows


def others(minutes: float, runs: int) -> list[dict[str, object]]:
    """The same PCM and G.711 through the tools that one would reach for."""
    made = recordings(call(minutes))
    commands = {
        "flac -5": ["flac", "-5", "-s", "-f", "-o", "{out}.flac", "{in}"],
        "ffmpeg flac": ["ffmpeg", "-v", "error", "-y", "-i", "{in}", "{out}.flac"],
        "ffmpeg opus 24k": ["ffmpeg", "-v", "error", "-y", "-i", "{in}", "-b:a", "24k", "{out}.opus"],
        "zstd -3": ["zstd", "-q", "-3", "-f", "-o", "{out}.zst", "{in}"],
    }
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("PCM 16", "G.711 mu-law"):
            source = Path(folder) / "in.wav"
            source.write_bytes(made[kind][1])
            for tool, command in commands.items():
                if shutil.which(command[0]) is None or (tool == "flac -5" and "law" in kind):
                    continue
                filled = [word.format_map({"in": str(source), "out": folder + "/out"}) for word in command]
                spent = cpu(lambda filled=filled: subprocess.run(filled, check=True), runs)  # type: ignore[misc]
                size = next(Path(folder).glob("out.*")).stat().st_size
                next(Path(folder).glob("out.*")).unlink()
                per_hour = round(size / 1e6 / (minutes / 60), 1)
                rows.append({"coding": kind, "tool": tool, "stored MB/h": per_hour, "x": round(minutes * 60 / spent)})
    return rows


def threads(minutes: float, runs: int) -> dict[str, object]:
    """Wall seconds for four calls one after another, and in two threads."""
    name, data = recordings(call(minutes))["G.711 mu-law"]
    walls: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(runs):
        for workers, seen in walls.items():
            begun = time.perf_counter()
            with ThreadPoolExecutor(workers) as pool:
                list(pool.map(lambda _: ours(name, data), range(4)))
            seen.append(time.perf_counter() - begun)
    one, two = (statistics.median(walls[workers]) for workers in (1, 2))
    return {"one thread s": round(one, 2), "two threads s": round(two, 2), "gain": round(one / two, 2)}


def memory() -> list[dict[str, object]]:
    """Megabytes that a process gains by packing: four hours of a call, or a thousand calls of a minute."""
    made = recordings(call(1))
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("G.711 mu-law", "PCM 16", "FLAC", "MP3", "GSM (mono)"):
            name, data = made[kind]
            head = data.index(b"data") + 8 if data[:4] == b"RIFF" else 0
            short, long = Path(folder) / f"short-{name}", Path(folder) / name
            short.write_bytes(data)
            with long.open("wb") as file:
                file.write(data[:head])  # it says less than there will be, which is put right
                for _ in range(240):
                    file.write(data[head:])
            if kind != "FLAC":  # two FLACs in a row are not a longer one
                rows.append({"packed": f"4 hours of {kind}", "adds MB": _gained(short, long, 1)})
            rows.append({"packed": f"1,000 minutes of {kind}", "adds MB": _gained(short, short, 1_000)})
    return rows


def _gained(first: Path, then: Path, times: int) -> float:
    # In a process of its own, whose high-water mark is its own.
    command = [sys.executable, __file__, "--gained", str(first), str(then), str(times)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _gain(first: Path, then: Path, times: int) -> float:
    _through(first)
    before = _peak()
    for _ in range(times):
        _through(then)
    return round(_peak() - before, 1)


def _peak() -> float:
    # Not ru_maxrss: a process that is started begins with that of the one that started it.
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def _through(path: Path) -> None:
    with path.open("rb") as file, (path.parent / "stored").open("wb") as out:
        sound = inspect(file, name=path.name, hours_max=24)
        for part in parts(sound):
            pack(file, sound, part, out.write)


def _print(rows: Sequence[dict[str, object]]) -> None:
    heads = list(dict.fromkeys(head for row in rows for head in row))
    table = [heads, ["---"] * len(heads), *([str(row.get(head, "")) for head in heads] for row in rows)]
    for line in table:
        print("| " + " | ".join(line) + " |")
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--gained", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.gained:
        print(_gain(Path(asked.gained[0]), Path(asked.gained[1]), int(asked.gained[2])))
        return
    answer = {
        "speed": speeds(asked.minutes, asked.runs),
        "others": others(asked.minutes, asked.runs),
        "threads": [threads(asked.minutes, asked.runs)],
        "memory": memory(),
    }
    if asked.json:
        print(json.dumps(answer, indent=2))
        return
    for rows in answer.values():
        _print(rows)


if __name__ == "__main__":
    main()
