"""MP3, walked frame by frame: where it starts, how many frames there really are, and a truthful head for the decoder.

An MP3 has no header of its own. Without the little frame that encoders put first ("Xing" or
"Info"), a decoder guesses the length from the size of the file, and cuts the end off where
it guessed too low; with one it believes whatever it says. So the frames are counted here,
and the decoder is given a first frame that says the truth. The same walk notes where every
sixteenth frame lies, so that playing from the middle starts a fresh decoder there: one that
is asked to seek rounds differently from one that is not.

Source: ISO/IEC 11172-3 and 13818-3 (header, frame length); ID3v2.4.0 structure, section 3.1; Xing's VBR header.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from imvume.archive.sound import refusals
from imvume.archive.sound.windows import Reader, Window, read_at

_KBPS_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBPS_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_SEARCH = 65_536  # bytes in which a first frame, or the next one after damage, must be found
_IN_A_ROW = 3  # frames that must follow one another before chance is ruled out
_READ = 262_144
DELAY = 529  # samples by which every Layer III decoder is late
GRID = 16  # frames
_LEAD = 65_536  # bytes in which enough frames lie to borrow from
_LOSSES_MAX = 1_000  # times that the next frame is not where it should be; each costs a search


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame header. size: bytes of the frame. step: samples a channel. side: bytes of side information."""

    version: int
    rate: int
    channels: int
    size: int

    @property
    def step(self) -> int:
        return 1152 if self.version == 3 else 576

    @property
    def side(self) -> int:
        if self.version == 3:
            return 17 if self.channels == 1 else 32
        return 9 if self.channels == 1 else 17


@dataclass(frozen=True, slots=True)
class Head:
    """An MP3, walked.

    count: frames of sound. places: where every GRID-th of them begins. runs: [start, stop) of the
    stretches in which one follows another; more than one only where there is something else between.
    before, after: samples that the encoder added at the beginning and the end, and says so; they are not
    sound. A decoder adds DELAY more at the beginning, which libsndfile leaves out by itself.
    """

    frame: Frame
    count: int
    places: tuple[int, ...]
    runs: tuple[tuple[int, int], ...]
    before: int
    after: int
    notes: tuple[str, ...]

    @property
    def samples(self) -> int:
        """Samples a channel, without what the encoder added."""
        return self.count * self.frame.step - DELAY - self.before - self.after


