"""WAV: what is taken, what is put right, and what is refused."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest

from imvume.archive.sound import inspect, wav
from imvume.errors import BadInput
from sound import recordings as make

PCM = make.voice(0.5).tobytes()
CODES = bytes(range(256)) * 8


def refused(data: bytes, name: str = "x.wav", hours_max: int = 12) -> str:
    with pytest.raises(BadInput) as caught:
        make.looked_at(data, name, hours_max)
    return caught.value.code.removeprefix("archive.sound.")


@pytest.mark.parametrize(
    ("subtype", "coding", "bits"),
    [
        ("PCM_U8", "pcm8", 8),
        ("PCM_16", "pcm16", 16),
        ("PCM_24", "pcm24", 24),
        ("PCM_32", "pcm32", 32),
        ("FLOAT", "float", 32),
        ("ULAW", "ulaw", 8),
        ("ALAW", "alaw", 8),
    ],
)
@pytest.mark.parametrize("container", ["WAV", "WAVEX", "RF64"])
def test_every_width_and_law_is_taken(subtype: str, coding: str, bits: int, container: str) -> None:
    sound = make.looked_at(make.written(make.call(0.5), format=container, subtype=subtype))
    assert (sound.coding, sound.bits, sound.container) == (coding, bits, "wav")
    assert (sound.rate, sound.channels, sound.frames, sound.notes) == (8_000, 2, 4_000, ())


def test_wav49_is_counted_by_its_blocks() -> None:
    sound = make.looked_at(make.lossy()["wav49"][1])
    assert (sound.coding, sound.container, sound.frames % 320, sound.bits) == ("gsm", "wav49", 0, 0)
    assert 25 * 8_000 <= sound.frames < 25 * 8_000 + 320


def test_an_mp3_inside_a_wav_is_an_mp3() -> None:
    sound = make.looked_at(make.lossy()["wav-mp3"][1])
    assert (sound.coding, sound.container) == ("mp3", "wav")


def test_a_file_called_wav_that_is_an_mp3_is_an_mp3() -> None:
    sound = make.looked_at(make.lossy()["mp3"][1], "x.wav")
    assert (sound.coding, sound.container) == ("mp3", "mp3")


def test_chunks_before_and_between_and_after_are_passed_over() -> None:
    data = make.wav(
        PCM,
        before=make.chunk(b"JUNK", bytes(27)),
        between=make.chunk(b"bext", bytes(602)) + make.chunk(b"LIST", b"INFOISFT\x05\0\0\0imvu\0"),
        after=make.chunk(b"LIST", b"INFO") + make.chunk(b"id3 ", b"ID3"),
    )
    sound = make.looked_at(data)
    assert (sound.length, sound.notes) == (len(PCM), ())


def test_an_odd_chunk_whose_padding_was_forgotten_is_passed_over() -> None:
    unpadded = b"note" + struct.pack("<I", 3) + b"abc"
    assert make.looked_at(make.wav(PCM, between=unpadded)).length == len(PCM)


@pytest.mark.parametrize("length", [0, 0xFFFF_FFFF, 0x7FFF_FFFF, 0x8000_0000])
def test_a_size_that_was_never_filled_in_means_all_there_is(length: int) -> None:
    """Asterisk writes the size when it closes the file; if it is killed, the size stays as it began."""
    sound = make.looked_at(make.wav(PCM, length=length))
    assert (sound.length, sound.notes) == (len(PCM), ("size-unset",))


def test_a_size_beyond_the_end_means_all_there_is() -> None:
    sound = make.looked_at(make.wav(PCM, length=len(PCM) + 4_000))
    assert (sound.length, sound.notes) == (len(PCM), ("size-too-big",))


def test_a_size_that_ends_amid_the_sound_means_all_there_is() -> None:
    sound = make.looked_at(make.wav(PCM, length=1_000))
    assert (sound.length, sound.notes) == (len(PCM), ("size-too-small",))


def test_a_few_bytes_after_the_sound_are_not_sound() -> None:
    assert make.looked_at(make.wav(PCM, after=b"\1" * 20)).notes == ("trailing-junk",)
    assert make.looked_at(make.wav(PCM, after=b"TAG".ljust(128, b"x"))).notes == ("trailing-junk",)


def test_half_a_sample_at_the_end_is_left_out() -> None:
    sound = make.looked_at(make.wav(PCM + b"\1", length=0))
    assert (sound.frames, sound.notes) == (len(PCM) // 2, ("size-unset", "cut-frame"))


def test_rf64_gives_its_size_elsewhere() -> None:
    data = make.wav(PCM, length=0xFFFF_FFFF, before=make.chunk(b"ds64", struct.pack("<QQQI", 0, len(PCM), 0, 0)))
    sound = make.looked_at(b"RF64" + data[4:] + make.chunk(b"LIST", b"INFO"))
    assert (sound.length, sound.notes) == (len(PCM), ())


def test_nothing_is_refused_as_empty() -> None:
    assert refused(b"") == "empty"
    assert refused(make.wav(b"")) == "empty"
    assert refused(make.wav(b"", after=make.chunk(b"LIST", b"INFO"))) == "empty"
    assert refused(make.wav(b"\1")) == "empty"


@pytest.mark.parametrize("stop", [4, 8, 11, 12, 15, 19, 20, 30, 35, 40, 43])
def test_a_header_that_is_cut_is_refused(stop: int) -> None:
    assert refused(make.wav(PCM)[:stop]) == "truncated"


def test_a_chunk_that_claims_more_than_there_is_before_the_sound_is_refused() -> None:
    assert refused(make.wav(PCM, between=b"LIST" + struct.pack("<I", 4_000_000_000))) == "truncated"


@pytest.mark.parametrize("rate", [0, 1, 3_999, 192_001, 65_537, 4_000_000_000])
def test_a_rate_that_no_telephone_has_is_refused(rate: int) -> None:
    assert refused(make.wav(PCM, rate=rate)) == "lying"


def test_channels_beyond_two_are_refused_and_none_is_a_lie() -> None:
    assert refused(make.wav(PCM, channels=3)) == "too-many-channels"
    assert refused(make.wav(PCM, channels=65_535)) == "too-many-channels"
    assert refused(make.wav(PCM, channels=0)) == "lying"


def test_a_block_that_contradicts_the_width_is_refused() -> None:
    assert refused(make.wav(PCM, block=3)) == "lying"
    assert make.looked_at(make.wav(PCM, block=0)).frames == len(PCM) // 2


@pytest.mark.parametrize(("tag", "bits"), [(1, 0), (1, 12), (1, 65_535), (7, 16), (6, 0)])
def test_a_width_that_cannot_be_is_refused(tag: int, bits: int) -> None:
    assert refused(make.wav(PCM, tag=tag, bits=bits, block=2)) == "lying"


@pytest.mark.parametrize(("tag", "bits"), [(2, 4), (0x11, 4), (3, 64), (0x50, 16), (0xFFFE, 16), (0, 16)])
def test_a_coding_that_is_not_ours_is_refused(tag: int, bits: int) -> None:
    assert refused(make.wav(PCM, tag=tag, bits=bits)) == "coding"


def test_gsm_in_stereo_is_refused() -> None:
    assert refused(make.wav(bytes(650), tag=0x31, channels=2, bits=0, block=65)) == "coding"


def test_sound_before_its_format_is_refused() -> None:
    assert refused(b"RIFF\0\0\0\0WAVE" + make.chunk(b"data", PCM)) == "lying"


def test_a_file_made_of_empty_chunks_is_refused_at_once() -> None:
    class Counting(io.BytesIO):
        reads = 0

        def read(self, size: int | None = -1, /) -> bytes:
            self.reads += 1
            return super().read(size)

    file = Counting(b"RIFF\0\0\0\0WAVE" + make.chunk(b"JUNK", b"") * 100_000)
    with pytest.raises(BadInput, match="contradicts"):
        inspect(file, name="x.wav", hours_max=12)
    assert file.reads < 1_000


def test_more_hours_than_allowed_are_refused() -> None:
    hour = bytes(2 * 4_000 * 3600)
    assert make.looked_at(make.wav(hour, rate=4_000), hours_max=1).seconds == 3600
    assert refused(make.wav(hour + b"\0\0", rate=4_000), hours_max=1) == "too-long"


@pytest.mark.parametrize(("tag", "bits"), [(1, 8), (1, 16), (1, 24), (1, 32), (3, 32), (6, 8), (7, 8)])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_header_that_we_write_is_read_back(tag: int, bits: int, channels: int) -> None:
    length = 7 * channels * bits // 8
    head = wav.header(tag, channels, 16_000, bits, length)
    data = head + bytes(length + length % 2)
    file = np.frombuffer(data, np.uint8)
    assert int.from_bytes(data[4:8], "little") == len(file) - 8
    sound = make.looked_at(data)
    assert (sound.rate, sound.channels, sound.frames, sound.at, sound.notes) == (16_000, channels, 7, len(head), ())


def test_four_gigabytes_are_written_as_rf64() -> None:
    head = wav.header(1, 2, 48_000, 16, 5 << 30)
    assert head[:4] == b"RF64"
    assert int.from_bytes(head[20:28], "little") == len(head) - 8 + (5 << 30)
    assert int.from_bytes(head[28:36], "little") == 5 << 30
