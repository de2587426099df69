"""One call: opened for a reason, heard by range, and everything of it written down."""

from __future__ import annotations

import http.client
import io
import re
import wave
from datetime import timedelta

import numpy as np
import pytest

from imvume.archive import destroying, holding
from imvume.basics.ids import CallId
from imvume.evidence.sequencer import sequence
from imvume.staff import rules
from imvume.staff.rules import Role

from . import feed
from .conftest import PASSWORD, Served
from .visitor import Visitor


def heard(console_of: Served, call: CallId, visitor: Visitor) -> int:
    """How many looks at the call are in its chain of custody, as the page tells it."""
    return visitor.get(f"/calls/{call}").text.count("<b>Heard by ")


@pytest.fixture
def sealed(console_of: Served) -> tuple[Served, Visitor, CallId]:
    """A sealed call, and Thandi on her way to it."""
    tenant = console_of.tenant()
    call = feed.call(console_of.house, tenant, at=console_of.clock() - timedelta(hours=1), seconds=6.0)
    return console_of, console_of.signed_in(tenant), call


def test_a_recording_is_closed_until_a_reason_is_given(sealed: tuple[Served, Visitor, CallId]) -> None:
    _, thandi, call = sealed
    page = thandi.get(f"/calls/{call}").text
    assert "Open the recording" in page
    assert "<audio" not in page
    answer = thandi.get(f"/calls/{call}/sound")
    assert answer.status == 403
    assert "This recording is not open." in answer.text


def test_a_reason_opens_it_for_this_session(sealed: tuple[Served, Visitor, CallId]) -> None:
    _, thandi, call = sealed
    answer = thandi.post(f"/calls/{call}/open", reason="complaint", words="ref 4471")
    assert (answer.status, answer.headers["location"]) == (303, f"/calls/{call}")
    page = thandi.get(f"/calls/{call}").text
    assert "Open for: A complaint: ref 4471" in page
    assert f'src="/calls/{call}/sound"' in page
    assert page.count('class="bar ') == 2, "two legs are drawn"
    assert "Heard by Thandi Mokoena" in page


@pytest.mark.parametrize(("reason", "words"), [("", ""), ("other", ""), ("nonsense", "words")])
def test_no_reason_no_recording(sealed: tuple[Served, Visitor, CallId], reason: str, words: str) -> None:
    console_of, thandi, call = sealed
    answer = thandi.post(f"/calls/{call}/open", reason=reason, words=words)
    assert answer.status == 422
    assert "A reason is missing." in answer.text
    assert thandi.get(f"/calls/{call}/sound").status == 403
    assert heard(console_of, call, thandi) == 0


def test_an_old_sign_in_says_its_password_again(sealed: tuple[Served, Visitor, CallId]) -> None:
    console_of, thandi, call = sealed
    assert "Your password" not in thandi.get(f"/calls/{call}").text
    console_of.clock.ahead = timedelta(minutes=console_of.house.config.fresh_minutes, seconds=1)
    assert "Your password" in thandi.get(f"/calls/{call}").text
    for password in ("", "wrong"):
        answer = thandi.post(f"/calls/{call}/open", reason="audit", password=password)
        assert answer.status == 401
        assert thandi.get(f"/calls/{call}/sound").status == 403
    assert thandi.post(f"/calls/{call}/open", reason="audit", password=PASSWORD).status == 303
    assert thandi.get(f"/calls/{call}/sound").status == 200
    assert "Your password" not in thandi.get(f"/calls/{call}").text