def frame_of(head: bytes) -> Frame | None:
    """The frame that begins with these four bytes, if they can be a Layer III header with a bit rate."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    kbps, rate = head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer != 1 or kbps in (0, 15) or rate == 3:
        return None
    hertz = _RATES[version][rate]
    bits = (_KBPS_1 if version == 3 else _KBPS_2)[kbps] * 1000
    size = (144 if version == 3 else 72) * bits // hertz + (head[2] >> 1 & 1)
    return Frame(version, hertz, 1 if head[3] >> 6 == 3 else 2, size)


def after_tags(file: Reader, at: int, size: int) -> int:
    """The place behind any ID3v2 tags at `at`."""
    for _ in range(8):
        head = read_at(file, at, 10)
        if len(head) < 10 or head[:3] != b"ID3" or any(digit > 127 for digit in head[6:10]):
            return at
        length = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        at += 10 + length + (10 if head[5] & 0x10 else 0)
    return min(at, size)


def first(file: Reader, at: int, size: int) -> int | None:
    """The place of the first of three frames in a row, soon after `at`; None if there is none."""
    block = read_at(file, at, min(_SEARCH + 8192, size - at))
    place = block.find(b"\xff")
    while 0 <= place < _SEARCH:
        frame, here, alike = frame_of(block[place : place + 4]), place, 0
        like = frame
        while frame is not None and like is not None and _alike(frame, like):
            alike, here = alike + 1, here + frame.size
            if alike == _IN_A_ROW or (at + here >= size and place == 0):
                return at + place
            frame = frame_of(block[here : here + 4])
        place = block.find(b"\xff", place + 1)
    return None


def _alike(one: Frame, other: Frame) -> bool:
    return (one.version, one.rate, one.channels) == (other.version, other.rate, other.channels)


def read(file: Reader, at: int, size: int) -> Head:
    """Walk the frames of the MP3 in bytes [at, size). Raises BadInput (unknown, damaged)."""
    start = first(file, at, size)
    if start is None:
        raise refusals.unknown()
    lead = frame_of(read_at(file, start, 4))
    if lead is None:  # not reached: `first` answers only where a frame is
        raise refusals.unknown()
    described = _described(read_at(file, start, lead.size), lead)
    said, before, after = described or (-1, 0, 0)
    places, count, runs, notes = _walk(file, start + (lead.size if described else 0), size, lead)
    if said not in (-1, count):
        notes.add("count-differs")
    if before + after + DELAY >= count * lead.step:
        before = after = 0
    return Head(lead, count, tuple(places), tuple(runs), before, after, tuple(sorted(notes)))


def _walk(file: Reader, place: int, size: int, lead: Frame) -> tuple[list[int], int, list[tuple[int, int]], set[str]]:
    count, begun, notes = 0, place, set[str]()
    places: list[int] = []
    runs: list[tuple[int, int]] = []
    block, base = b"", place
    while place < size:
        if place + 4 > base + len(block) and base + len(block) < size:
            block, base = read_at(file, place, _READ), place
        offset = place - base
        frame = frame_of(block[offset : offset + 4])
        if frame is not None and _alike(frame, lead):
            if place + frame.size > size:
                notes.add("cut")
                return places, count, [*runs, (begun, place)], notes
            if count % GRID == 0:
                places.append(place)
            count, place = count + 1, place + frame.size
            continue
        runs.append((begun, place))
        rest = read_at(file, place, 10)
        if rest[:3] in (b"TAG", b"ID3") or rest[:8] in (b"APETAGEX", b"LYRICSBE"):
            break
        if size - place < 4:
            notes.add("cut")
            break
        found = first(file, place + 1, size)
        if found is None:
            notes.add("trailing-junk")
            break
        if len(runs) > _LOSSES_MAX:
            raise refusals.damaged()
        notes.add("damaged-frames")
        place = begun = found
    else:
        runs.append((begun, place))
    return places, count, runs, notes


def _described(frame: bytes, lead: Frame) -> tuple[int, int, int] | None:
    """A describing first frame: its count (-1: none), the samples added before, and after. None: it is sound."""
    place = 4 + lead.side
    if frame[place : place + 4] not in (b"Xing", b"Info"):
        return None
    flags = int.from_bytes(frame[place + 4 : place + 8])
    said = int.from_bytes(frame[place + 8 : place + 12]) if flags & 1 and len(frame) >= place + 12 else -1
    # Behind the fields that the flags announce: nine letters of the encoder, and at 21 the samples that it added.
    encoder = place + 8 + 4 * (flags & 1) + 4 * (flags >> 1 & 1) + 100 * (flags >> 2 & 1) + 4 * (flags >> 3 & 1)
    added = int.from_bytes(frame[encoder + 21 : encoder + 24])
    if frame[encoder : encoder + 2] not in (b"LA", b"La") or not added:
        return said, 0, 0
    return said, added >> 12, max(0, (added & 0xFFF) - DELAY)


def window(file: Reader, head: Head, first: int = 0) -> Window:
    """The frames from number `first` (a multiple of GRID) on, as a decoder may see them.

    No tags, and before them a frame that says how many there are and adds nothing.
    """
    start = head.places[first // GRID]
    runs = [(max(start, run[0]), run[1]) for run in head.runs if run[1] > start]
    lead, after = _muted(read_at(file, start, min(_LEAD, runs[0][1] - start)), head.frame)
    runs[0] = (start + after, runs[0][1])
    return Window(file, *runs, head=_describing(head.frame, head.count - first) + lead)


def _muted(block: bytes, like: Frame) -> tuple[bytes, int]:
    """The first frames of a stretch, made fit to begin with, and their bytes.

    A frame borrows bits from those before it. One that would borrow from before the beginning is
    told to say nothing: to borrow what there is, and of no bits to make silence. Its own bytes stay,
    for the next to borrow. The decoder would otherwise complain on standard error, frame by frame.
    """
    lead, place, lent = bytearray(), 0, 0
    most = 511 if like.version == 3 else 255
    while lent < most:
        frame = frame_of(block[place : place + 4])
        if frame is None or place + frame.size > len(block):
            break
        data = bytearray(block[place : place + frame.size])
        side = 4 if data[1] & 1 else 6  # behind a checksum, where there is one
        borrowed = data[side] << 1 | data[side + 1] >> 7 if frame.version == 3 else data[side]
        if borrowed > lent:
            begin = lent << 7 if frame.version == 3 else lent << 8
            data[side : side + frame.side] = begin.to_bytes(2) + bytes(frame.side - 2)
        lead += data
        place += frame.size
        lent += max(0, frame.size - side - frame.side)
    return bytes(lead), place


def _describing(lead: Frame, count: int) -> bytes:
    # 64 kbit/s or the next above: the first size in which every decoder looks for the count (120 bytes and the side).
    kbps = _KBPS_1 if lead.version == 3 else _KBPS_2
    head = bytes((
        0xFF,
        0xE0 | lead.version << 3 | 1 << 1 | 1,
        kbps.index(64) << 4 | _RATES[lead.version].index(lead.rate) << 2,
        0xC0 if lead.channels == 1 else 0x00,
    ))  # fmt: skip
    frame = frame_of(head)
    size = frame.size if frame else 0
    # As an encoder that added nothing before the sound, and after it what makes up for the decoder's delay: without
    # this the delay is left out or not, as the version of the decoder pleases.
    says = struct.pack(">4sII9s12x", b"Xing", 1, count, b"LAME3.100") + DELAY.to_bytes(3)
    return (head + bytes(lead.side) + says).ljust(size, b"\0")
