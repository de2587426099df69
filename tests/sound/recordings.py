"""Recordings to test with: speech by espeak-ng where there is one, else a voice made of tones; in every coding."""

from __future__ import annotations

import functools
import io
import shutil
import struct
import subprocess
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from imvume.archive.sound import Packed, Sound, inspect, pack, parts, unpack

CALLER = "Good morning, my name is Naledi. I am calling about my policy, I would like to know when it was paid."
AGENT = "Good morning, you speak with Sipho. This call is recorded. One moment please, I will look it up for you."


@functools.cache
def voice(seconds: float = 3.0, rate: int = 8_000, *, text: str = CALLER) -> NDArray[np.int16]:
    """Mono speech with the noise of a telephone line under it."""
    frames = int(seconds * rate)
    spoken = _espeak(text, rate) if shutil.which("espeak-ng") else _tones(frames, rate)
    spoken = np.resize(spoken, frames).astype(np.float64)
    noise = np.random.default_rng(len(text)).standard_normal(frames) * 12
    return np.clip(spoken * 0.5 + noise, -32_768, 32_767).astype(np.int16)


def call(seconds: float = 3.0, rate: int = 8_000) -> NDArray[np.int16]:
    """A caller and an agent, (frames, 2)."""
    return np.stack([voice(seconds, rate), voice(seconds, rate, text=AGENT)], axis=1)


def _espeak(text: str, rate: int) -> NDArray[np.float64]:
    made = subprocess.run(["espeak-ng", "--stdout", text], capture_output=True, check=True).stdout
    samples, own = soundfile.read(io.BytesIO(made), dtype="int16")
    return np.interp(np.arange(0, len(samples) - 1, own / rate), np.arange(len(samples)), samples)


def _tones(frames: int, rate: int) -> NDArray[np.float64]:
    at = np.arange(frames) / rate
    pitch = np.cumsum(140 + 30 * np.sin(2 * np.pi * 0.4 * at)) / rate
    voiced = sum(np.sin(2 * np.pi * pitch * harmonic) / harmonic for harmonic in range(1, 12))
    return 6_000 * voiced * np.clip(np.sin(2 * np.pi * 1.3 * at), 0, 1)


def written(samples: NDArray[Any], *, rate: int = 8_000, **how: str) -> bytes:
    """A file as libsndfile writes it."""
    file = io.BytesIO()
    if how["subtype"] in ("FLOAT", "MPEG_LAYER_III"):
        # Whole numbers are not scaled to float, and libsndfile 1.2.2 garbles them where it makes stereo MP3.
        samples = samples / 32_768
    soundfile.write(file, samples, rate, **how)
    return file.getvalue()


def wav(
    data: bytes,
    *,
    tag: int = 1,
    channels: int = 1,
    rate: int = 8_000,
    bits: int = 16,
    length: int | None = None,
    block: int | None = None,
    before: bytes = b"",
    between: bytes = b"",
    after: bytes = b"",
) -> bytes:
    """A WAV by hand, so that any field of it can lie."""
    block = channels * bits // 8 if block is None else block
    fmt = struct.pack("<HHIIHH", tag, channels, rate & 0xFFFF_FFFF, rate * block & 0xFFFF_FFFF, block & 0xFFFF, bits)
    body = b"WAVE" + before + b"fmt " + struct.pack("<I", len(fmt)) + fmt + between
    body += b"data" + struct.pack("<I", len(data) if length is None else length) + data + after
    return b"RIFF" + struct.pack("<I", len(body) & 0xFFFF_FFFF) + body


def chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def looked_at(data: bytes, name: str = "x.wav", hours_max: int = 12) -> Sound:
    return inspect(io.BytesIO(data), name=name, hours_max=hours_max)


def packed(data: bytes, name: str = "x.wav") -> list[tuple[Packed, io.BytesIO]]:
    """Every part of the recording, with what is stored of it."""
    file = io.BytesIO(data)
    sound = inspect(file, name=name, hours_max=12)
    answer = []
    for part in parts(sound):
        stored = io.BytesIO()
        answer.append((pack(file, sound, part, stored.write), stored))
    return answer


def content(part: tuple[Packed, io.BytesIO]) -> bytes:
    return b"".join(unpack(part[1], part[0].codec, frames=part[0].frames))


@functools.cache
def lossy() -> dict[str, tuple[str, bytes]]:
    """A recording in each lossy coding: name of the file, and its bytes."""
    mono, stereo = voice(25), call(12)
    mp3 = written(mono, format="MP3", subtype="MPEG_LAYER_III")
    return {
        "gsm": ("x.gsm", written(mono, format="RAW", subtype="GSM610")),
        "wav49": ("x.WAV", written(mono, format="WAV", subtype="GSM610")),
        "opus": ("x.opus", written(stereo, format="OGG", subtype="OPUS")),
        "vorbis": ("x.ogg", written(mono, format="OGG", subtype="VORBIS")),
        "mp3": ("x.mp3", mp3),
        "mp3-stereo": ("x.mp3", written(call(12, 44_100), rate=44_100, format="MP3", subtype="MPEG_LAYER_III")),
        "wav-mp3": ("x.wav", wav(mp3, tag=0x55, bits=0, block=1)),
    }


_CRC = [0] * 256
for _place in range(256):
    _rest = _place << 24
    for _ in range(8):
        _rest = (_rest << 1 ^ 0x04C11DB7 if _rest & 0x8000_0000 else _rest << 1) & 0xFFFF_FFFF
    _CRC[_place] = _rest


def ogg_page(flags: int, granule: int, number: int, body: bytes, lacing: bytes, serial: int = 7) -> bytes:
    """One Ogg page with a true checksum (RFC 3533)."""
    head = b"OggS\0" + struct.pack("<BqIIIB", flags, granule, serial, number, 0, len(lacing)) + lacing
    page, crc = bytearray(head + body), 0
    for byte in page:
        crc = crc << 8 & 0xFFFF_FFFF ^ _CRC[crc >> 24 ^ byte]
    page[22:26] = struct.pack("<I", crc)
    return bytes(page)


def laced(*packets: bytes) -> bytes:
    """The lacing values of whole packets."""
    return b"".join(b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255]) for packet in packets)