def test_the_sound_is_the_call_with_the_caller_left(sealed: tuple[Served, Visitor, CallId]) -> None:
    _, thandi, call = sealed
    thandi.post(f"/calls/{call}/open", reason="quality")
    answer = thandi.get(f"/calls/{call}/sound")
    assert answer.status == 200
    assert answer.headers["content-type"] == "audio/wav"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["cache-control"] == "no-store"
    assert int(answer.headers["content-length"]) == len(answer.body)

    def samples(content: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
        with wave.open(io.BytesIO(content)) as file:
            assert (file.getnchannels(), file.getframerate()) == (2, feed.RATE)
            return np.frombuffer(file.readframes(file.getnframes()), "<i2")

    assert np.array_equal(samples(answer.body), samples(feed.stereo(6.0)))


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-99", 0, 100),
        ("bytes=1000-1999", 1000, 2000),
        ("bytes=-500", -500, None),
        ("bytes=40001-", 40001, None),
        ("bytes=43-45", 43, 46),
    ],
)
def test_a_range_is_that_part_of_the_whole(
    sealed: tuple[Served, Visitor, CallId], asked: str, start: int, stop: int | None
) -> None:
    _, thandi, call = sealed
    thandi.post(f"/calls/{call}/open", reason="quality")
    whole = thandi.get(f"/calls/{call}/sound").body
    answer = thandi.get(f"/calls/{call}/sound", range=asked)
    assert answer.status == 206
    assert answer.body == whole[start:stop]
    first = start % len(whole)
    assert answer.headers["content-range"] == f"bytes {first}-{first + len(answer.body) - 1}/{len(whole)}"


def test_a_range_beyond_the_end_is_416_and_several_are_the_whole(sealed: tuple[Served, Visitor, CallId]) -> None:
    _, thandi, call = sealed
    thandi.post(f"/calls/{call}/open", reason="quality")
    whole = thandi.get(f"/calls/{call}/sound")
    beyond = thandi.get(f"/calls/{call}/sound", range="bytes=99999999-")
    assert (beyond.status, beyond.headers["content-range"]) == (416, f"bytes */{len(whole.body)}")
    several = thandi.get(f"/calls/{call}/sound", range="bytes=0-1,5-6")
    assert (several.status, several.body) == (200, whole.body)


def test_if_range_with_another_tag_gets_the_whole(sealed: tuple[Served, Visitor, CallId]) -> None:
    _, thandi, call = sealed
    thandi.post(f"/calls/{call}/open", reason="quality")
    tag = thandi.get(f"/calls/{call}/sound").headers["etag"]
    assert thandi.get(f"/calls/{call}/sound", range="bytes=0-9", if_range=tag).status == 206
    assert thandi.get(f"/calls/{call}/sound", range="bytes=0-9", if_range='"another"').status == 200


def test_head_says_how_large_it_is_and_is_no_listening(sealed: tuple[Served, Visitor, CallId]) -> None:
    console_of, thandi, call = sealed
    assert thandi.send("HEAD", f"/calls/{call}/sound").status == 403
    thandi.post(f"/calls/{call}/open", reason="quality")
    console_of.clock.ahead = rules.LISTENING_LASTS + timedelta(seconds=1)
    answer = thandi.send("HEAD", f"/calls/{call}/sound")
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["content-length"]) > 1000
    assert heard(console_of, call, thandi) == 1


def test_a_listening_of_many_ranges_is_written_once_and_a_later_one_again(
    sealed: tuple[Served, Visitor, CallId],
) -> None:
    console_of, thandi, call = sealed
    thandi.post(f"/calls/{call}/open", reason="training")
    for n in range(10):
        assert thandi.get(f"/calls/{call}/sound", range=f"bytes={n * 100}-{n * 100 + 99}").status == 206
    assert heard(console_of, call, thandi) == 1
    console_of.clock.ahead = rules.LISTENING_LASTS + timedelta(seconds=1)
    thandi.get(f"/calls/{call}/sound", range="bytes=0-9")
    assert heard(console_of, call, thandi) == 2


def test_one_who_has_opened_it_opened_it_for_no_one_else(sealed: tuple[Served, Visitor, CallId]) -> None:
    console_of, thandi, call = sealed
    thandi.post(f"/calls/{call}/open", reason="training")
    again = console_of.visitor()
    again.cookies = {}
    assert again.get(f"/calls/{call}/sound").headers["location"].startswith("/sign-in")
    with console_of.house.database.transaction(None) as tx:
        tenant = tx.connection.execute("SELECT tenant_id FROM tenant ORDER BY made_at DESC LIMIT 1").fetchall()
    other = console_of.signed_in(tenant[0]["tenant_id"], Role.SUPERVISOR, "Sipho Supervisor")
    assert other.get(f"/calls/{call}/sound").status == 403


