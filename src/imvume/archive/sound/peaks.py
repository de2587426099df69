"""The waveform of a recording: how loud each stretch of it is, small enough to draw as SVG and to seal in a row."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BUCKETS = 420  # columns that a call page draws


class Peaks:
    """Collects the loudest sample of each of 420 equal stretches (fewer where there are fewer samples).

    What comes beyond `frames` counts to the last stretch: a lossy decoder may give a little more than was foretold.
    """

    def __init__(self, frames: int) -> None:
        self._count = min(BUCKETS, max(1, frames))
        self._edges = np.array([frames * bucket // self._count for bucket in range(self._count)], np.int64)
        self._loudest = np.zeros(self._count, np.int16)
        self._at = 0

    def add(self, block: NDArray[np.int16]) -> None:
        """The next samples, of shape (frames,) or (frames, channels)."""
        if not len(block):
            return
        size = np.maximum(block, ~block)  # |-32768| does not fit; ~ of a negative is its size less one, near enough
        if size.ndim == 2:
            size = size.max(axis=1)
        low = int(np.searchsorted(self._edges, self._at, "right")) - 1
        high = int(np.searchsorted(self._edges, self._at + len(size), "left"))
        starts = np.maximum(self._edges[low:high] - self._at, 0)
        self._loudest[low:high] = np.maximum(self._loudest[low:high], np.maximum.reduceat(size, starts))
        self._at += len(size)

    def bytes(self) -> bytes:
        """One byte a stretch: 0 is silence, 255 full scale."""
        return (self._loudest >> 7).astype(np.uint8).tobytes()
