"""What is this file, and is it what it says? The first look at a stranger's recording.

The format is told by content; an extension counts only where there is no header. Claims
are checked against the bytes: what a killed recorder left unsaid is filled in, what cannot
be true is refused. Nothing is held in memory but one block.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath

from imvume.archive.sound import flac, headerless, mp3, ogg, refusals, wav
from imvume.archive.sound.decode import Undecodable
from imvume.archive.sound.facts import RATE_MAX, Coding, Sound, bounded
from imvume.archive.sound.lossy import Lossy
from imvume.archive.sound.windows import Reader, read_at, size_of

_PCM: dict[int, Coding] = {8: "pcm8", 16: "pcm16", 24: "pcm24", 32: "pcm32"}


def inspect(file: Reader, *, name: str, hours_max: int) -> Sound:
    """What `file` holds, counted and not believed.

    file: seekable; read from anywhere, left anywhere. name: for its extension only.
    FLAC is decoded once to count it; MP3 and Ogg are walked frame by frame and page by page,
    and counted by `pack`; everything else is arithmetic on what is really there.
    Raises BadInput (archive.sound.*): empty, unknown, coding, truncated, lying, damaged,
    too-many-channels, too-long, several-streams.
    """
    size = size_of(file)
    if size == 0:
        raise refusals.empty()
    sound = _look(file, size, PurePath(name).suffix[1:].lower(), hours_max)
    bounded(sound.rate, sound.channels, sound.frames, hours_max=hours_max)
    return sound


def _look(file: Reader, size: int, extension: str, hours_max: int) -> Sound:
    head = read_at(file, 0, 16)
    if wav.is_wav(head):
        return _wav(file, size, hours_max)
    if head[:4] in (b"RIFF", b"RF64", b"OggS", flac.MAGIC) and size < 27:
        raise refusals.truncated()
    if head[:4] == b"OggS":
        return _ogg(file, size, hours_max)
    at = mp3.after_tags(file, 0, size)
    if read_at(file, at, 4) == flac.MAGIC:
        return _flac(file, at, size, hours_max)
    if at > 0:
        return _mp3(file, at, size, hours_max)
    # Any 16-bit wave may look like the two bytes that begin an MP3, so here the extension is asked first.
    if plain := headerless.EXTENSIONS.get(extension):
        return _plain(file, size, plain, extension)
    if extension == "gsm":
        notes = headerless.gsm_notes(file, size)
        frames = size // headerless.GSM_FRAME * headerless.GSM_FRAMES
        return Sound("gsm", "gsm", 8_000, 1, frames, size, 0, size - size % headerless.GSM_FRAME, notes=notes)
    return _mp3(file, 0, size, hours_max)


def _wav(file: Reader, size: int, hours_max: int) -> Sound:
    head = wav.read(file, size)
    if head.tag == wav.MP3:
        inside = _mp3(file, head.at, head.at + head.length, hours_max)
        return replace(inside, container="wav", size=size, notes=head.notes + inside.notes)
    if head.tag == wav.GSM:
        if head.channels != 1 or head.block not in (0, wav.GSM_BLOCK):
            raise refusals.coding()
        blocks, rest = divmod(head.length, wav.GSM_BLOCK)
        notes = head.notes + (("cut",) if rest else ())
        frames = blocks * wav.GSM_FRAMES
        return Sound("gsm", "wav49", head.rate, 1, frames, size, head.at, blocks * wav.GSM_BLOCK, notes=notes)
    coding = _coding(head)
    if head.channels > 2:
        raise refusals.channels()
    block = head.channels * head.bits // 8
    if block == 0 or head.block not in (0, block):
        raise refusals.lying()
    frames, rest = divmod(head.length, block)
    notes = head.notes + (("cut-frame",) if rest else ())
    _speakable(head.rate)
    return Sound(coding, "wav", head.rate, head.channels, frames, size, head.at, frames * block, head.bits, notes)


def _coding(head: wav.Head) -> Coding:
    match head.tag, head.bits:
        case wav.PCM, 8 | 16 | 24 | 32:
            return _PCM[head.bits]
        case wav.FLOAT, 32:
            return "float"
        case wav.ULAW, 8:
            return "ulaw"
        case wav.ALAW, 8:
            return "alaw"
        case wav.PCM | wav.ULAW | wav.ALAW, _:
            raise refusals.lying()
        case _:
            raise refusals.coding()


def _plain(file: Reader, size: int, plain: headerless.Plain, extension: str) -> Sound:
    width = 2 if plain.coding == "pcm16" else 1
    channels, notes = 1, tuple[str, ...]()
    if extension == "raw" and headerless.alternates(file, size):
        channels, notes = 2, ("stereo-by-content",)
    frames, rest = divmod(size, width * channels)
    if rest:
        notes += ("cut-frame",)
    length = frames * width * channels
    return Sound(plain.coding, "raw", plain.rate, channels, frames, size, 0, length, 8 * width, notes)


def _flac(file: Reader, at: int, size: int, hours_max: int) -> Sound:
    head = flac.read(file, at, size)
    _speakable(head.rate)
    # Asked before decoding, of a count that is surely not nothing: the shape alone may be absurd.
    bounded(head.rate, head.channels, 1, hours_max=hours_max)
    frames, notes, most = 0, tuple[str, ...](), hours_max * 3600 * head.rate
    window = flac.window(file, head, size)
    try:
        for block in flac.blocks(window, head):
            frames += len(block)
            if frames > most:
                raise refusals.long()
    except Undecodable:
        # A copy that was cut ends in half a frame: the decoder has then seen all there is. Elsewhere it is damage,
        # and to leave out the rest of a call without a word would be worse than to refuse it.
        if not frames or window.tell() < window.size:
            raise refusals.damaged() from None
        notes = ("cut",)
    if head.frames not in (0, frames):
        notes += ("count-differs",)
    return Sound("flac", "flac", head.rate, head.channels, frames, size, at, size - at, head.bits, notes)


def _ogg(file: Reader, size: int, hours_max: int) -> Sound:
    head = ogg.read(file, size)
    bounded(max(8_000, head.rate), head.channels, 1, hours_max=hours_max)
    sound = Sound(head.coding, "ogg", head.rate, head.channels, 0, size, 0, head.stop, notes=head.notes)
    return _opened(file, sound, None)


def _mp3(file: Reader, at: int, size: int, hours_max: int) -> Sound:
    head = mp3.read(file, at, size)
    if head.count < 1:
        raise refusals.empty()
    lead = head.frame
    bounded(lead.rate, lead.channels, head.count * lead.step, hours_max=hours_max)
    sound = Sound("mp3", "mp3", lead.rate, lead.channels, 0, size, at, size - at, notes=head.notes)
    return _opened(file, sound, head)


def _opened(file: Reader, sound: Sound, head: mp3.Head | None) -> Sound:
    # The decoder's own rate and count: Opus is decoded at the rate next to the one it was made from.
    with Lossy(file, sound, head) as lossy:
        if lossy.frames >= 1 << 60:  # libsndfile's way to say that no page tells the time
            raise refusals.lying()
        return replace(sound, rate=lossy.rate, channels=lossy.channels, frames=lossy.frames)


def _speakable(rate: int) -> None:
    # FLAC writes a rate above 65,535 Hz in tens.
    if rate > RATE_MAX or (rate > 65_535 and rate % 10):
        raise refusals.lying()
