"""From a recording to what is stored of it: each channel of lossless sound as FLAC, lossy sound as it came."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imvume.archive.sound import flac, forms, g711, refusals
from imvume.archive.sound.decode import Undecodable
from imvume.archive.sound.facts import BLOCK, Packed, Part, Sound
from imvume.archive.sound.lossy import Lossy
from imvume.archive.sound.peaks import Peaks
from imvume.archive.sound.windows import Reader, read_at

_COPY = 262_144


def pack(file: Reader, sound: Sound, part: Part, write: Callable[[bytes], object]) -> Packed:
    """Stream the stored form of one part into `write`, forward only, in blocks.

    file, sound: as they went into and came out of `inspect`. Raises BadInput if the file no
    longer holds what it held then (changed) or cannot be decoded (damaged), Broken if the
    encoder did, and whatever `write` raises. After an error what was written is worthless.
    Safe in several threads at once, each with its own file.
    """
    if part.channel is None:
        return _asis(file, sound, write)
    return _lossless(file, sound, part.channel, write)


def _lossless(file: Reader, sound: Sound, channel: int, write: Callable[[bytes], object]) -> Packed:
    law = None
    if sound.bits == 16:
        law = g711.spoken(block.view(np.int16) for block in contents(file, sound, channel))
    form = forms.lossless(sound, law)
    hashed, peaks = hashlib.sha256(), Peaks(sound.frames)
    encoder = flac.Encoder(write, rate=sound.rate, lanes=form.lanes, subtype=form.subtype, frames=sound.frames)
    try:
        for block in contents(file, sound, channel):
            hashed.update(block.data)
            encoder.put(form.encode(block))
            peaks.add(form.pcm16(block))
        encoder.finish()
    finally:
        encoder.abort()
    return Packed(form.codec, sound.rate, 1, sound.frames, hashed.digest(), peaks.bytes())


def contents(file: Reader, sound: Sound, channel: int) -> Iterator[NDArray[Any]]:
    """The content bytes of one channel, a block at a time, as a contiguous array with one row a sample.

    uint8 for codes and 8 bits, (frames, 3) uint8 for 24 bits, <i2 and <i4 else; together exactly
    `sound.frames` of them. Raises BadInput where there are fewer than there were.
    """
    return _decoded(file, sound, channel) if sound.coding == "flac" else _read(file, sound, channel)


def _read(file: Reader, sound: Sound, channel: int) -> Iterator[NDArray[Any]]:
    width = sound.bits // 8
    for first in range(0, sound.frames, BLOCK):
        frames = min(BLOCK, sound.frames - first)
        wanted = frames * width * sound.channels
        data = read_at(file, sound.at + first * width * sound.channels, wanted)
        if len(data) < wanted:
            raise refusals.changed()
        if width == 3:
            block: NDArray[Any] = np.frombuffer(data, np.uint8).reshape(frames, sound.channels, 3)
        else:
            block = np.frombuffer(data, {1: "u1", 2: "<i2", 4: "<i4"}[width]).reshape(frames, sound.channels)
        yield np.ascontiguousarray(block[:, channel])


def _decoded(file: Reader, sound: Sound, channel: int) -> Iterator[NDArray[Any]]:
    head = flac.read(file, sound.at, sound.size)
    decode = forms.FORMS[forms.lossless(sound, None).codec].decode
    left = sound.frames
    try:
        for block in flac.blocks(flac.window(file, head, sound.size), head):
            taken = np.ascontiguousarray(block[:left, channel])
            left -= len(taken)
            yield decode(taken)
            if not left:
                return
    except Undecodable:
        pass
    raise refusals.changed()  # `inspect` decoded more than this


def _asis(file: Reader, sound: Sound, write: Callable[[bytes], object]) -> Packed:
    hashed, place = hashlib.sha256(), 0
    while place < sound.size:
        block = read_at(file, place, min(_COPY, sound.size - place))
        if not block:
            raise refusals.changed()
        hashed.update(block)
        write(block)
        place += len(block)
    with Lossy(file, sound) as lossy:
        frames, drawn = _drawn(lossy, sound.frames)
        if frames != sound.frames:
            # The container counted otherwise than the decoder. The decoder is believed, and the picture fitted to it.
            frames, drawn = _drawn(lossy, frames)
        rate, channels = lossy.rate, lossy.channels
    if frames < 1:
        raise refusals.damaged()
    return Packed(forms.asis(sound), rate, channels, frames, hashed.digest(), drawn)


def _drawn(lossy: Lossy, expected: int) -> tuple[int, bytes]:
    peaks, frames = Peaks(expected), 0
    for block in lossy.blocks():
        peaks.add(block)
        frames += len(block)
    return frames, peaks.bytes()
