"""A call of four hours takes no more memory than one of four minutes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from imvume.archive.sound import wav

MEGABYTES = 30

# In a process of its own, whose high-water mark is its own.
_MEASURE = """
import sys
from imvume.archive.sound import Playback, inspect, pack, parts, unpack

def peak():
    # Not ru_maxrss: a process that is started begins with that of the one that started it.
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))

def through(path):
    with open(path, "rb") as file:
        sound = inspect(file, name=path, hours_max=12)
        for part in parts(sound):
            with open(path + ".stored", "w+b") as stored:
                packed = pack(file, sound, part, stored.write)
                for _ in unpack(stored, packed.codec, frames=packed.frames):
                    pass
                playback = Playback([(stored, packed.codec, packed.rate, packed.channels, packed.frames)])
                for _ in playback.read(playback.size - 8_000_000, playback.size):
                    pass

through(sys.argv[1])
before = peak()
through(sys.argv[2])
print(peak() - before)
"""


def _call(path: Path, minutes: int, tag: int, bits: int) -> str:
    """A stereo WAV of silence with a hole in it for a body: it takes no room on the disk."""
    length = minutes * 60 * 8_000 * 2 * bits // 8
    head = wav.header(tag, 2, 8_000, bits, length)
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + length)
    return str(path)


@pytest.mark.parametrize(("tag", "bits"), [(1, 16), (7, 8)])
def test_four_hours_take_no_more_memory_than_four_minutes(tag: int, bits: int, tmp_path: Path) -> None:
    short, long = (_call(tmp_path / f"{minutes}.wav", minutes, tag, bits) for minutes in (4, 240))
    done = subprocess.run([sys.executable, "-c", _MEASURE, short, long], capture_output=True, text=True, check=True)
    assert float(done.stdout) < MEGABYTES, done.stdout
