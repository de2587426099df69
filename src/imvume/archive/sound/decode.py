"""Samples out of coded sound, by libsndfile, in blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from imvume.archive.sound.windows import Window


class Undecodable(Exception):
    """libsndfile could not go on. The caller knows whether that is the file's fault or the store's."""


class _Straight(soundfile.SoundFile):  # type: ignore[misc]  # soundfile brings no types
    """Reads straight on.

    soundfile seeks to where it already is after every block, if it can; for MP3 and Opus
    that throws the decoder's state away, and for FLAC it costs a search.
    """

    def seekable(self) -> bool:
        return False


class Decoder:
    """A window of coded sound, as arrays of (frames, channels)."""

    def __init__(self, window: Window, *, raw: tuple[int, str] | None = None) -> None:
        """raw: sample rate and libsndfile's subtype of mono sound that has no header.

        Raises Undecodable; or whatever reading the file raised.
        """
        self._window = window
        shape: dict[str, Any] = {}
        if raw:
            shape = {"format": "RAW", "samplerate": raw[0], "channels": 1, "subtype": raw[1]}
        try:
            self._file = _Straight(window, **shape)
        except (soundfile.SoundFileError, TypeError, ValueError):
            window.check()
            # Not chained: libsndfile's text names the file.
            raise Undecodable from None
        try:
            window.check()
        except BaseException:
            self._file.close()
            raise
        self.rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        self.frames: int = self._file.frames  # as the header has it

    def read(self, frames: int, dtype: str) -> NDArray[Any]:
        """Up to `frames` frames from here; fewer at the end. Raises as the constructor does."""
        try:
            block: NDArray[Any] = self._file.read(frames, dtype=dtype, always_2d=True)
        except (soundfile.SoundFileError, AssertionError, ValueError):
            self._window.check()
            raise Undecodable from None
        self._window.check()
        return block

    def seek(self, frame: int) -> None:
        """Go to `frame`. Raises as the constructor does."""
        try:
            reached = self._file.seek(frame)
        except soundfile.SoundFileError:
            self._window.check()
            raise Undecodable from None
        self._window.check()
        if reached != frame:
            raise Undecodable

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Decoder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def pcm16(block: NDArray[np.float32]) -> NDArray[np.int16]:
    """16-bit samples of floats, of which 1.0 is full scale.

    Beyond full scale is cut, never wrapped round to the other sign; and what no ear could
    use (NaN, which damaged recordings decode to, and which a float may be) is silence.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        wave = np.nan_to_num(np.rint(block * np.float32(32_768)), copy=False, nan=0.0)
    loud: NDArray[np.int16] = np.clip(wave, -32_768, 32_767).astype(np.int16)
    return loud