def test_an_auditor_hears_and_an_administrator_sees_no_call(console_of: Served) -> None:
    tenant = console_of.tenant()
    call = feed.call(console_of.house, tenant, at=console_of.clock() - timedelta(hours=1))
    auditor = console_of.signed_in(tenant, Role.AUDITOR, "An Auditor")
    assert auditor.post(f"/calls/{call}/open", reason="audit").status == 303
    administrator = console_of.signed_in(tenant, Role.ADMINISTRATOR, "An Administrator")
    for path in (f"/calls/{call}", f"/calls/{call}/sound", "/calls"):
        assert administrator.get(path).status == 403
    assert administrator.get("/archive").status == 200


def test_the_chain_of_custody_tells_everything_in_its_order(console_of: Served) -> None:
    tenant = console_of.tenant()
    call = feed.call(console_of.house, tenant, at=console_of.clock() - timedelta(hours=1))
    thandi = console_of.signed_in(tenant)
    house = console_of.house
    thandi.post(f"/calls/{call}/open", reason="complaint", words="FAB 2026/1174")
    with house.database.transaction(tenant) as tx:
        matter = holding.hold(tx, house.vault, [call], reason="The Ombud asked", by=None, at=console_of.clock())
    page = thandi.get(f"/calls/{call}").text
    assert "Legal hold H-" in page
    assert "Kept while the legal hold lasts" in page
    with house.database.transaction(tenant) as tx:
        holding.release(tx, house.vault, matter, by=None, at=console_of.clock())
        destroying.destroy(tx, call, ground="order", reason="Sent twice", by=None, at=console_of.clock())
    sequence(house.database, house.vault, tenant, at=console_of.clock(), heads_in=house.config.keys)
    page = thandi.get(f"/calls/{call}").text
    steps = re.findall(r"<b>([^<]+?)\s*</b>", page.partition('class="tl"')[2])
    assert steps == [
        "The call began", "Brought in", "Sealed", "Sealed", "Heard by Thandi Mokoena", "Legal hold placed",
        "Legal hold lifted", "Destroyed",
    ]  # fmt: skip
    assert "A complaint: FAB 2026/1174" in page
    assert "Sent twice" in page
    assert page.count("· entry ") + page.count(">entry ") == 7
    assert "waiting for its place" not in page
    assert "The recording was destroyed" in page
    assert thandi.get(f"/calls/{call}/sound").status == 403


def test_a_call_without_a_recording_says_so(console_of: Served) -> None:
    tenant = console_of.tenant()
    call = feed.call(
        console_of.house, tenant, at=console_of.clock() - timedelta(hours=1), recorded=False, kind="withheld", caller=""
    )
    page = console_of.signed_in(tenant).get(f"/calls/{call}").text
    assert "There is no recording of this call" in page
    assert "a withheld number" in page


def test_a_changed_object_is_never_played_as_if_nothing_had_happened(sealed: tuple[Served, Visitor, CallId]) -> None:
    console_of, thandi, call = sealed
    thandi.post(f"/calls/{call}/open", reason="quality")
    objects = [path for path in console_of.house.config.objects.rglob("*") if path.is_file()]
    newest = sorted(objects, key=lambda path: path.stat().st_mtime_ns)[-2:]  # the two legs of this call
    for path in newest:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.chmod(0o600)
        path.write_bytes(content)
    whole = feed.stereo(6.0)
    try:
        body = thandi.get(f"/calls/{call}/sound").body
    except http.client.HTTPException:  # cut off in the middle is right: nobody must take it for whole
        body = b""
    assert body != whole
    assert len(body) < len(whole)
