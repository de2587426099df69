"""Playing: any range of the virtual WAV is that range of the whole, whatever it is made of."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from imvume.archive.sound import Leg, Packed, Playback
from imvume.archive.sound.g711 import ULAW
from imvume.errors import Broken
from sound import recordings as make

Stored = tuple[Packed, io.BytesIO]


def leg(stored: Stored) -> Leg:
    packed, file = stored
    return Leg(file, packed.codec, packed.rate, packed.channels, packed.frames)


def whole(legs: Sequence[Stored]) -> bytes:
    playback = Playback([leg(one) for one in legs])
    data = b"".join(playback.read(0, playback.size))
    assert len(data) == playback.size
    return data


def heard(legs: Sequence[Stored]) -> NDArray[np.int16]:
    samples, _ = soundfile.read(io.BytesIO(whole(legs)), dtype="int16", always_2d=True)
    return samples


def _sides() -> dict[str, list[Stored]]:
    law, samples = {"format": "WAV", "subtype": "ULAW"}, make.call(5)
    out = {
        "pcm": make.packed(make.wav(samples.tobytes(), channels=2)),
        "g711": make.packed(make.written(samples, **law)),
        "g711 as pcm": make.packed(make.wav(ULAW.linear[np.arange(40_000) % 256].tobytes())),
        "pcm8": make.packed(make.written(samples, format="WAV", subtype="PCM_U8")),
        "pcm24": make.packed(make.written(samples, format="WAV", subtype="PCM_24")),
        "pcm32": make.packed(make.written(samples, format="WAV", subtype="PCM_32")),
        "float": make.packed(make.written(samples, format="WAV", subtype="FLOAT")),
        "two rates": [
            make.packed(make.wav(make.voice(5).tobytes()))[0],
            make.packed(make.wav(make.voice(4, 11_025).tobytes(), rate=11_025))[0],
        ],
        "a length each": [make.packed(make.wav(make.voice(s).tobytes()))[0] for s in (2, 5)],
        "gsm and g711": [
            make.packed(*make.lossy()["gsm"][::-1])[0],
            make.packed(make.written(make.voice(9), **law))[0],
        ],
    }
    return out | {name: make.packed(*recording[::-1]) for name, recording in make.lossy().items()}


SIDES = _sides()
WHOLE = {name: whole(stored) for name, stored in SIDES.items()}


@pytest.mark.parametrize("name", list(SIDES))
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_any_range_is_that_range_of_the_whole(name: str, data: st.DataObject) -> None:
    size = len(WHOLE[name])
    playback = Playback([leg(one) for one in SIDES[name]])
    for _ in range(2):  # the second range is asked of the same playback, in whatever state the first left it
        start = data.draw(st.integers(0, size))
        stop = start + data.draw(st.one_of(st.integers(0, 64), st.integers(0, size)))
        assert b"".join(playback.read(start, stop)) == WHOLE[name][start:stop]


@pytest.mark.parametrize("name", list(SIDES))
def test_it_is_a_wav_that_a_player_opens(name: str) -> None:
    info = soundfile.info(io.BytesIO(WHOLE[name]))
    playback = Playback([leg(one) for one in SIDES[name]])
    assert (info.format, info.subtype) == ("WAV", "PCM_16")
    assert (info.samplerate, info.channels, info.frames) == (playback.rate, playback.channels, playback.frames)
    assert playback.media_type == "audio/wav"


def test_lossless_legs_are_heard_as_they_were_spoken() -> None:
    samples = make.call(5)
    assert (heard(SIDES["pcm"]) == samples).all()
    assert (heard(SIDES["pcm24"]) == samples).all()
    assert (heard(SIDES["pcm32"]) == samples).all()
    assert (heard(SIDES["float"]) == samples).all()
    assert np.abs(heard(SIDES["pcm8"]).astype(int) - samples).max() <= 256
    codes = np.frombuffer(make.written(samples, format="RAW", subtype="ULAW"), np.uint8)
    assert (heard(SIDES["g711"]).ravel() == ULAW.linear[codes]).all()


@pytest.mark.parametrize("name", list(make.lossy()))
def test_a_lossy_recording_is_heard_in_time_and_in_tune(name: str) -> None:
    """Against the source: nothing is shifted, doubled or missing, at the beginning or at the end."""
    out = heard(SIDES[name])[:, 0].astype(float)
    rate = soundfile.info(io.BytesIO(WHOLE[name])).samplerate
    source = make.voice(len(out) / rate, rate) if "stereo" not in name and name != "opus" else make.call(12, rate)[:, 0]
    frames = min(len(source), len(out))
    assert abs(len(source) - len(out)) <= 0.2 * rate
    # Encoders may shift by their own delay, some tens of milliseconds; after that the wave must lie on the wave.
    for at in (0, frames // 2, frames - 2 * rate):
        theirs, ours = source[at : at + 2 * rate].astype(float), out[at : at + 2 * rate]
        crossed = np.fft.irfft(np.fft.rfft(ours, 4 * rate) * np.conj(np.fft.rfft(theirs, 4 * rate)))
        shift = int(np.argmax(crossed))
        assert shift < 0.2 * rate or shift > 4 * rate - 10, (name, at, shift)
        assert crossed.max() > 0.8 * np.sqrt(np.square(theirs).sum() * np.square(ours).sum()), (name, at)


@pytest.mark.parametrize("name", list(make.lossy()))
def test_playing_in_stretches_is_playing_straight_through(name: str) -> None:
    data = make.lossy()[name.removeprefix("wav-")][1]
    straight, _ = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True, **_raw(name))
    ours = heard(SIDES[name]) / 32_768
    assert 0 <= len(straight) - len(ours) <= 320  # of WAV49, libsndfile takes the padding for a block
    assert np.abs(straight[: len(ours)] - ours).max() < 0.002


def _raw(name: str) -> dict[str, object]:
    return {"format": "RAW", "samplerate": 8_000, "channels": 1, "subtype": "GSM610"} if name == "gsm" else {}


def test_the_caller_is_left_and_the_agent_right_and_a_mix_is_mono() -> None:
    caller, agent = SIDES["pcm"]
    both = heard([caller, agent])
    assert (both[:, 0] == make.voice(5)).all()
    assert (both[:, 1] == make.voice(5, text=make.AGENT)).all()
    assert heard([caller]).shape == (40_000, 1)


def test_a_stereo_recording_that_was_kept_as_it_came_plays_as_stereo() -> None:
    assert heard(SIDES["opus"]).shape[1] == 2
    beside = heard([SIDES["opus"][0], SIDES["pcm"][0]])  # and beside another leg it is folded into its side
    straight = heard(SIDES["opus"]).astype(int)
    assert (beside[:, 0] == straight.sum(axis=1) >> 1).all()


def test_the_shorter_leg_ends_in_silence() -> None:
    both = heard(SIDES["a length each"])
    assert both.shape == (40_000, 2)
    assert (both[:16_000, 0] == make.voice(2)).all()
    assert not both[16_000:, 0].any()


def test_the_slower_leg_is_brought_to_the_rate_of_the_other() -> None:
    both = heard(SIDES["two rates"])
    assert both.shape == (55_125, 2)
    at = np.arange(55_125) * 8_000 / 11_025
    between = np.interp(at, np.arange(40_000), make.voice(5).astype(float))
    assert np.abs(both[:-2, 0] - between[:-2]).max() <= 1
    assert (both[:44_100, 1] == make.voice(4, 11_025)).all()


def test_a_range_costs_what_it_returns() -> None:
    class Counting(io.BytesIO):
        taken = 0

        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            self.taken += len(data)
            return data

    packed, stored = make.packed(make.wav(np.resize(make.voice(20), 8_000 * 1_800).tobytes()))[0]
    file = Counting(stored.getvalue())
    playback = Playback([(file, packed.codec, packed.rate, packed.channels, packed.frames)])
    assert file.taken == 0
    next(playback.read(0, 44))
    assert file.taken == 0
    list(playback.read(playback.size - 16_000, playback.size))
    assert file.taken < len(stored.getvalue()) / 10


def test_what_lies_outside_is_left_out() -> None:
    playback = Playback([leg(SIDES["pcm"][0])])
    assert b"".join(playback.read(-50, 10**12)) == whole(SIDES["pcm"][:1])
    assert list(playback.read(playback.size, playback.size + 10)) == []
    assert list(playback.read(500, 400)) == []


@pytest.mark.parametrize("name", ["pcm", "opus", "gsm", "mp3", "vorbis", "wav49"])
def test_a_stored_recording_that_is_not_what_its_row_says_is_broken(name: str) -> None:
    packed, stored = SIDES[name][0]
    for spoilt in (stored.getvalue()[:20], b"", b"x" * 5_000):
        playback = Playback([Leg(io.BytesIO(spoilt), packed.codec, packed.rate, packed.channels, packed.frames)])
        with pytest.raises(Broken):
            list(playback.read(0, playback.size))


def test_what_decrypting_raises_is_raised() -> None:
    class Sealed(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 9_000:
                raise Broken("archive.object.broken", "A byte was changed.", remedy="Restore it.")
            return super().read(size)

    packed, stored = make.packed(make.wav(make.voice(60).tobytes()))[0]
    playback = Playback([Leg(Sealed(stored.getvalue()), packed.codec, 8_000, 1, packed.frames)])
    with pytest.raises(Broken, match="A byte was changed"):
        list(playback.read(0, playback.size))


def test_a_damaged_opus_that_decodes_but_does_not_seek_is_played_from_its_beginning() -> None:
    name, data = make.lossy()["opus"]
    third = data.index(b"OggS", data.index(b"OggS", 4) + 4)
    body = third + 27 + data[third + 26]
    end = body + sum(data[third + 27 : body])
    serial = int.from_bytes(data[third + 14 : third + 18], "little")
    timeless = make.ogg_page(0, -1, 2, data[body:end], data[third + 27 : body], serial)
    [stored] = make.packed(data[:third] + timeless + data[end:], name)
    everything = whole([stored])
    middle = len(everything) * 9 // 10
    playback = Playback([leg(stored)])
    assert b"".join(playback.read(middle, middle + 9_999)) == everything[middle : middle + 9_999]


@pytest.mark.parametrize("wild", [np.nan, np.inf, -np.inf, 1e38, 3.0])
def test_a_float_that_is_no_sound_is_kept_and_played_as_what_can_be_heard(wild: float) -> None:
    content = np.array([0.5, wild, -0.5] * 100, "<f4").tobytes()
    [stored] = make.packed(make.wav(content, tag=3, bits=32))
    assert make.content(stored) == content
    expected = 0 if np.isnan(wild) else 32_767 if wild > 0 else -32_768
    assert heard([stored]).ravel().tolist() == [16_384, expected, -16_384] * 100


def test_a_call_has_one_leg_or_two() -> None:
    for legs in ([], [leg(SIDES["pcm"][0])] * 3):
        with pytest.raises(ValueError, match="one leg or two"):
            Playback(legs)
