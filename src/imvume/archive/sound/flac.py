"""FLAC: written forward only, into a sink that cannot go back; and a stranger's, looked at before it is decoded.

Source: RFC 9639 (FLAC), sections 6 to 8.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import soundfile
from numpy.typing import NDArray

from imvume.archive.sound import refusals
from imvume.archive.sound.decode import Decoder
from imvume.archive.sound.facts import BLOCK
from imvume.archive.sound.windows import Reader, Window, read_at

MAGIC = b"fLaC"
_HEAD = 42  # the magic, and STREAMINFO with its block header
_BLOCKS_MAX = 128
_STEP_MIN = 1_024
_PASS_ON = 65_536  # bytes collected before they are passed on


@dataclass(frozen=True, slots=True)
class Head:
    """What STREAMINFO says. frames: 0 where the encoder did not know. at: the first frame of sound."""

    rate: int
    channels: int
    bits: int
    frames: int
    at: int
    streaminfo: bytes


def read(file: Reader, at: int, size: int) -> Head:
    """The head of the FLAC that begins at `at`. Raises BadInput (truncated, lying, coding)."""
    place, streaminfo = at + len(MAGIC), b""
    for _ in range(_BLOCKS_MAX):
        head = read_at(file, place, 4)
        length = int.from_bytes(head[1:], "big")
        if len(head) < 4 or place + 4 + length > size:
            raise refusals.truncated()
        if not streaminfo:
            if head[0] & 0x7F != 0 or length != 34:
                raise refusals.lying()
            streaminfo = read_at(file, place + 4, 34)
        place += 4 + length
        if head[0] & 0x80:
            return _head(streaminfo, place)
    raise refusals.lying()


def _head(streaminfo: bytes, at: int) -> Head:
    packed = int.from_bytes(streaminfo[10:18], "big")
    rate, channels, bits, frames = packed >> 44, (packed >> 41 & 7) + 1, (packed >> 36 & 31) + 1, packed & (1 << 36) - 1
    if bits not in (8, 16, 24):
        raise refusals.coding()
    return Head(rate, channels, bits, frames, at, streaminfo)


def window(file: Reader, head: Head, size: int) -> Window:
    """The FLAC as a decoder may see it: its STREAMINFO and its frames, no other metadata, and no count of samples.

    The decoder stops at the count that it is given; with none it goes on to the end, and we count.
    """
    info = bytearray(head.streaminfo)
    info[13] &= 0xF0
    info[14:18] = bytes(4)
    return Window(file, (head.at, size), head=MAGIC + b"\x80\x00\x00\x22" + info)


def blocks(window: Window, head: Head) -> Iterator[NDArray[Any]]:
    """The samples of a stranger's FLAC, (frames, channels), one FLAC frame at a time. Raises Undecodable.

    One at a time, so that of a file that was cut nothing is lost but the frame that was cut.
    """
    # The size of a frame, as its header has it; but one that says 16 would have us call the decoder for days.
    step = min(max(int.from_bytes(head.streaminfo[2:4], "big"), _STEP_MIN), BLOCK)
    with Decoder(window) as decoder:
        while len(block := decoder.read(step, "int32" if head.bits > 16 else "int16")):
            yield block


class Encoder:
    """Writes FLAC to `write`, forward only, with the true count of samples in its first bytes.

    libsndfile seeks back when it closes, to fill in what it knows only then: the MD5 of the
    samples, the sizes of frames, and their count. A sealed object cannot be gone back into.
    So the count, which is known beforehand, is put in as the header passes, and compared
    with the late one; sizes and MD5 stay zero, which FLAC defines as "not known".
    """

    def __init__(self, write: Callable[[bytes], object], *, rate: int, lanes: int, subtype: str, frames: int) -> None:
        """lanes: channels. subtype: libsndfile's name of the sample width. frames: samples a channel that will come."""
        self._write, self._frames = write, frames
        self._sink = _Sink(frames)
        self._file = _Forward(self._sink, "w", samplerate=rate, channels=lanes, format="FLAC", subtype=subtype)

    def put(self, block: NDArray[Any]) -> None:
        """Encode one block. Raises what `write` raises."""
        self._file.write(block)
        if len(self._sink.out) >= _PASS_ON:
            self._pass_on()

    def finish(self) -> None:
        """Write what is left. Raises Broken if the encoder counted otherwise."""
        self._file.close()
        if self._sink.strayed or self._sink.late_frames() != self._frames:
            raise refusals.encoder()
        self._pass_on()

    def abort(self) -> None:
        """Let go; what was not passed on yet is dropped."""
        self._file.close()

    def _pass_on(self) -> None:
        data = bytes(self._sink.out)
        self._sink.out.clear()
        self._write(data)


class _Forward(soundfile.SoundFile):  # type: ignore[misc]  # soundfile brings no types
    """Does not seek to where it already is after every block."""

    def seekable(self) -> bool:
        return False


class _Sink:
    """The file that libsndfile writes: everything new goes to `out`, everything late into a copy of the header.

    Its methods run inside C and cannot raise; what must not be is noted in `strayed`.
    """

    def __init__(self, frames: int) -> None:
        self.out = bytearray()
        self.strayed = False
        self._frames, self._first = frames, bytearray()
        self._at = self._end = 0

    def write(self, data: bytes) -> int:
        start, stop = self._at, self._at + len(data)
        if start == self._end:
            if self._end < _HEAD:
                self._open(data)
            else:
                self.out += data
            self._end = stop
        elif stop <= _HEAD <= self._end:
            self._first[start:stop] = data
        else:
            self.strayed = True
        self._at = stop
        return len(data)

    def _open(self, data: bytes) -> None:
        self._first += data
        if len(self._first) >= _HEAD:
            self.out += with_frames(self._first[:_HEAD], self._frames) + self._first[_HEAD:]
            del self._first[_HEAD:]

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = max(0, {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._end}[whence] + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def late_frames(self) -> int:
        """The count of samples that libsndfile wrote when it closed."""
        return int.from_bytes(self._first[21:26], "big") & (1 << 36) - 1


def with_frames(head: bytes | bytearray, frames: int) -> bytes:
    """The first 42 bytes of a FLAC, with this count of samples."""
    patched = bytearray(head)
    patched[21] = patched[21] & 0xF0 | frames >> 32 & 0x0F
    patched[22:26] = (frames & 0xFFFF_FFFF).to_bytes(4, "big")
    return bytes(patched)
