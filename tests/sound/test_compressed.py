"""FLAC, Ogg, MP3, GSM and files without a header: what is taken, what is put right, and what is refused."""

from __future__ import annotations

import io
import struct
import traceback

import numpy as np
import pytest

from imvume.archive.sound import inspect, mp3
from imvume.archive.sound.flac import with_frames
from imvume.errors import BadInput
from sound import recordings as make
from sound.test_wav import refused

MONO = make.voice(3)
FLAC = make.written(MONO, format="FLAC", subtype="PCM_16")
OPUS, VORBIS, MP3 = (make.lossy()[name][1] for name in ("opus", "vorbis", "mp3"))


# FLAC


@pytest.mark.parametrize(("subtype", "bits"), [("PCM_S8", 8), ("PCM_16", 16), ("PCM_24", 24)])
def test_flac_is_counted_by_decoding_it(subtype: str, bits: int) -> None:
    sound = make.looked_at(make.written(make.call(1), format="FLAC", subtype=subtype), "x.flac")
    assert (sound.coding, sound.bits, sound.channels, sound.frames, sound.notes) == ("flac", bits, 2, 8_000, ())


@pytest.mark.parametrize("claim", [1, len(MONO) - 1, len(MONO) + 1, (1 << 36) - 1])
def test_a_flac_that_lies_about_its_length_is_counted(claim: int) -> None:
    sound = make.looked_at(with_frames(FLAC[:42], claim) + FLAC[42:], "x.flac")
    assert (sound.frames, sound.notes) == (len(MONO), ("count-differs",))


def test_a_flac_that_never_knew_its_length_is_counted() -> None:
    sound = make.looked_at(with_frames(FLAC[:42], 0) + FLAC[42:], "x.flac")
    assert (sound.frames, sound.notes) == (len(MONO), ())


