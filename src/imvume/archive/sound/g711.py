"""G.711: the 256 codes of A-law and mu-law, as tables; their order by loudness; and who speaks them.

A code byte is a sample whose amplitude runs in zigzags: neighbours in value are not
neighbours in code, so FLAC finds little to predict in it. Re-numbered in the order of
the values they stand for, the same bytes are a plain 8-bit wave, and a third smaller.

Source: ITU-T Recommendation G.711 (11/88).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


def _ulaw() -> NDArray[np.int16]:
    code = ~np.arange(256) & 0xFF
    size = ((((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)) - 0x84
    return np.where(code & 0x80, -size, size).astype(np.int16)


def _alaw() -> NDArray[np.int16]:
    code = np.arange(256) ^ 0x55
    step, segment = ((code & 0x0F) << 4) + 8, (code & 0x70) >> 4
    size = np.where(segment > 0, (step + 0x100) << np.maximum(segment - 1, 0), step)
    return np.where(code & 0x80, size, -size).astype(np.int16)


@dataclass(frozen=True, slots=True)
class Law:
    """One of the two laws, as tables.

    linear: code -> 16-bit sample. wave: code -> its rank among the values, as an 8-bit sample
    in the upper byte of 16, which is how libsndfile takes 8-bit FLAC.
    codes: rank -> code. values: rank -> sample. exact: sample (as unsigned 16 bits) -> whether some code says it.
    wave_of: sample (as unsigned 16 bits) -> the wave of the code that says it, where one does.
    """

    name: str
    linear: NDArray[np.int16]
    wave: NDArray[np.int16]
    codes: NDArray[np.uint8]
    values: NDArray[np.int16]
    exact: NDArray[np.bool_]
    wave_of: NDArray[np.int16]


def _law(name: str, linear: NDArray[np.int16]) -> Law:
    # The order is stable and mu-law's two zeros keep their order (minus before plus), so that each stays itself.
    codes = np.argsort(linear, kind="stable").astype(np.uint8)
    rank = np.empty(256, np.int16)
    rank[codes] = np.arange(256)
    wave = (rank - 128) << 8
    exact = np.zeros(65_536, np.bool_)
    exact[linear.view(np.uint16)] = True
    wave_of = np.zeros(65_536, np.int16)
    wave_of[linear.view(np.uint16)] = wave  # of mu-law's two zeros the later, 0xFF, is the one that encoders write
    return Law(name, linear, wave.astype(np.int16), codes, linear[codes], exact, wave_of)


ULAW = _law("ulaw", _ulaw())
ALAW = _law("alaw", _alaw())
LAWS = {"ulaw": ULAW, "alaw": ALAW}


def spoken(blocks: Iterable[NDArray[np.int16]]) -> Law | None:
    """The law of which every one of these samples is a decoded code; None at the first sample that is of neither.

    A PBX that decodes G.711 trunks writes such samples into its .wav legs. They carry 8 bits
    of news in 16, and are stored as the codes they came from.
    """
    laws = [ULAW, ALAW]
    for block in blocks:
        samples = block.view(np.uint16)
        # A short look first: sound that is not G.711 shows it at once, and then costs nothing.
        for part in (samples[:512], samples[512:]):
            laws = [law for law in laws if bool(law.exact.take(part).all())]
            if not laws:
                return None
    return laws[0] if laws else None


def ranks(wave: NDArray[np.int16]) -> NDArray[np.intp]:
    """The ranks (0 to 255) that a `wave` stands for."""
    return (wave >> 8).astype(np.intp) + 128
