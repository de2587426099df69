"""The forms in which sound is stored: how content bytes become FLAC, and come back bit for bit.

`codec` on an asset names its form, and says all that is needed to restore it:

    flac            16-bit PCM
    flac-pcm8       8-bit PCM, unsigned as WAV has it
    flac-pcm24      24-bit PCM
    flac-pcm32      32-bit PCM, as two 16-bit channels (low half, high half): FLAC ends at 24 bits here
    flac-float      32-bit IEEE float, likewise
    flac-ulaw       mu-law codes, in the order of their values (g711.py), as 8 bits
    flac-alaw       A-law codes, likewise
    flac-ulaw-pcm   16-bit PCM of which every sample is a decoded mu-law code, stored as those codes
    flac-alaw-pcm   the same of A-law
    asis-gsm  asis-wav49  asis-opus  asis-vorbis  asis-mp3  asis-wav-mp3    the file as it came

The content bytes of one channel are what lay in the file: codes, or little-endian samples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from imvume.archive.sound import g711
from imvume.archive.sound.decode import pcm16
from imvume.archive.sound.facts import Sound

Samples = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Form:
    """One lossless stored form.

    width: content bytes a sample. subtype, lanes: what FLAC is told (bits, channels).
    dtype: what libsndfile exchanges with us. encode: contiguous content -> that.
    decode: that -> content. pcm16: content -> 16-bit samples to play and to draw.
    """

    codec: str
    width: int
    subtype: str
    lanes: int
    dtype: str
    encode: Callable[[Samples], Samples]
    decode: Callable[[Samples], Samples]
    pcm16: Callable[[Samples], NDArray[np.int16]]


def _same(samples: Samples) -> Samples:
    return samples


def _wave8(content: Samples) -> Samples:
    return ((content ^ 0x80).view(np.int8).astype(np.int16) << 8).astype(np.int16)


def _bytes8(wave: Samples) -> Samples:
    return (wave >> 8).astype(np.int8).view(np.uint8) ^ 0x80


def _wave24(content: Samples) -> Samples:
    # Into the upper three bytes of 32 bits, which is how libsndfile takes 24-bit FLAC.
    wide = np.zeros((len(content), 4), np.uint8)
    wide[:, 1:] = content
    return wide.view("<i4")[:, 0]


def _bytes24(wave: Samples) -> Samples:
    return np.ascontiguousarray(wave.astype("<i4", copy=False).view(np.uint8).reshape(-1, 4)[:, 1:])


def _upper16(content: Samples) -> NDArray[np.int16]:
    return np.ascontiguousarray(content[:, 1:]).view("<i2")[:, 0]


def _halves(content: Samples) -> Samples:
    return content.view("<i2").reshape(-1, 2)


def _whole(halves: Samples) -> Samples:
    return np.ascontiguousarray(halves).astype("<i2", copy=False).view("<i4")[:, 0]


def _high16(content: Samples) -> NDArray[np.int16]:
    high: NDArray[np.int16] = (content >> 16).astype(np.int16)
    return high


def _codes(law: g711.Law) -> Form:
    return Form(
        f"flac-{law.name}", 1, "PCM_S8", 1, "int16",
        encode=law.wave.take,
        decode=lambda wave: law.codes.take(g711.ranks(wave)),
        pcm16=law.linear.take,
    )  # fmt: skip


def _spoken(law: g711.Law) -> Form:
    return Form(
        f"flac-{law.name}-pcm", 2, "PCM_S8", 1, "int16",
        encode=lambda content: law.wave_of.take(content.view(np.uint16)),
        decode=lambda wave: law.values.take(g711.ranks(wave)).astype("<i2", copy=False),
        pcm16=_same,
    )  # fmt: skip


FORMS: Final[dict[str, Form]] = {
    form.codec: form
    for form in (
        Form("flac", 2, "PCM_16", 1, "int16", _same, _same, _same),
        Form("flac-pcm8", 1, "PCM_S8", 1, "int16", _wave8, _bytes8, _wave8),
        Form("flac-pcm24", 3, "PCM_24", 1, "int32", _wave24, _bytes24, _upper16),
        Form("flac-pcm32", 4, "PCM_16", 2, "int16", _halves, _whole, _high16),
        Form("flac-float", 4, "PCM_16", 2, "int16", _halves, _whole, lambda content: pcm16(content.view("<f4"))),
        _codes(g711.ULAW),
        _codes(g711.ALAW),
        _spoken(g711.ULAW),
        _spoken(g711.ALAW),
    )
}

_OF_PCM: Final = {8: "flac-pcm8", 16: "flac", 24: "flac-pcm24", 32: "flac-pcm32"}


def lossless(sound: Sound, law: g711.Law | None) -> Form:
    """The form in which one channel of `sound` is stored. `law`: that of which all its 16-bit samples are, if any."""
    if sound.coding in g711.LAWS:
        return FORMS[f"flac-{sound.coding}"]
    if sound.coding == "float":
        return FORMS["flac-float"]
    if law is not None:
        return FORMS[f"flac-{law.name}-pcm"]
    return FORMS[_OF_PCM[sound.bits]]


def asis(sound: Sound) -> str:
    """The codec of a lossy recording that is kept as it came."""
    match sound.coding, sound.container:
        case "gsm", "wav49":
            return "asis-wav49"
        case "mp3", "wav":
            return "asis-wav-mp3"
        case _:
            return f"asis-{sound.coding}"
