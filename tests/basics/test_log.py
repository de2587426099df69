"""Logs: data, and nobody in them."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import structlog
from hypothesis import example, given
from hypothesis import strategies as st

from imvume.basics import log as logs
from imvume.errors import Refused

MOBILE = "+44 7700 900123"


@pytest.fixture
def said() -> Iterator[io.StringIO]:
    """Where the log goes in this test; everything is put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure(stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def _lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_its_instant(said: io.StringIO) -> None:
    structlog.get_logger("imvume.test").info("a recording was sealed", asset=str(uuid4()), count=3)
    (line,) = _lines(said)
    assert (line["event"], line["level"], line["count"]) == ("a recording was sealed", "info", 3)
    assert line["at"].endswith("Z")


@pytest.mark.parametrize(
    "number",
    [
        "+447700900123",
        "+44 7700 900123",
        "07700 900 123",
        "(07700) 900-123",
        "0027-21-555-0199",
        "27215550199",
        "5550199",
    ],
)
def test_a_telephone_number_is_masked_however_it_is_written(number: str) -> None:
    assert logs.mask(f"call from {number} ended") == "call from ••• ended"
    assert logs.mask(f"q-{number}-in.wav") == "q-•••-in.wav"
    assert logs.mask(f"tel{number}x") == "tel•••x"


@pytest.mark.parametrize("mail", ["naledi@example.org", "n.d+x@mail.example.org", "naledi@localhost"])
def test_a_mail_address_is_masked(mail: str) -> None:
    assert logs.mask(f"told <{mail}>, again") == "told <•••>, again"


@pytest.mark.parametrize(
    "plain",
    [
        "019345ab-1234-7890-8123-123456789012",
        "2026-11-23T09:00:00.000000Z",
        "2026-11-23",
        "archive.destroy.on-hold",
        "5d41402abc4b2a76b9719d911017c5925d41402abc4b2a76b9719d911017c592",
        "12345678901234567890123456789012",
        "took 12.5 ms for 400 rows",
        "127.0.0.1:8443",
    ],
)
def test_ids_digests_instants_and_counts_stay_readable(plain: str) -> None:
    assert logs.mask(plain) == plain


def test_numbers_that_come_as_numbers_and_in_depth_are_masked_and_sizes_are_not(said: io.StringIO) -> None:
    structlog.get_logger().info(
        "x", who=27215550199, size_bytes=27215550199, deep={"a": [MOBILE, {"b": "naledi@example.org"}]}, flag=True
    )
    (line,) = _lines(said)
    assert line["who"] == "•••"
    assert line["size_bytes"] == 27215550199
    assert line["deep"] == {"a": ["•••", {"b": "•••"}]}
    assert line["flag"] is True


def test_an_exception_is_told_by_its_kind_code_and_place_and_not_by_its_words(said: io.StringIO) -> None:
    log = structlog.get_logger("imvume.test")
    try:
        raise Refused("staff.sign-in.unknown", f"Naledi of {MOBILE} is unknown.", remedy="Ask Thandi.")
    except Refused:
        log.exception("it failed")
        logging.getLogger("some.library").exception("the library says of %s", MOBILE)
    ours, theirs = _lines(said)
    assert (ours["code"], ours["error"]) == ("staff.sign-in.unknown", "Refused")
    assert ours["frames"][-1].startswith("test_log.py:")
    assert theirs["event"] == "the library says of •••"
    assert theirs["error"] == "Refused"
    assert "Naledi" not in said.getvalue()
    assert "900123" not in said.getvalue()


def test_a_library_that_logs_goes_through_the_same_net(said: io.StringIO) -> None:
    logging.getLogger("psycopg.pool").warning("error connecting: user naledi@example.org")
    (line,) = _lines(said)
    assert (line["event"], line["level"]) == ("error connecting: user •••", "warning")


@given(st.text(alphabet="0123456789+ ()-.", min_size=7, max_size=40))
def test_no_run_of_seven_digits_survives_unless_it_is_a_day_or_a_digest(text: str) -> None:
    left = logs.mask(text)
    if left == text and sum(sign.isdigit() for sign in text) >= 7:
        # What stays has a day in it, a long digest, or is broken up by more than spacing.
        assert logs._SENSITIVE.search(text) is None or logs._SENSITIVE.search(text)["plain"]  # type: ignore[index]


@given(st.text())
@example("0@0@0")
def test_masking_is_done_once_and_takes_any_text(text: str) -> None:
    once = logs.mask(text)
    assert logs.mask(once) == once
