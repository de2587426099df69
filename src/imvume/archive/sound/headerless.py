"""Sound without a header: what its extension says it is, as Asterisk names its formats; and GSM's frames.

Source: Asterisk, formats/format_*.c (exts); 3GPP TS 06.10 (GSM full rate), libgsm's 33-byte frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imvume.archive.sound import refusals
from imvume.archive.sound.facts import Coding
from imvume.archive.sound.windows import Reader, read_at

GSM_FRAME, GSM_FRAMES = 33, 160

_PROBES, _PROBE = 64, 8192  # stretches of a file that are looked at for two voices, and the bytes of each


@dataclass(frozen=True, slots=True)
class Plain:
    """Samples and nothing else."""

    coding: Coding
    rate: int


_SLIN = {"sln": 8_000, "slin": 8_000, "raw": 8_000} | {
    f"sln{khz}": 44_100 if khz == 44 else khz * 1000 for khz in (12, 16, 24, 32, 44, 48, 96, 192)
}
EXTENSIONS: dict[str, Plain] = {
    **{ext: Plain("ulaw", 8_000) for ext in ("ulaw", "ul", "mulaw", "mu", "ulw")},
    **{ext: Plain("alaw", 8_000) for ext in ("alaw", "al", "alw")},
    **{ext: Plain("pcm16", rate) for ext, rate in _SLIN.items()},
}


def gsm_notes(file: Reader, size: int) -> tuple[str, ...]:
    """What is odd about a raw GSM file. Raises BadInput (unknown) if most of its frames are not GSM's.

    Every frame begins with the nibble 0xD.
    """
    strange = total = 0
    step = GSM_FRAME * 4096
    for at in range(0, size - size % GSM_FRAME, step):
        block = read_at(file, at, min(step, size - size % GSM_FRAME - at))
        first = np.frombuffer(block, np.uint8)[::GSM_FRAME]
        strange, total = strange + int((first >> 4 != 0xD).sum()), total + len(first)
    if total and strange * 2 > total:
        raise refusals.unknown()
    return (("damaged-frames",) if strange else ()) + (("cut",) if size % GSM_FRAME else ())


def alternates(file: Reader, size: int) -> bool:
    """Whether 16-bit samples alternate between two voices.

    MixMonitor's option D writes both sides of a call into one .raw and nothing says so. Speech
    hardly changes from one sample to the next; between two people's samples it does. So where
    the step to the next sample but one is much the smaller, there are two channels.
    """
    near = far = 0.0
    for probe in range(_PROBES):
        at = (size - _PROBE) * probe // (_PROBES - 1) // 4 * 4 if size > _PROBE else 0
        block = read_at(file, at, _PROBE)
        samples = np.frombuffer(block[: len(block) // 4 * 4], "<i2").astype(np.float64)
        if len(samples) < 4:
            return False
        near += float(np.square(np.diff(samples)).sum())
        far += float(np.square(samples[2:] - samples[:-2]).sum())
    return near > 2 * far and near > 0
