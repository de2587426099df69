"""Lossy recordings, kept as they came: decoded whole to be counted and drawn, and by stretches to be played.

A lossy decoder carries a memory, so what it gives at a place depends on where it began. To
give the same samples for the same place whatever was asked before, sound is decoded in
stretches of ten seconds on a fixed grid, each from a second earlier, whose sound is thrown
away. MP3 and Vorbis forget within that second, so theirs is what decoding from the
beginning gives; GSM and Opus forget almost, and differ by less than can be heard.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from imvume.archive.sound import headerless, mp3, refusals, wav
from imvume.archive.sound.decode import Decoder, Undecodable, pcm16
from imvume.archive.sound.facts import BLOCK, Sound
from imvume.archive.sound.windows import Reader, Window

STRETCH, RUN_UP = 10, 1  # seconds


class Lossy:
    """A lossy recording, open. Raises BadInput (damaged) where the decoder cannot go on."""

    def __init__(self, file: Reader, sound: Sound, head: mp3.Head | None = None) -> None:
        """head: of an MP3, where it has been walked already."""
        self._file, self._sound = file, sound
        if head is None and sound.coding == "mp3":
            head = mp3.read(file, sound.at, sound.at + sound.length)
        self._head = head
        self._decoder: Decoder | None = None
        self._stretch, self._samples = -1, np.empty((0, 0), np.int16)
        self.rate, self.channels, self.frames = sound.rate, sound.channels, sound.frames
        if head is not None:
            self.frames = head.samples
        elif sound.coding != "gsm":
            decoder = self._open(0)
            self.rate, self.channels, self.frames = decoder.rate, decoder.channels, decoder.frames

    def blocks(self) -> Iterator[NDArray[np.int16]]:
        """All of it from the beginning, as 16-bit arrays of (frames, channels)."""
        left = self.frames
        try:
            decoder = self._at(0)
            while left > 0 and len(block := decoder.read(min(left, BLOCK), "float32")):
                yield pcm16(block)
                left -= len(block)
        except Undecodable:
            raise refusals.damaged() from None

    def frames_of(self, start: int, stop: int) -> NDArray[np.int16]:
        """Frames [start, stop) as a 16-bit array of (frames, channels); silence where the decoder has none."""
        pieces = []
        step = STRETCH * self.rate
        while start < stop:
            stretch, within = divmod(start, step)
            if stretch != self._stretch:
                self._samples, self._stretch = self._decode(stretch * step, step), stretch
            piece = self._samples[within : within + stop - start]
            pieces.append(piece)
            start += len(piece)
        return np.concatenate(pieces) if pieces else np.empty((0, self.channels), np.int16)

    def _decode(self, start: int, size: int) -> NDArray[np.int16]:
        run_up = min(start, RUN_UP * self.rate)
        wanted = min(size, self.frames - start)  # beyond its end a damaged file may hold what cannot be decoded
        try:
            decoder = self._at(start - run_up)
            taken = self._take(decoder, run_up + wanted)[run_up:]
        except Undecodable:
            # A damaged Ogg may decode from its beginning, as it did when it was packed, and yet not seek.
            taken = self._from_the_beginning(start, wanted)
        samples = np.zeros((size, self.channels), np.int16)
        samples[: len(taken)] = taken
        return samples

    def _from_the_beginning(self, start: int, size: int) -> NDArray[np.int16]:
        try:
            self.close()
            decoder = self._at(0)
            while start > 0 and len(block := decoder.read(min(start, BLOCK), "float32")):
                start -= len(block)
            return self._take(decoder, size)
        except Undecodable:
            raise refusals.damaged() from None

    def _take(self, decoder: Decoder, frames: int) -> NDArray[np.int16]:
        pieces = [np.empty((0, self.channels), np.int16)]
        while frames > 0 and len(block := decoder.read(min(frames, BLOCK), "float32")):
            pieces.append(pcm16(block))
            frames -= len(block)
        return np.concatenate(pieces)

    def _at(self, frame: int) -> Decoder:
        """A decoder that stands at `frame`, the same however it came there."""
        if self._sound.container == "ogg":
            decoder = self._decoder or self._open(0)
            decoder.seek(frame)
            return decoder
        # What seeking in GSM and MP3 leaves in libsndfile depends on what was read before: each gets a fresh decoder.
        frame, step = frame + (self._head.before if self._head else 0), self._step
        decoder = self._open(frame // step)
        self._take(decoder, frame % step)
        return decoder

    @property
    def _step(self) -> int:
        """Frames between the places at which a decoder can begin."""
        if self._head is not None:
            return self._head.frame.step * mp3.GRID
        return wav.GSM_FRAMES if self._sound.container == "wav49" else headerless.GSM_FRAMES

    def _open(self, place: int) -> Decoder:
        """A decoder that begins at the place of that number."""
        self.close()
        sound, raw = self._sound, None
        if self._head is not None:
            window = mp3.window(self._file, self._head, place * mp3.GRID)
        elif sound.container == "wav49":
            start, stop = sound.at + place * wav.GSM_BLOCK, sound.at + sound.length
            window = Window(self._file, (start, stop), head=wav.gsm_header(sound.rate, stop - start))
        else:
            raw = (sound.rate, "GSM610") if sound.coding == "gsm" else None
            start = sound.at + place * headerless.GSM_FRAME
            window = Window(self._file, (start, sound.at + sound.length))
        try:
            self._decoder = Decoder(window, raw=raw)
        except Undecodable:
            raise refusals.damaged() from None
        return self._decoder

    def close(self) -> None:
        if self._decoder is not None:
            self._decoder.close()
            self._decoder = None

    def __enter__(self) -> Lossy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
