"""Ogg, walked page by page before any decoder sees it: one stream of Opus or Vorbis, of sane proportions.

The walk is for what libsndfile would swallow: a second stream behind the first (it would
be played as silence, or not at all), a packet that never ends (it is collected in memory
until it does), and Vorbis codebooks of a million entries (vorbis.py).

Source: RFC 3533 (Ogg), RFC 7845 (Opus in Ogg), Xiph, Vorbis I specification, sections 4.2 and 3.2.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from imvume.archive.sound import refusals, vorbis
from imvume.archive.sound.windows import Reader, read_at

_PACKET_MAX = 1_048_576  # bytes; an Opus packet has at most 61,298, but tags may hold a picture
_BEGINS = 0x02


@dataclass(frozen=True, slots=True)
class Head:
    """What an Ogg file holds. stop: where its last whole page ends."""

    coding: Literal["opus", "vorbis"]
    channels: int
    rate: int
    stop: int
    notes: tuple[str, ...]


def read(file: Reader, size: int) -> Head:
    """Walk all pages of `file`. Raises BadInput (coding, several-streams, damaged, truncated, lying)."""
    place, serial, packet = 0, None, 0
    notes: tuple[str, ...] = ()
    headers: list[bytes] = [b""]  # the first three packets: who it is, its tags, and Vorbis' codebooks
    while place < size:
        head = read_at(file, place, 27 + 255)
        lacing = head[27 : 27 + head[26]] if len(head) > 27 else b""
        body = place + 27 + len(lacing)
        if head[:4] != b"OggS" or len(lacing) < 1 or body + sum(lacing) > size:
            notes = ("cut",) if head[:4] == b"OggS"[: len(head)] else ("trailing-junk",)
            break
        if serial is None:
            serial = head[14:18]
        elif head[5] & _BEGINS or head[14:18] != serial:
            raise refusals.streams()
        if len(headers) <= 3:
            _collect(headers, read_at(file, body, sum(lacing)), lacing)
        for piece in lacing:
            packet += piece
            if packet > _PACKET_MAX:
                raise refusals.damaged()
            packet = packet if piece == 255 else 0
        place = body + sum(lacing)
    if len(headers) < 3:
        raise refusals.truncated()
    if notes == ("trailing-junk",) and size - place > _PACKET_MAX:
        raise refusals.damaged()
    coding, channels, rate = _known(headers)
    return Head(coding, channels, rate, place, notes)


def _collect(packets: list[bytes], body: bytes, lacing: bytes) -> None:
    at = 0
    for piece in lacing:
        packets[-1] += body[at : at + piece]
        at += piece
        if piece < 255:
            packets.append(b"")


def _known(packets: list[bytes]) -> tuple[Literal["opus", "vorbis"], int, int]:
    who = packets[0]
    if who[:8] == b"OpusHead" and len(who) >= 19:
        # Version 0.x, and mapping family 0: mono or stereo. The others are for surround and for things to come.
        if who[8] > 15 or who[18] != 0:
            raise refusals.coding()
        return "opus", who[9], int.from_bytes(who[12:16], "little") or 48_000
    if who[:7] == b"\x01vorbis" and len(who) >= 30:
        if len(packets) < 4:
            raise refusals.truncated()
        vorbis.vet(packets[2])
        return "vorbis", who[11], int.from_bytes(who[12:16], "little")
    raise refusals.coding()
