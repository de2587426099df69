"""Speech for test calls: espeak-ng says it, sox makes it what a telephone carries."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

RATE = 8000  # samples a second: G.711


@dataclass(frozen=True, slots=True)
class Speech:
    """G.711 mu-law in a headerless file, as SIPp streams it."""

    path: Path

    def samples(self) -> np.ndarray:
        """The same as 16-bit samples, one channel, 8 kHz."""
        raw = {"format": "RAW", "subtype": "ULAW", "samplerate": RATE, "channels": 1, "endian": "LITTLE"}
        return np.asarray(soundfile.read(self.path, dtype="int16", **raw)[0])

    @property
    def seconds(self) -> float:
        return self.path.stat().st_size / RATE


def say(
    text: str, folder: Path, *, voice: str = "en-gb", pitch: int = 50, after: float = 0.0, length: float = 0.0
) -> Speech:
    """`text` spoken, as a file in `folder`.

    after: seconds of silence before the first word.
    length: seconds to fill up to with silence, so that the stream does not end before the call.
    """
    name = hashlib.sha256(f"{text}|{voice}|{pitch}|{after}|{length}".encode()).hexdigest()[:16]
    spoken, path = folder / f"{name}.wav", folder / f"{name}.ulaw"
    subprocess.run(["espeak-ng", "-v", voice, "-p", str(pitch), "-w", str(spoken), text], check=True)
    to = ["-r", str(RATE), "-c", "1", "-t", "ul", str(path)]
    subprocess.run(["sox", "-D", str(spoken), *to, "norm", "-6", "pad", str(after), str(length)], check=True)
    if length:
        whole = path.read_bytes()
        path.write_bytes(whole[: max(round(length * RATE), len(whole.rstrip(b"\xff")))])
    return Speech(path)


def prompt(text: str, path: Path) -> None:
    """`text` spoken, as the 16-bit WAV of 8 kHz that Asterisk plays."""
    spoken = path.with_suffix(".spoken.wav")
    subprocess.run(["espeak-ng", "-v", "en-gb-x-rp", "-s", "185", "-w", str(spoken), text], check=True)
    subprocess.run(
        ["sox", "-D", str(spoken), "-r", str(RATE), "-c", "1", "-b", "16", str(path), "norm", "-3"], check=True
    )
    spoken.unlink()


def heard(part: np.ndarray, whole: np.ndarray) -> tuple[float, float]:
    """How much of `part` is in `whole`, and where: the correlation at the best place (1 is all of it), and its second.

    Correlated as a whole signal: a leg that is a copy with another level gives 1, another
    voice gives nearly 0.
    """
    first, second = part.astype(np.float64), whole.astype(np.float64)
    size = 1 << (len(first) + len(second) - 1).bit_length()
    both = np.fft.irfft(np.fft.rfft(second, size) * np.conj(np.fft.rfft(first, size)), size)[: len(second)]
    energy = np.concatenate([[0.0], np.cumsum(second**2)])
    ends = np.minimum(np.arange(len(second)) + len(first), len(second))
    under = np.sqrt(np.sum(first**2) * (energy[ends] - energy[: len(second)]))
    scores = np.divide(both, under, out=np.zeros(len(second)), where=under > 1.0)
    best = int(np.argmax(scores))
    return float(scores[best]), best / RATE
