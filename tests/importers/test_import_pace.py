"""How fast an import goes, and how long it will take."""

from __future__ import annotations

import pytest

from imvume.telephony.importers.outcome import Progress
from imvume.telephony.importers.pace import WINDOW_SECONDS, Pace


def progress(files: int, of: int = 100) -> Progress:
    return Progress(files, of, files * 1000, of * 1000, files * 36.0)


def test_the_rate_is_that_of_the_last_while_and_the_rest_takes_as_long() -> None:
    pace = Pace()
    assert pace.rate(progress(0), 0.0).left is None
    slow = pace.rate(progress(10), 10.0)
    assert (slow.files, slow.left) == (1.0, 90.0)
    assert slow.audio_hours == pytest.approx(0.01)
    for second in range(11, 60):
        fast = pace.rate(progress(10 + 2 * (second - 10)), float(second))
    assert fast.files == pytest.approx(2.0, rel=0.1)
    assert WINDOW_SECONDS < 50


def test_what_was_not_counted_has_no_end_in_sight() -> None:
    pace = Pace()
    pace.rate(progress(0, of=0), 0.0)
    assert pace.rate(progress(5, of=0), 5.0).left is None


def test_what_stands_still_does_not_divide_by_nothing() -> None:
    pace = Pace()
    pace.rate(progress(5), 1.0)
    assert pace.rate(progress(5), 1.0).left is None
    assert pace.rate(progress(5), 2.0).left is None
