"""From what is stored back to the content bytes, exactly; and from those to a file that any player takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from imvume.archive.sound import refusals, wav
from imvume.archive.sound.decode import Decoder, Undecodable
from imvume.archive.sound.facts import BLOCK
from imvume.archive.sound.forms import FORMS
from imvume.archive.sound.windows import Reader, Window, read_at, size_of

_COPY = 262_144

_TAGS = {"flac-ulaw": wav.ULAW, "flac-alaw": wav.ALAW, "flac-float": wav.FLOAT}
_ASIS = {
    "asis-gsm": (".gsm", "audio/x-gsm"),
    "asis-wav49": (".WAV", "audio/x-wav"),  # as Asterisk names it, who tells it from .wav by the capitals
    "asis-opus": (".opus", "audio/ogg"),
    "asis-vorbis": (".ogg", "audio/ogg"),
    "asis-mp3": (".mp3", "audio/mpeg"),
    "asis-wav-mp3": (".wav", "audio/x-wav"),
}


def unpack(stored: Reader, codec: str, *, frames: int | None = None) -> Iterator[bytes]:
    """The content bytes that were packed, in blocks: their SHA-256 is the `content` of Packed.

    stored: what `pack` wrote, seekable. frames: as Packed has it; the yield is checked against it.
    Raises Broken if the stored form cannot be decoded or has another length.
    """
    size = size_of(stored)
    if codec.startswith("asis-"):
        for place in range(0, size, _COPY):
            yield read_at(stored, place, min(_COPY, size - place))
        return
    form, done = FORMS[codec], 0
    try:
        with Decoder(Window(stored, (0, size))) as decoder:
            if decoder.channels != form.lanes or frames not in (None, decoder.frames):
                raise refusals.stored()
            while len(wave := decoder.read(BLOCK, form.dtype)):
                yield form.decode(wave if form.lanes > 1 else wave[:, 0]).tobytes()
                done += len(wave)
            if done != decoder.frames:
                raise refusals.stored()
    except Undecodable:
        raise refusals.stored() from None


@dataclass(frozen=True, slots=True)
class Restored:
    """What a file of content bytes is called, and what must stand around them."""

    extension: str
    media_type: str
    before: bytes = b""
    after: bytes = b""


def content_size(codec: str, frames: int) -> int | None:
    """The number of content bytes; None for what is kept as it came, whose size is the stored one."""
    return None if codec.startswith("asis-") else frames * FORMS[codec].width


def restored(codec: str, rate: int, channels: int, size: int) -> Restored:
    """How to make a file that any player takes of `size` content bytes.

    G.711 becomes a WAV of format 6 or 7 whose data are exactly the codes, PCM a PCM WAV,
    and what was kept as it came is its own file.
    """
    if codec.startswith("asis-"):
        return Restored(*_ASIS[codec])
    head = wav.header(_TAGS.get(codec, wav.PCM), channels, rate, FORMS[codec].width * 8, size)
    return Restored(".wav", "audio/x-wav", head, bytes(size % 2))


def write_wav(
    unpacked: Iterable[bytes], write: Callable[[bytes], object], *, codec: str, rate: int, channels: int, frames: int
) -> Restored:
    """Write `unpacked` to `write` as a file that any player takes; answers what to call it.

    Raises Broken if there are more or fewer content bytes than `frames` says.
    """
    size = content_size(codec, frames)
    file = restored(codec, rate, channels, size or 0)
    written = 0
    if file.before:
        write(file.before)
    for block in unpacked:
        write(block)
        written += len(block)
    if size not in (None, written):
        raise refusals.stored()
    if file.after:
        write(file.after)
    return file
