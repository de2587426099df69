"""What is known of a recording before, and after, it is packed: Sound, Part, Packed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from imvume.archive.sound import refusals

Coding = Literal["pcm8", "pcm16", "pcm24", "pcm32", "float", "ulaw", "alaw", "gsm", "flac", "opus", "vorbis", "mp3"]
Container = Literal["wav", "wav49", "flac", "ogg", "mp3", "raw", "gsm"]

LOSSY = frozenset({"gsm", "opus", "vorbis", "mp3"})
RATE_MIN, RATE_MAX = 4_000, 192_000  # Hz; Asterisk's own formats go from 8,000 to 192,000
CHANNELS_MAX = 2
BLOCK = 65_536  # frames handled at once: 8 s of telephone sound, so that memory does not grow with the call


@dataclass(frozen=True, slots=True)
class Sound:
    """A recording as it was found: what its header claims, corrected by what its bytes say.

    rate: Hz. frames: samples a channel; counted for everything that is stored losslessly, and
    for the lossy codings the number that the container's own structure allows.
    size: bytes of the file. at, length: where the coded sound begins, and its bytes.
    bits: of one sample; 0 where the coding has none.
    notes: what was wrong but could be put right, as codes:
        size-unset      the header was never finished (a recorder that was killed); what is there was taken
        size-too-big    the header promised more than there is; what is there was taken
        size-too-small  the header promised less than there is; what is there was taken
        cut             the last frame of a compressed recording is incomplete
        cut-frame       the last sample is incomplete and was left out
        count-differs   the header's count of samples is not what was counted
        damaged-frames  some frames are not what they should be; they play as silence or noise
        trailing-junk   bytes after the end that are not sound were left out
        stereo-by-content  a headerless file whose samples alternate between two voices
    """

    coding: Coding
    container: Container
    rate: int
    channels: int
    frames: int
    size: int
    at: int = 0
    length: int = 0
    bits: int = 0
    notes: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        return self.frames / self.rate


@dataclass(frozen=True, slots=True)
class Part:
    """One asset that a recording becomes. channel: 0 or 1; None for the file as it came."""

    channel: int | None


def parts(sound: Sound) -> tuple[Part, ...]:
    """The assets that `sound` becomes: one a channel, so that one side of a call can be destroyed alone.

    A lossy recording is kept as it came, in one part, whatever its channels: to split it
    would be to decode and encode it again, and what is then kept is no longer what was recorded.
    """
    if sound.coding in LOSSY:
        return (Part(None),)
    return tuple(Part(channel) for channel in range(sound.channels))


@dataclass(frozen=True, slots=True)
class Packed:
    """What was stored for one part.

    codec: the stored form (forms.py). frames: samples a channel, as decoded.
    content: SHA-256 of the content bytes, which `unpack` yields again: the G.711 codes or
    the little-endian PCM of that channel, or the file itself where it is kept as it came.
    peaks: up to 420 bytes, the loudest sample of each equal stretch, 0 to 255.
    """

    codec: str
    rate: int
    channels: int
    frames: int
    content: bytes
    peaks: bytes


def bounded(rate: int, channels: int, frames: int, *, hours_max: int) -> None:
    """Raise BadInput unless a recording of this shape is one that a telephone call can have."""
    if channels > CHANNELS_MAX:
        raise refusals.channels()
    if channels < 1 or not RATE_MIN <= rate <= RATE_MAX:
        raise refusals.lying()
    if frames < 1:
        raise refusals.empty()
    if frames > hours_max * 3600 * rate:
        raise refusals.long()
