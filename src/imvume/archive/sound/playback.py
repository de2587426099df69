"""A call as one WAV that does not exist: any range of it is made when it is asked for.

Its header and its length follow from the rows of its legs, so a player may seek before one
byte has been decrypted, and what is then read is what it will hear.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from imvume.archive.sound import refusals, wav
from imvume.archive.sound.decode import Decoder, Undecodable
from imvume.archive.sound.forms import FORMS
from imvume.archive.sound.inspecting import inspect
from imvume.archive.sound.lossy import Lossy
from imvume.archive.sound.windows import Reader, Window, size_of
from imvume.errors import BadInput

_FIRST, _NEXT = 4_096, 32_768  # frames a yield: the first is small, so that sound begins at once
_KEPT = 64  # frames kept of the last block, for the neighbour that interpolation looks back to
_HOURS_MAX = 1_000  # the hours were bounded when it was sealed, under the setting of that day


class Leg(NamedTuple):
    """One stored recording, as its row has it. A plain tuple of these five does as well."""

    reader: Reader
    codec: str
    rate: int
    channels: int
    frames: int


class Playback:
    """One or two recordings as a virtual 16-bit PCM WAV.

    Two legs play as stereo, the first on the left; one mono leg plays as mono, one stereo
    recording as stereo. Legs of different rates are brought to the higher one by linear
    interpolation, and the shorter ends in silence. Not for several threads at once.
    """

    media_type = "audio/wav"

    def __init__(self, legs: Sequence[tuple[Reader, str, int, int, int]]) -> None:
        """legs: one or two. Nothing is read yet."""
        if not 1 <= len(legs) <= 2:
            raise ValueError("a playback has one leg or two")
        self._legs = [Leg(*leg) for leg in legs]
        self.rate = max(leg.rate for leg in self._legs)
        self.frames = max(-(-leg.frames * self.rate // leg.rate) for leg in self._legs)
        self.channels = 2 if len(legs) == 2 else self._legs[0].channels
        data = self.frames * self.channels * 2
        self._header = wav.header(wav.PCM, self.channels, self.rate, 16, data)
        self.size = len(self._header) + data

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """Bytes [start, stop) of the WAV, in blocks; what lies outside of it is left out.

        Raises Broken where the stored recording is not what its row says.
        """
        start, stop = max(0, start), min(stop, self.size)
        head = self._header[start:stop]
        if head:
            yield head
        start, stop = max(start, len(self._header)) - len(self._header), stop - len(self._header)
        if start >= stop:
            return
        width = 2 * self.channels
        with ExitStack() as stack:
            sides = [_Side(stack.enter_context(_open(leg)), leg, self.rate, len(self._legs)) for leg in self._legs]
            frame, last, most = start // width, -(-stop // width), _FIRST
            while frame < last:
                upto = min(frame + most, last)
                try:
                    block = np.concatenate([side.frames_of(frame, upto) for side in sides], axis=1)
                except BadInput:
                    raise refusals.stored() from None
                data = block.astype("<i2", copy=False).tobytes()
                yield data[max(0, start - frame * width) : stop - frame * width]
                frame, most = upto, _NEXT


class _Samples(Protocol):
    def frames_of(self, start: int, stop: int) -> NDArray[np.int16]: ...


class _Side:
    """One leg at the rate of the whole, without an end."""

    def __init__(self, samples: _Samples, leg: Leg, rate: int, legs: int) -> None:
        self._samples, self._leg, self._rate = samples, leg, rate
        self._mono = legs == 2  # a stereo file beside another leg is folded into its side

    def frames_of(self, start: int, stop: int) -> NDArray[np.int16]:
        if self._leg.rate == self._rate:
            return self._of(start, stop)
        # Whole numbers throughout, so that a sample is the same whatever range it was asked in.
        places = np.arange(start, stop, dtype=np.int64) * self._leg.rate
        before, share = np.divmod(places, self._rate)
        first = int(before[0])
        source = self._of(first, int(before[-1]) + 2).astype(np.int64)
        left, right = source[before - first], source[before - first + 1]
        between: NDArray[np.int16] = (left + (right - left) * share[:, None] // self._rate).astype(np.int16)
        return between

    def _of(self, start: int, stop: int) -> NDArray[np.int16]:
        end = max(start, min(stop, self._leg.frames))
        block = self._samples.frames_of(start, end)
        if self._mono and block.shape[1] == 2:
            block = (block.astype(np.int32).sum(axis=1, keepdims=True) >> 1).astype(np.int16)
        return np.pad(block, ((0, stop - start - len(block)), (0, 0))) if len(block) < stop - start else block


class _Flac:
    """A lossless leg: FLAC seeks to the very sample."""

    def __init__(self, leg: Leg) -> None:
        self._form, self._frames = FORMS[leg.codec], leg.frames
        try:
            self._decoder = Decoder(Window(leg.reader, (0, size_of(leg.reader))))
        except Undecodable:
            raise refusals.stored() from None
        if self._decoder.frames != leg.frames or self._decoder.channels != self._form.lanes:
            self._decoder.close()
            raise refusals.stored()
        self._at, self._kept = 0, np.empty(0, np.int16)

    def frames_of(self, start: int, stop: int) -> NDArray[np.int16]:
        back = self._at - start
        if start >= stop:
            return np.empty((0, 1), np.int16)
        if 0 < back <= len(self._kept) and stop > self._at:
            kept = self._kept[len(self._kept) - back :]
            return np.concatenate([kept[:, None], self._next(stop)])
        if back:
            self._seek(start)
        return self._next(stop)

    def _seek(self, frame: int) -> None:
        try:
            self._decoder.seek(frame)
        except Undecodable:
            raise refusals.stored() from None
        self._at = frame

    def _next(self, stop: int) -> NDArray[np.int16]:
        wanted = stop - self._at
        try:
            wave = self._decoder.read(wanted, self._form.dtype)
        except Undecodable:
            raise refusals.stored() from None
        if len(wave) != wanted:
            raise refusals.stored()
        samples = self._form.pcm16(self._form.decode(wave if self._form.lanes > 1 else wave[:, 0]))
        self._at, self._kept = stop, samples[-_KEPT:]
        return samples[:, None]

    def __enter__(self) -> _Flac:
        return self

    def __exit__(self, *_: object) -> None:
        self._decoder.close()


def _open(leg: Leg) -> AbstractContextManager[_Samples]:
    if not leg.codec.startswith("asis-"):
        return _Flac(leg)
    try:
        # Looked at anew, as on the day it was sealed: only what the walk allows is shown to the decoder.
        sound = inspect(leg.reader, name="stored.gsm" if leg.codec == "asis-gsm" else "stored", hours_max=_HOURS_MAX)
        return Lossy(leg.reader, sound)
    except BadInput:
        raise refusals.stored() from None