def test_a_flac_that_was_cut_loses_no_more_than_the_frame_that_was_cut() -> None:
    data = FLAC[: len(FLAC) * 2 // 3]
    sound = make.looked_at(data, "x.flac")
    assert "cut" in sound.notes
    assert len(MONO) // 2 < sound.frames < len(MONO)
    [part] = make.packed(data)
    assert make.content(part) == MONO[: sound.frames].tobytes()


def test_a_flac_that_is_damaged_in_the_middle_is_refused() -> None:
    data = bytearray(make.written(make.voice(25), format="FLAC", subtype="PCM_16"))
    data[40_000:40_400] = bytes(400)
    assert refused(bytes(data)) == "damaged"


def test_hours_of_silence_in_a_small_flac_are_refused_before_they_unpack() -> None:
    hours = make.written(np.zeros(8_000 * 3_700, np.int16), format="FLAC", subtype="PCM_16")
    assert len(hours) < 250_000
    assert refused(with_frames(hours[:42], 100) + hours[42:], hours_max=1) == "too-long"


def test_metadata_of_a_flac_is_never_shown_to_the_decoder() -> None:
    """A cue sheet, a picture and a seek table of nonsense stand in it, with lengths of their own."""
    nonsense = b"".join(bytes([kind]) + (60).to_bytes(3, "big") + b"\xff" * 60 for kind in (3, 4, 5, 6, 2, 126))
    data = FLAC[:4] + bytes([FLAC[4] & 0x7F]) + FLAC[5:42] + nonsense + FLAC[42:]
    assert make.looked_at(data, "x.flac").frames == len(MONO)
    assert make.content(make.packed(data)[0]) == MONO.tobytes()


@pytest.mark.parametrize("stop", [5, 20, 41, 43, 60])
def test_a_flac_whose_header_is_cut_is_refused(stop: int) -> None:
    assert refused(FLAC[:stop]) == "truncated"


def test_a_flac_of_nothing_but_header_is_refused() -> None:
    assert refused(FLAC[:86]) in ("empty", "damaged")


def test_a_flac_of_three_channels_or_of_twelve_bits_is_refused() -> None:
    surround = make.written(np.zeros((100, 3), np.int16), format="FLAC", subtype="PCM_16")
    assert refused(surround) == "too-many-channels"
    twelve = bytearray(FLAC)
    packed = int.from_bytes(twelve[18:26], "big") & ~(31 << 36) | 11 << 36
    twelve[18:26] = packed.to_bytes(8, "big")
    assert refused(bytes(twelve)) == "coding"


# Ogg


def test_opus_and_vorbis_are_counted_as_they_decode() -> None:
    for data, coding, channels, seconds in ((OPUS, "opus", 2, 12), (VORBIS, "vorbis", 1, 25)):
        sound = make.looked_at(data, "x.ogg")
        assert (sound.coding, sound.container, sound.channels, sound.rate) == (coding, "ogg", channels, 8_000)
        assert sound.frames == seconds * 8_000
        [(packed, _)] = make.packed(data)
        assert packed.frames == sound.frames


def test_an_ogg_that_was_cut_is_taken_to_its_last_whole_page() -> None:
    sound = make.looked_at(VORBIS[: len(VORBIS) // 2], "x.ogg")
    assert sound.notes == ("cut",)
    assert 8_000 < sound.frames < 25 * 8_000


def test_two_recordings_in_one_ogg_are_refused() -> None:
    assert refused(VORBIS + OPUS) == "several-streams"
    assert refused(VORBIS + VORBIS) == "several-streams"


def test_an_ogg_of_something_else_is_refused() -> None:
    page = make.ogg_page(2, 0, 0, b"Speex   1.2".ljust(80), bytes([80]))
    more = make.ogg_page(0, 0, 1, bytes(30), bytes([10, 10, 10]))
    assert refused(page + more) == "coding"
    assert refused(page) == "truncated"


def test_opus_for_surround_is_refused() -> None:
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 6, 312, 8_000, 0, 1) + bytes(8)
    pages = make.ogg_page(2, 0, 0, head, make.laced(head)) + make.ogg_page(0, 0, 1, bytes(20), bytes([10, 10]))
    assert refused(pages) == "coding"


def test_a_packet_that_never_ends_is_refused_before_it_is_collected() -> None:
    pages, serial = [VORBIS[: VORBIS.index(b"OggS", 4)]], int.from_bytes(VORBIS[14:18], "little")
    pages += [make.ogg_page(1, -1, number, bytes(255 * 255), b"\xff" * 255, serial) for number in range(1, 25)]
    assert refused(b"".join(pages)) == "damaged"


def test_an_ogg_that_claims_days_is_refused() -> None:
    last = VORBIS.rindex(b"OggS")
    day = struct.pack("<q", 8_000 * 86_400 * 3)
    page = bytearray(VORBIS[last:])
    lacing = bytes(page[27 : 27 + page[26]])
    body, serial = bytes(page[27 + page[26] :]), int.from_bytes(page[14:18], "little")
    number = int.from_bytes(page[18:22], "little")
    lied = make.ogg_page(4, struct.unpack("<q", day)[0], number, body, lacing, serial)
    assert refused(VORBIS[:last] + lied) == "too-long"


def _vorbis_of(books: int, entries_log: int) -> bytes:
    """A Vorbis of 200 bytes with codebooks of 2**entries_log entries, all of one length."""
    bits, place = 0, 0

    def put(value: int, count: int) -> None:
        nonlocal bits, place
        bits |= value << place
        place += count

    put(books - 1, 8)
    for _ in range(books):
        for value, count in ((0x564342, 24), (1, 16), (1 << entries_log, 24), (1, 1), (entries_log - 1, 5)):
            put(value, count)
        put(1 << entries_log, entries_log + 1)
        put(0, 4)
    put(1, 60)
    setup = b"\x05vorbis" + bits.to_bytes((place + 7) // 8, "little")
    who = b"\x01vorbis" + struct.pack("<IBIiii", 0, 1, 8_000, 0, 64_000, 0) + b"\x88\x01"
    tags = b"\x03vorbis" + bytes(8) + b"\x01"
    first = make.ogg_page(2, 0, 0, who, make.laced(who))
    second = make.ogg_page(0, 0, 1, tags + setup, make.laced(tags, setup))
    return first + second + make.ogg_page(4, 8_000, 2, bytes(20), bytes([20]))


@pytest.mark.parametrize(("books", "entries_log"), [(1, 20), (1, 16), (30, 22), (256, 15)])
def test_a_vorbis_codebook_of_a_million_entries_is_never_built(books: int, entries_log: int) -> None:
    """libsndfile 1.2.2 dies of it: the tables go on the stack, and the process with them."""
    data = _vorbis_of(books, entries_log)
    assert len(data) < 6_000
    assert refused(data) == "damaged"


# MP3


def test_mp3_is_counted_frame_by_frame_and_decodes_to_that_count() -> None:
    for data, rate, channels in ((MP3, 8_000, 1), (make.lossy()["mp3-stereo"][1], 44_100, 2)):
        sound = make.looked_at(data, "x.mp3")
        assert (sound.coding, sound.rate, sound.channels, sound.notes) == ("mp3", rate, channels, ())
        [(packed, _)] = make.packed(data)
        assert packed.frames == sound.frames


def test_tags_before_and_after_an_mp3_are_not_sound() -> None:
    plain = make.looked_at(MP3, "x.mp3").frames
    tag = b"ID3\x04\0\0" + bytes([0, 0, 2, 0]) + b"\xff\xfb" * 128
    sound = make.looked_at(tag + tag + MP3 + b"TAG".ljust(128, b"x"), "x.mp3")
    assert (sound.frames, sound.notes) == (plain, ())


def test_an_mp3_without_the_frame_that_counts_loses_no_end() -> None:
    """Left to itself, libsndfile guesses the length from the first frames, and stops where it guessed."""
    lead = mp3.frame_of(MP3[:4])
    assert lead is not None
    bare = MP3[lead.size :]
    sound = make.looked_at(bare, "x.mp3")
    assert sound.frames >= 25 * 8_000
    [(packed, _)] = make.packed(bare)
    assert packed.frames == sound.frames


def test_an_mp3_whose_count_lies_is_counted() -> None:
    at = MP3.index(b"Info" if b"Info" in MP3[:200] else b"Xing")
    lied = MP3[: at + 8] + struct.pack(">I", 7) + MP3[at + 12 :]
    sound = make.looked_at(lied, "x.mp3")
    assert sound.frames == make.looked_at(MP3, "x.mp3").frames
    assert sound.notes == ("count-differs",)


def test_an_mp3_that_was_cut_and_one_with_a_hole_are_taken() -> None:
    assert "cut" in make.looked_at(MP3[:-5], "x.mp3").notes
    middle = len(MP3) // 2
    holed = make.looked_at(MP3[:middle] + b"\0junk" * 40 + MP3[middle:], "x.mp3")
    assert "damaged-frames" in holed.notes
    assert holed.frames >= 24 * 8_000


def test_an_mp3_that_loses_its_way_again_and_again_is_refused() -> None:
    lead = mp3.frame_of(MP3[:4])
    assert lead is not None
    three = MP3[:4].ljust(lead.size, b"\0") * 3
    assert refused((three + b"\0") * 1_100, "x.mp3") == "damaged"


def test_junk_is_refused_whatever_it_is_called() -> None:
    junk = np.random.default_rng(1).bytes(100_000)
    for name in ("x.wav", "x.mp3", "x.ogg", "x.flac", "x", "x.gsm"):
        assert refused(junk, name) == "unknown"
    assert refused(b"\xff" * 100_000, "x.mp3") == "unknown"


# GSM and files without a header


def test_raw_gsm_is_counted_by_its_frames() -> None:
    name, data = make.lossy()["gsm"]
    sound = make.looked_at(data + b"\xd0", name)
    assert (sound.coding, sound.container, sound.frames) == ("gsm", "gsm", len(data) // 33 * 160)
    assert sound.notes == ("cut",)


def test_one_bad_frame_of_gsm_is_noted() -> None:
    name, data = make.lossy()["gsm"]
    assert make.looked_at(data[:33] + b"\0" + data[34:], name).notes == ("damaged-frames",)


@pytest.mark.parametrize(
    ("name", "coding", "rate", "width"),
    [
        ("x.ulaw", "ulaw", 8_000, 1),
        ("x.UL", "ulaw", 8_000, 1),
        ("x.alaw", "alaw", 8_000, 1),
        ("x.al", "alaw", 8_000, 1),
        ("x.sln", "pcm16", 8_000, 2),
        ("x.raw", "pcm16", 8_000, 2),
        ("x.sln16", "pcm16", 16_000, 2),
        ("x.sln48", "pcm16", 48_000, 2),
    ],
)
def test_an_extension_says_what_nothing_else_does(name: str, coding: str, rate: int, width: int) -> None:
    data = MONO.tobytes()
    sound = make.looked_at(data, name)
    assert (sound.coding, sound.rate, sound.channels, sound.container) == (coding, rate, 1, "raw")
    assert sound.frames == len(data) // width


def test_a_raw_file_of_two_voices_is_stereo() -> None:
    """MixMonitor's option D writes both sides into one .raw, and nothing in it says so."""
    both = make.looked_at(make.call(5).tobytes(), "x.raw")
    assert (both.channels, both.frames, both.notes) == (2, 40_000, ("stereo-by-content",))
    one_silent = np.stack([make.voice(5), np.zeros(40_000, np.int16)], axis=1)
    assert make.looked_at(one_silent.tobytes(), "x.raw").channels == 2
    for mono in (make.voice(5), np.zeros(80_000, np.int16), _tone(1_633), _tone(2_600), _noise()):
        assert make.looked_at(mono.tobytes(), "x.raw").channels == 1


def _tone(hertz: float) -> np.ndarray:
    return (8_000 * np.sin(2 * np.pi * hertz / 8_000 * np.arange(80_000))).astype(np.int16)


def _noise() -> np.ndarray:
    return np.random.default_rng(3).integers(-9_000, 9_000, 80_000).astype(np.int16)


def test_a_header_outranks_the_extension() -> None:
    assert make.looked_at(make.wav(MONO.tobytes()), "x.ulaw").coding == "pcm16"
    assert make.looked_at(FLAC, "x.gsm").coding == "flac"


def test_samples_that_look_like_the_beginning_of_an_mp3_are_samples() -> None:
    assert make.looked_at(MP3, "x.sln").coding == "pcm16"


def test_a_refusal_names_no_file_and_hides_what_the_decoder_said() -> None:
    """libsndfile puts the file's name into its errors."""
    name, data = make.lossy()["opus"]
    file = io.BytesIO(data[:42] + b"\1" + data[43:])  # a byte of OpusHead, so that the page's checksum fails
    file.name = "+27821234567 Naledi.opus"  # type: ignore[attr-defined]
    with pytest.raises(BadInput) as caught:
        inspect(file, name=name, hours_max=1)
    assert "Naledi" not in "".join(traceback.format_exception(caught.value))


def test_the_file_may_stand_anywhere_when_it_is_given() -> None:
    file = io.BytesIO(FLAC)
    file.seek(99)
    assert inspect(file, name="x", hours_max=1).frames == len(MONO)
