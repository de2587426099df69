"""How fast an import goes and how long it will take, by what it did lately. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from imvume.telephony.importers.outcome import Progress

WINDOW_SECONDS = 20.0  # long enough to smooth one long call among short ones, short enough to follow a change


@dataclass(frozen=True, slots=True)
class Rate:
    """Files and hours of audio a second, and the seconds left; None where nobody can know yet."""

    files: float
    audio_hours: float
    left: float | None


class Pace:
    """Watches the progress of one import. ticks are seconds of a clock that never goes back."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, Progress]] = deque()

    def rate(self, progress: Progress, ticks: float) -> Rate:
        """The rate over the last while, up to `progress` at `ticks`."""
        self._seen.append((ticks, progress))
        while len(self._seen) > 2 and ticks - self._seen[1][0] >= WINDOW_SECONDS:
            self._seen.popleft()
        since, was = self._seen[0]
        seconds = ticks - since
        if seconds <= 0:
            return Rate(0.0, 0.0, None)
        # By bytes, not by files: sealing takes as long as the recording is large.
        bytes_a_second = (progress.bytes - was.bytes) / seconds
        left = max(0, progress.of_bytes - progress.bytes)
        return Rate(
            files=(progress.files - was.files) / seconds,
            audio_hours=(progress.audio_seconds - was.audio_seconds) / 3600 / seconds,
            left=left / bytes_a_second if bytes_a_second > 0 and progress.of_bytes else None,
        )
