"""What is stored unpacks to what came, bit for bit; and a standard player can read it without us."""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from imvume.archive.sound import Part, Restored, inspect, pack, parts, restored, unpack, write_wav
from imvume.archive.sound.flac import Encoder
from imvume.archive.sound.g711 import ALAW, ULAW
from imvume.errors import BadInput, Broken
from sound import recordings as make

LINEAR = [(1, 8, "flac-pcm8"), (1, 16, "flac"), (1, 24, "flac-pcm24"), (1, 32, "flac-pcm32"), (3, 32, "flac-float")]
LAWS = [(6, 8, "flac-alaw"), (7, 8, "flac-ulaw")]


def _sides(data: bytes, width: int, channels: int) -> list[bytes]:
    samples = np.frombuffer(data, np.uint8).reshape(-1, channels, width)
    return [samples[:, channel].tobytes() for channel in range(channels)]


@pytest.mark.parametrize(("tag", "bits", "codec"), LINEAR + LAWS)
@given(data=st.data(), channels=st.integers(1, 2), frames=st.integers(1, 300))
@settings(max_examples=12, deadline=None)
def test_any_bytes_at_all_come_back_as_they_were(
    tag: int, bits: int, codec: str, data: st.DataObject, channels: int, frames: int
) -> None:
    size = frames * channels * bits // 8
    content = data.draw(st.binary(min_size=size, max_size=size))
    stored = make.packed(make.wav(content, tag=tag, bits=bits, channels=channels))
    assert [make.content(part) for part in stored] == _sides(content, bits // 8, channels)
    for part, side in zip(stored, _sides(content, bits // 8, channels), strict=True):
        assert part[0].content == hashlib.sha256(side).digest()
        assert part[0].codec in (codec, "flac-ulaw-pcm", "flac-alaw-pcm")
        assert (part[0].frames, part[0].channels, part[0].rate) == (frames, 1, 8_000)


@pytest.mark.parametrize(("tag", "bits", "codec"), LINEAR + LAWS)
@pytest.mark.parametrize("shape", ["silence", "loudest", "one frame", "every code", "beyond a block"])
def test_the_corners_come_back_as_they_were(tag: int, bits: int, codec: str, shape: str) -> None:
    width = bits // 8
    content = {
        "silence": bytes(4_097 * width),
        "loudest": (b"\x00" * (width - 1) + b"\x80" + b"\xff" * (width - 1) + b"\x7f") * 5_000,
        "one frame": b"\x01\x02\x03\x04"[:width],
        "every code": bytes(range(256)) * width * 3,
        "beyond a block": np.random.default_rng(9).bytes(140_001 * width),
    }[shape]
    [part] = make.packed(make.wav(content, tag=tag, bits=bits))
    assert make.content(part) == content


@pytest.mark.parametrize("law", [ULAW, ALAW], ids=lambda law: law.name)
def test_pcm_that_was_decoded_from_g711_is_stored_as_its_codes(law: object) -> None:
    assert law in (ULAW, ALAW)
    linear = (ULAW if law is ULAW else ALAW).linear
    codes = np.frombuffer(make.written(make.voice(20), format="RAW", subtype=_name(law)), np.uint8)
    as_pcm, as_codes = linear[codes].astype("<i2").tobytes(), codes.tobytes()
    [pcm] = make.packed(make.wav(as_pcm))
    [code] = make.packed(make.wav(as_codes, tag=7 if law is ULAW else 6, bits=8))
    assert pcm[0].codec == f"flac-{_name(law).lower()}-pcm"
    assert code[0].codec == f"flac-{_name(law).lower()}"
    assert (make.content(pcm), make.content(code)) == (as_pcm, as_codes)
    # The same news, so the same size (but for mu-law's second zero); and far below what the PCM would take.
    assert len(pcm[1].getvalue()) == pytest.approx(len(code[1].getvalue()), rel=0.01)
    assert len(pcm[1].getvalue()) < 0.85 * len(make.written(linear[codes], format="FLAC", subtype="PCM_16"))


def _name(law: object) -> str:
    return "ULAW" if law is ULAW else "ALAW"


def test_g711_stereo_speech_takes_less_than_45_megabytes_an_hour() -> None:
    codes = make.written(make.call(60), format="WAV", subtype="ULAW")
    stored = sum(len(file.getvalue()) for _, file in make.packed(codes))
    assert stored * 60 < 45_000_000


def test_each_channel_of_a_stereo_call_is_an_asset_of_its_own() -> None:
    samples = make.call(2)
    caller, agent = make.packed(make.wav(samples.tobytes(), channels=2))
    assert make.content(caller) == samples[:, 0].tobytes()
    assert make.content(agent) == samples[:, 1].tobytes()


@pytest.mark.parametrize("subtype", ["PCM_S8", "PCM_16", "PCM_24"])
def test_a_flac_is_stored_as_the_samples_in_it(subtype: str) -> None:
    samples = make.call(3)
    data = make.written(samples, format="FLAC", subtype=subtype)
    as_wav = make.written(samples, format="WAV", subtype=subtype.replace("S8", "U8"))
    assert [make.content(p) for p in make.packed(data)] == [make.content(p) for p in make.packed(as_wav)]


@pytest.mark.parametrize("name", list(make.lossy()))
def test_a_lossy_recording_is_kept_as_it_came(name: str) -> None:
    data = make.lossy()[name][1]
    [part] = make.packed(data, make.lossy()[name][0])
    assert part[0].codec == {"mp3-stereo": "asis-mp3"}.get(name, f"asis-{name}")
    assert make.content(part) == data == part[1].getvalue()
    assert part[0].content == hashlib.sha256(data).digest()


# What is stored is plain FLAC


def test_the_count_of_samples_stands_in_the_first_bytes() -> None:
    samples = make.voice(7)
    [(_, stored)] = make.packed(make.wav(samples.tobytes()))
    written: list[bytes] = []
    file = io.BytesIO(make.wav(samples.tobytes()))
    pack(file, inspect(file, name="x", hours_max=1), Part(0), written.append)
    assert b"".join(written) == stored.getvalue()  # forward only: what was passed on was never touched again
    assert int.from_bytes(written[0][21:26], "big") & (1 << 36) - 1 == len(samples)
    theirs, rate = soundfile.read(io.BytesIO(stored.getvalue()), dtype="int16")
    assert rate == 8_000
    assert (theirs == samples).all()


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="asks for ffmpeg")
def test_somebody_elses_decoder_reads_what_is_stored(tmp_path: Path) -> None:
    samples = make.voice(7)
    [(_, stored)] = make.packed(make.wav(samples.tobytes()))
    (tmp_path / "x.flac").write_bytes(stored.getvalue())
    command = ["ffmpeg", "-v", "error", "-xerror", "-i", str(tmp_path / "x.flac"), "-f", "s16le", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    assert done.stdout == samples.tobytes()
    assert done.stderr == b""


@pytest.mark.parametrize("rate", [4_000, 7_351, 11_025, 44_100, 65_535, 96_000, 192_000])
def test_every_rate_that_is_taken_can_be_stored(rate: int) -> None:
    [part] = make.packed(make.wav(make.voice(1).tobytes(), rate=rate))
    assert part[0].rate == soundfile.info(io.BytesIO(part[1].getvalue())).samplerate == rate


def test_an_encoder_that_gets_other_than_was_foretold_is_found_out() -> None:
    encoder = Encoder(lambda _: None, rate=8_000, lanes=1, subtype="PCM_16", frames=101)
    encoder.put(np.zeros(100, np.int16))
    with pytest.raises(Broken) as caught:
        encoder.finish()
    assert caught.value.code == "archive.sound.encoder"


# What goes wrong on the way


def test_a_file_that_shrinks_is_noticed() -> None:
    for data, name in ((make.wav(make.voice(2).tobytes()), "x.wav"), make.lossy()["gsm"][::-1]):
        sound = inspect(io.BytesIO(data), name=name, hours_max=1)
        for part in parts(sound):
            with pytest.raises(BadInput) as caught:
                pack(io.BytesIO(data[:-500]), sound, part, lambda _: None)
            assert caught.value.code == "archive.sound.changed"


def test_a_file_that_grows_is_packed_as_it_was() -> None:
    data = make.wav(make.voice(2).tobytes())
    sound = inspect(io.BytesIO(data), name="x", hours_max=1)
    stored = io.BytesIO()
    packed = pack(io.BytesIO(data + bytes(5_000)), sound, Part(0), stored.write)
    assert b"".join(unpack(stored, packed.codec)) == data[44:]


class _Full(Exception):
    pass


@pytest.mark.parametrize("name", ["gsm", "wav"])
def test_what_the_store_raises_is_raised(name: str) -> None:
    data, called = make.lossy()["gsm"][::-1] if name == "gsm" else (make.wav(make.voice(30).tobytes()), "x.wav")
    file = io.BytesIO(data)
    sound = inspect(file, name=called, hours_max=1)

    def full(_: bytes) -> None:
        raise _Full

    with pytest.raises(_Full):
        pack(file, sound, parts(sound)[0], full)


@pytest.mark.parametrize("name", ["opus", "vorbis", "mp3", "gsm", "wav49"])
def test_what_reading_raises_crosses_the_decoder(name: str) -> None:
    """A callback of C cannot raise; an error of the disk must not be taken for the end of the recording."""

    class Failing(io.BytesIO):
        fails = False

        def read(self, size: int | None = -1, /) -> bytes:
            if self.fails and self.tell() > len(self.getbuffer()) // 2:
                raise OSError("the disk")
            return super().read(size)

    file = Failing(make.lossy()[name][1])
    sound = inspect(file, name=make.lossy()[name][0], hours_max=1)
    file.fails = True
    with pytest.raises(OSError, match="the disk"):
        pack(file, sound, Part(None), lambda _: None)


def test_a_stored_form_that_is_not_what_its_row_says_is_broken() -> None:
    [(packed, stored)] = make.packed(make.wav(make.voice(5).tobytes()))
    data = stored.getvalue()
    for spoilt in (data[:-900], data[:60], b"", b"x" * 900, data[:2_000] + b"\x55" * 200 + data[2_200:]):
        with pytest.raises(Broken):
            list(unpack(io.BytesIO(spoilt), packed.codec, frames=packed.frames))
    with pytest.raises(Broken):
        list(unpack(stored, packed.codec, frames=packed.frames + 1))


def test_several_at_once_do_not_disturb_one_another() -> None:
    def one(number: int) -> bool:
        samples = np.roll(make.call(20), number * 777, axis=0)
        law = ["PCM_16", "ULAW", "PCM_24", "FLAC"][number % 4]
        form = {"format": "FLAC", "subtype": "PCM_16"} if law == "FLAC" else {"format": "WAV", "subtype": law}
        stored = make.packed(make.written(samples, **form))
        return all(hashlib.sha256(make.content(part)).digest() == part[0].content for part in stored)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(24)))


# The waveform


@given(st.lists(st.integers(-32_768, 32_767), min_size=1, max_size=3_000))
@settings(max_examples=60, deadline=None)
def test_a_peak_is_the_loudest_sample_of_its_stretch(samples: list[int]) -> None:
    [(packed, _)] = make.packed(make.wav(np.array(samples, "<i2").tobytes()))
    count = min(420, len(samples))
    assert len(packed.peaks) == count
    for bucket, peak in enumerate(packed.peaks):
        stretch = samples[len(samples) * bucket // count : len(samples) * (bucket + 1) // count]
        assert peak == max(sample if sample >= 0 else ~sample for sample in stretch) >> 7


def test_peaks_are_the_same_whatever_the_blocks() -> None:
    long = make.wav(np.resize(make.voice(20), 400_001).tobytes())
    [(packed, _)] = make.packed(long)
    samples = np.frombuffer(long[44:], "<i2")
    edges = [len(samples) * bucket // 420 for bucket in range(421)]
    loudest = [int(np.maximum(part, ~part).max()) >> 7 for part in np.split(samples, edges[1:-1])]
    assert list(packed.peaks) == loudest


def test_each_coding_draws_the_same_voice() -> None:
    [(plain, _)] = make.packed(make.wav(make.voice(25).tobytes()))
    for name in ("gsm", "wav49", "vorbis", "mp3", "wav-mp3"):
        [(packed, _)] = make.packed(*make.lossy()[name][::-1])
        drawn = np.resize(np.frombuffer(packed.peaks, np.uint8), 420)
        assert np.corrcoef(drawn, np.frombuffer(plain.peaks, np.uint8))[0, 1] > 0.9, name


# Out of the house


def _exported(part: tuple[object, io.BytesIO]) -> tuple[Restored, bytes]:
    packed, stored = part
    out = io.BytesIO()
    blocks = unpack(stored, packed.codec)  # type: ignore[attr-defined]
    shape = {name: getattr(packed, name) for name in ("codec", "rate", "channels", "frames")}
    return write_wav(blocks, out.write, **shape), out.getvalue()


@pytest.mark.parametrize("law", ["ULAW", "ALAW"])
def test_g711_leaves_as_a_wav_of_exactly_its_codes(law: str) -> None:
    codes = make.written(make.voice(3), format="RAW", subtype=law)[:-1]
    [part] = make.packed(codes, f"x.{law.lower()}")
    file, data = _exported(part)
    assert (file.extension, data[20:22]) == (".wav", b"\x07\0" if law == "ULAW" else b"\x06\0")
    assert data.endswith(codes + b"\0")
    assert soundfile.info(io.BytesIO(data)).subtype == law
    assert soundfile.info(io.BytesIO(data)).frames == len(codes)


@pytest.mark.parametrize(("tag", "bits", "codec"), LINEAR)
def test_pcm_leaves_as_the_wav_that_it_was(tag: int, bits: int, codec: str) -> None:
    content: NDArray[np.uint8] = np.frombuffer(np.random.default_rng(1).bytes(3 * bits), np.uint8)
    [part] = make.packed(make.wav(content.tobytes(), tag=tag, bits=bits))
    file, data = _exported(part)
    assert part[0].codec == codec
    assert (file.extension, make.looked_at(data).bits) == (".wav", bits)
    assert data.endswith(content.tobytes() + bytes(content.size % 2))


@pytest.mark.parametrize("name", list(make.lossy()))
def test_what_was_kept_as_it_came_leaves_as_it_came(name: str) -> None:
    called, came = make.lossy()[name]
    [part] = make.packed(came, called)
    file, data = _exported(part)
    assert data == came
    assert make.looked_at(data, "x" + file.extension).coding == make.looked_at(came, called).coding
    assert file == restored(part[0].codec, 8_000, 1, len(came))


def test_an_export_that_comes_out_short_is_broken() -> None:
    with pytest.raises(Broken):
        write_wav([b"1234"], lambda _: None, codec="flac", rate=8_000, channels=1, frames=3)
