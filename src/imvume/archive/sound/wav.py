"""WAV, read with suspicion and written plainly.

A recorder that is killed leaves a header that was never finished; a copy that was cut
leaves one that promises too much. What is really there is taken, and said in `notes`.

Source: Microsoft/IBM, Multimedia Programming Interface 1.0 (1991); EBU Tech 3306 (RF64); RFC 2361 (format tags).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from imvume.archive.sound import refusals
from imvume.archive.sound.windows import Reader, read_at

PCM, FLOAT, ALAW, ULAW, GSM, MP3, EXTENSIBLE = 0x0001, 0x0003, 0x0006, 0x0007, 0x0031, 0x0055, 0xFFFE
GSM_BLOCK, GSM_FRAMES = 65, 320  # WAV49: two GSM frames in 65 bytes

_GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")  # an extensible format that is one of the plain ones
_CHUNKS_MAX = 256  # of a well-meant file; a file made of empty chunks would keep us for hours
# Sizes that say "until it ends".
_UNSET = frozenset({0, 0x7FFF_F000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_F000, 0xFFFF_FFFF})
_NAMES = frozenset({b"fmt ", b"data", b"fact", b"LIST", b"bext", b"JUNK", b"PEAK", b"cue ", b"id3 "})
_JUNK_MAX = 64  # this many bytes after the data are somebody's padding; more than that is sound


@dataclass(frozen=True, slots=True)
class Head:
    """What a WAV says of itself, and where its data really lie."""

    tag: int
    channels: int
    rate: int
    bits: int
    block: int
    at: int
    length: int
    notes: tuple[str, ...]


def is_wav(head: bytes) -> bool:
    """Whether a file that begins so is a WAV."""
    return head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE"


def read(file: Reader, size: int) -> Head:
    """The head of the WAV `file` of `size` bytes. Raises BadInput (truncated, lying, empty)."""
    place, fmt, long_size = 12, None, None
    for _ in range(_CHUNKS_MAX):
        head = read_at(file, place, 8)
        if len(head) < 8:
            raise refusals.truncated()
        name, length = head[:4], int.from_bytes(head[4:], "little")
        if name == b"data":
            if fmt is None:
                raise refusals.lying()
            if length == 0xFFFF_FFFF and long_size is not None:
                length = long_size
            taken, notes = _data(file, place + 8, length, size)
            return Head(*fmt, place + 8, taken, notes)
        if place + 8 + length > size:
            raise refusals.truncated()
        if name == b"fmt ":
            fmt = _format(read_at(file, place + 8, min(length, 40)))
        elif name == b"ds64" and length >= 16:
            long_size = int.from_bytes(read_at(file, place + 16, 8), "little")
        place = _next(file, place, length)
    raise refusals.lying()


def _format(body: bytes) -> tuple[int, int, int, int, int]:
    if len(body) < 16:
        raise refusals.truncated()
    tag, channels, rate, _, block, bits = struct.unpack_from("<HHIIHH", body)
    if tag == EXTENSIBLE:
        if len(body) < 40 or body[26:40] != _GUID_TAIL:
            raise refusals.coding()
        tag = int.from_bytes(body[24:26], "little")
    return tag, channels, rate, bits, block


def _next(file: Reader, place: int, length: int) -> int:
    # A chunk of odd length is padded to an even one; some writers forget to, and then the next name stands earlier.
    after = place + 8 + length
    return after if length % 2 == 0 or read_at(file, after, 4) in _NAMES else after + 1


def _is_name(name: bytes) -> bool:
    return len(name) == 4 and all(0x20 <= letter < 0x7F for letter in name)


def _data(file: Reader, at: int, length: int, size: int) -> tuple[int, tuple[str, ...]]:
    rest = size - at
    if length == 0 and (rest == 0 or _are_chunks(file, at, size)):
        raise refusals.empty()
    if length in _UNSET and length != rest:
        return rest, ("size-unset",)
    if length > rest:
        return rest, ("size-too-big",)
    after = at + length + length % 2
    if after >= size or _are_chunks(file, after, size) or _are_chunks(file, at + length, size):
        return length, ()
    if size - after <= _JUNK_MAX or (size - after == 128 and read_at(file, after, 3) == b"TAG"):
        return length, ("trailing-junk",)
    return rest, ("size-too-small",)


def _are_chunks(file: Reader, place: int, size: int) -> bool:
    for _ in range(_CHUNKS_MAX):
        if size - place <= 1:
            return True
        head = read_at(file, place, 8)
        length = int.from_bytes(head[4:], "little")
        if len(head) < 8 or not _is_name(head[:4]) or place + 8 + length > size:
            return False
        place += 8 + length + length % 2
    return False


def header(tag: int, channels: int, rate: int, bits: int, length: int) -> bytes:
    """The bytes before `length` bytes of data; RF64 where 32 bits cannot say it.

    A format other than PCM has the longer `fmt ` chunk and the `fact` chunk that the standard asks of it.
    """
    block = channels * bits // 8
    fmt = struct.pack("<HHIIHH", tag, channels, rate, rate * block, block, bits)
    body = b"WAVE" + (_chunk(b"fmt ", fmt) if tag == PCM else _chunk(b"fmt ", fmt + b"\0\0"))
    if tag != PCM:
        body += _chunk(b"fact", struct.pack("<I", min(length // block, 0xFFFF_FFFF)))
    total = len(body) + 8 + length + length % 2
    if total <= 0xFFFF_FFFF:
        return b"RIFF" + struct.pack("<I", total) + body + b"data" + struct.pack("<I", length)
    sizes = _chunk(b"ds64", struct.pack("<QQQI", total + 36, length, length // block, 0))
    unset = b"\xff" * 4
    return b"RF64" + unset + b"WAVE" + sizes + body[4:] + b"data" + unset


def gsm_header(rate: int, length: int) -> bytes:
    """The bytes before `length` bytes of WAV49, as libsndfile reads them."""
    frames = length // GSM_BLOCK * GSM_FRAMES
    fmt = struct.pack("<HHIIHHHH", GSM, 1, rate, rate * GSM_BLOCK // GSM_FRAMES, GSM_BLOCK, 0, 2, GSM_FRAMES)
    body = b"WAVE" + _chunk(b"fmt ", fmt) + _chunk(b"fact", struct.pack("<I", min(frames, 0xFFFF_FFFF)))
    total = len(body) + 8 + length + length % 2
    return b"RIFF" + struct.pack("<I", total) + body + b"data" + struct.pack("<I", length)


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body
