"""Vorbis codebooks, measured before they are built.

libvorbis makes tables of the size that a codebook names, some of them on the stack. A file
of 200 bytes can name a million entries, and ends the process that opens it (seen with
libsndfile 1.2.2). Real encoders, at every rate and quality, name at most 62,810 values.

Source: Xiph, Vorbis I specification, section 3.2.1 (codebook) and 4.2.4 (setup header).
"""

from __future__ import annotations

from imvume.archive.sound import refusals

_VALUES_MAX = 262_144  # in all the codebooks together; four times what the largest real one has
_ENTRIES_MAX = 32_768  # in one codebook; real ones have up to 6,561
_SETUP_MAX = 262_144  # bytes of a setup header; libvorbis writes 3,000 to 9,000


class _Bits:
    """Bits of a packet, least significant first."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, count: int) -> int:
        first, last = self._at // 8, (self._at + count + 7) // 8
        if last > len(self._data):
            raise refusals.damaged()
        value = int.from_bytes(self._data[first:last], "little") >> (self._at % 8)
        self._at += count
        return value & ((1 << count) - 1)

    def skip(self, count: int) -> None:
        self._at += count
        if self._at > 8 * len(self._data):
            raise refusals.damaged()


def vet(setup: bytes) -> None:
    """Raise BadInput unless the codebooks of this setup header are of a size that an encoder makes."""
    if setup[:7] != b"\x05vorbis" or len(setup) > _SETUP_MAX:
        raise refusals.damaged()
    bits = _Bits(setup[7:])
    room = _VALUES_MAX
    for _ in range(bits.take(8) + 1):
        room -= _codebook(bits, room)


def _codebook(bits: _Bits, room: int) -> int:
    if bits.take(24) != 0x564342:
        raise refusals.damaged()
    dimensions, entries = bits.take(16), bits.take(24)
    values = max(1, dimensions) * entries
    if values > room or entries > _ENTRIES_MAX:
        raise refusals.damaged()
    if bits.take(1):  # ordered: how many entries have each length
        bits.take(5)
        done = 0
        while done < entries:
            count = bits.take((entries - done).bit_length())
            done += count
        if done > entries:
            raise refusals.damaged()
    elif bits.take(1):  # sparse: a flag before each length
        for _ in range(entries):
            if bits.take(1):
                bits.skip(5)
    else:
        bits.skip(5 * entries)
    lookup = bits.take(4)
    if lookup > 2:
        raise refusals.damaged()
    if lookup:
        bits.skip(64)
        width = bits.take(4) + 1
        bits.skip(1)
        bits.skip(width * (_root(entries, dimensions) if lookup == 1 else values))
    return values


def _root(entries: int, dimensions: int) -> int:
    """The greatest integer whose power of `dimensions` is at most `entries` (lookup1_values)."""
    if dimensions < 1:
        raise refusals.damaged()
    root = int(entries ** (1 / dimensions)) + 1
    while root**dimensions > entries:
        root -= 1
    return root
