"""Real recordings, mangled: a refusal may come out of them, or sound; nothing else, and no flood of memory."""

from __future__ import annotations

import contextlib
import hashlib
import io
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imvume.archive.sound import Playback, inspect, pack, parts, unpack
from imvume.errors import BadInput
from sound import recordings as make

EDGES = (0, 1, 2, 3, 6, 7, 0x31, 0x55, 0xFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 4_000_000_000)
MEGABYTES = 150  # that all these files together may add; one of them alone adds some four


def _seeds() -> dict[str, bytes]:
    short, mono = make.call(0.2), make.voice(1)
    wavs = {f"{s}.wav": make.written(short, format="WAV", subtype=s) for s in ("PCM_16", "PCM_24", "FLOAT", "ULAW")}
    flacs = {f"{s}.flac": make.written(short, format="FLAC", subtype=s) for s in ("PCM_16", "PCM_24", "PCM_S8")}
    return wavs | flacs | {
        "x.wav": make.written(short, format="WAVEX", subtype="PCM_16"),
        "rf64.wav": make.written(short, format="RF64", subtype="PCM_16"),
        "x.WAV": make.written(mono, format="WAV", subtype="GSM610"),
        "x.gsm": make.written(mono, format="RAW", subtype="GSM610"),
        "x.ogg": make.written(mono, format="OGG", subtype="VORBIS"),
        "x.opus": make.written(short, format="OGG", subtype="OPUS"),
        "x.mp3": make.written(mono, format="MP3", subtype="MPEG_LAYER_III"),
    }  # fmt: skip


SEEDS = _seeds()


@st.composite
def mangled(draw: st.DrawFn) -> tuple[str, bytes]:
    """A recording with up to six wounds, most of them in its head."""
    name = draw(st.sampled_from(sorted(SEEDS)))
    data = bytearray(SEEDS[name])
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, max(0, min(len(data) - 1, draw(st.sampled_from((60, 200, 10**6)))))))
        match draw(st.sampled_from(("flip", "number", "cut", "drop", "insert", "repeat"))):
            case "flip":
                data[place : place + 1] = bytes([draw(st.integers(0, 255))])
            case "number":
                width, order = draw(st.sampled_from((1, 2, 4, 8))), draw(st.sampled_from(("little", "big")))
                value = draw(st.sampled_from(EDGES)) & (1 << 8 * width) - 1
                data[place : place + width] = value.to_bytes(width, order)  # type: ignore[arg-type]
            case "cut":
                del data[place:]
            case "drop":
                del data[place : place + draw(st.integers(1, 400))]
            case "insert":
                data[place:place] = draw(st.binary(max_size=40))
            case "repeat":
                data[place:place] = data[place : place + draw(st.integers(1, 4_000))]
    return name, _with_true_checksums(bytes(data)) if draw(st.booleans()) else bytes(data)


def _with_true_checksums(data: bytes) -> bytes:
    # Without them libogg drops every page that was touched, and its decoders never see a wound.
    out, place = b"", 0
    while data[place : place + 4] == b"OggS" and place + 27 < len(data):
        lacing = data[place + 27 : place + 27 + data[place + 26]]
        body = data[place + 27 + len(lacing) :][: sum(lacing)]
        granule = int.from_bytes(data[place + 6 : place + 14], "little", signed=True)
        serial, number = (int.from_bytes(data[place + at : place + at + 4], "little") for at in (14, 18))
        out += make.ogg_page(data[place + 5], granule, number, body, lacing, serial)
        place += 27 + len(lacing) + len(body)
    return out + data[place:]


def test_out_of_a_mangled_recording_comes_sound_or_a_refusal() -> None:
    before, peak = _megabytes("VmRSS"), _megabytes("VmHWM")

    @given(mangled())
    @settings(max_examples=2_500, deadline=None, suppress_health_check=list(HealthCheck))
    def each(recording: tuple[str, bytes]) -> None:
        name, data = recording
        file = io.BytesIO(data)
        with contextlib.suppress(BadInput):
            sound = inspect(file, name=name, hours_max=1)
            for part in parts(sound):
                stored = io.BytesIO()
                packed = pack(file, sound, part, stored.write)
                hashed = hashlib.sha256()
                for block in unpack(stored, packed.codec, frames=packed.frames):
                    hashed.update(block)
                assert hashed.digest() == packed.content
                playback = Playback([(stored, packed.codec, packed.rate, packed.channels, packed.frames)])
                assert sum(map(len, playback.read(playback.size - 9_000, playback.size))) == min(9_000, playback.size)

    each()
    assert _megabytes("VmHWM") - before < max(MEGABYTES, peak - before + 1)


def _megabytes(what: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1_024 for line in lines if line.startswith(what))
