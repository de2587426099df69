"""The Range header, as players send it and as nobody should."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imvume.web.ranges import Span, Unsatisfiable, wanted

SIZE = 1000


@pytest.mark.parametrize(
    ("header", "start", "stop"),
    [
        ("bytes=0-", 0, 1000),
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=990-2000", 990, 1000),
        ("bytes=-10", 990, 1000),
        ("bytes=-5000", 0, 1000),
        (" BYTES = 10 - 19 ", 10, 20),
    ],
)
def test_one_range_is_one_span(header: str, start: int, stop: int) -> None:
    assert wanted(header, SIZE) == Span(start, stop, SIZE)


@pytest.mark.parametrize(
    "header",
    [None, "", "bytes", "bytes=", "bytes=-", "items=0-1", "bytes=a-b", "bytes=5-4", "bytes=0-1,5-6", "bytes=+1-2",
     "bytes=١-٢", "bytes=" + "9" * 5000 + "-"],
)  # fmt: skip
def test_what_cannot_be_read_and_several_ranges_get_the_whole(header: str | None) -> None:
    assert wanted(header, SIZE) is None


@pytest.mark.parametrize("header", ["bytes=1000-", "bytes=5000-6000", "bytes=-0"])
def test_beyond_the_end_there_is_nothing(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        wanted(header, SIZE)


def test_of_nothing_no_range_can_be_had() -> None:
    for header in ("bytes=0-", "bytes=-1"):
        with pytest.raises(Unsatisfiable):
            wanted(header, 0)


def test_the_answer_names_the_last_byte_not_the_one_after() -> None:
    assert Span(0, 500, 1000).header == "bytes 0-499/1000"


@settings(deadline=None)
@given(
    st.from_regex(r"(bytes|BYTES|x)? ?=? ?-?[0-9]{0,22}-[0-9]{0,22}(,[0-9]*-[0-9]*)?") | st.text(),
    st.integers(0, 10**12),
)
def test_whatever_is_sent_a_span_lies_inside(header: str, size: int) -> None:
    try:
        span = wanted(header, size)
    except Unsatisfiable:
        return
    if span is not None:
        assert 0 <= span.start < span.stop <= size
