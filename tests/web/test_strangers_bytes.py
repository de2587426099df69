"""Bytes that nobody's browser would send: refused in words, and never our fault."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .conftest import Served
from .visitor import Visitor

FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
FIELDS = st.sampled_from(["q", "next", "email", "password", "reason", "words", "link", "name", "theme", "back", "x"])
NAMES = st.sampled_from(["since", "until", "before", "sought", "ref", "queue", "direction", "disposition", "campaign"])
SHAPED = st.one_of(
    st.text(max_size=80),
    st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", fullmatch=True),
    st.from_regex(r"[A-Za-z0-9_=-]{0,140}", fullmatch=True),
    st.uuids().map(str),
)


@pytest.fixture(scope="module")
def thandi(served: Served) -> Visitor:
    """Signed in: what she may send reaches further in."""
    return served.signed_in(served.tenant("Fuzzed"))


@FUZZ
@given(st.dictionaries(NAMES, SHAPED, max_size=4))
def test_no_question_to_the_list_is_our_fault(thandi: Visitor, query: dict[str, str]) -> None:
    asked = "&".join(f"{name}={quote(value, errors='replace')}" for name, value in query.items())
    assert thandi.get(f"/calls?{asked}").status in (200, 422)


@FUZZ
@given(st.dictionaries(FIELDS, SHAPED, max_size=4), st.sampled_from(["/calls/search", "/theme", "/set-up"]))
def test_no_form_is_our_fault(thandi: Visitor, fields: dict[str, str], path: str) -> None:
    body = "&".join(f"{name}={quote(value, errors='replace')}" for name, value in fields.items()).encode()
    answer = thandi.send("POST", path, body, {"origin": thandi.address})
    assert answer.status in (303, 403, 422)
    location = answer.headers.get("location", "/")
    assert location.startswith("/")
    assert not location.startswith("//")


@FUZZ
@given(st.binary(max_size=400), st.sampled_from(["application/x-www-form-urlencoded", "multipart/form-data", "x", ""]))
def test_no_body_is_our_fault(thandi: Visitor, body: bytes, media_type: str) -> None:
    headers = {"origin": thandi.address, "content-type": media_type}
    assert thandi.send("POST", "/calls/search", body, headers).status in (303, 422)


@FUZZ
@given(st.from_regex(r"/[!-~]{0,60}", fullmatch=True))
def test_no_path_is_our_fault(thandi: Visitor, path: str) -> None:
    assert thandi.get(path).status < 500


@FUZZ
@given(st.from_regex(r"[!-~]{0,80}", fullmatch=True))
def test_no_cookie_is_our_fault(served: Served, cookie: str) -> None:
    answer = served.visitor().send("GET", "/calls", headers={"cookie": f"imvume={cookie}; theme={cookie}"})
    assert answer.status == 303
