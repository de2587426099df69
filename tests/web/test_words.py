"""How the console says things, and how it draws a call."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imvume.web import waveform, words
from imvume.web.asked import own_path

AT = datetime(2026, 11, 23, 13, 12, 4, tzinfo=UTC)
HOME = "Africa/Johannesburg"


def test_an_instant_is_said_in_the_zone_of_the_page() -> None:
    assert words.moment(AT, HOME) == "23 Nov 2026, 15:12:04"
    assert words.short(AT, HOME, AT) == "23 Nov, 15:12:04"
    assert words.short(AT, HOME, AT + timedelta(days=365)) == "23 Nov 2026, 15:12:04"
    assert words.clock(AT, "Asia/Kolkata") == "18:42:04"
    assert words.day(date(2031, 3, 12)) == "12 Mar 2031"


@pytest.mark.parametrize(
    ("zone", "says"),
    [
        (HOME, "SAST (UTC+2)"),
        ("Europe/London", "GMT (UTC)"),
        ("Asia/Kolkata", "IST (UTC+5:30)"),
        ("America/Sao_Paulo", "UTC−3"),
        ("UTC", "UTC"),
    ],
)
def test_the_page_says_which_zone(zone: str, says: str) -> None:
    assert words.zone_says(zone, AT) == says


@pytest.mark.parametrize(
    ("seconds", "says"), [(None, "–"), (0, "0:00"), (112.9, "1:52"), (3723, "1:02:03"), (-4, "0:00")]
)
def test_a_length_is_said_as_on_a_clock(seconds: float | None, says: str) -> None:
    assert words.lasting(seconds) == says


def test_a_length_is_spoken_in_words() -> None:
    assert words.spoken(3601.9) == "1 hour 1 second"
    assert words.spoken(0.2) == "0 seconds"


def test_sizes_and_counts_are_short() -> None:
    assert [words.size(n) for n in (999, 15_900, 3_400_000, 512_000_000, 2 * 10**15)] == [
        "999 bytes", "15.9 kB", "3.4 MB", "512 MB", "2000.0 TB",
    ]  # fmt: skip
    assert words.thin(1_284_116) == "1\u202f284\u202f116"


@pytest.mark.parametrize(
    ("back", "says"), [(5, "just now"), (60, "1 minute ago"), (7300, "2 hours ago"), (10**6, "11 days ago")]
)
def test_how_long_ago_is_said_coarsely(back: int, says: str) -> None:
    assert words.ago(AT - timedelta(seconds=back), AT) == says


@settings(deadline=None)
@given(st.text())
def test_code_in_a_sentence_opens_no_other_tag(text: str) -> None:
    said = str(words.said(text))
    left = said.replace("<code>", "").replace("</code>", "")
    assert "<" not in left
    assert ">" not in left


def test_a_command_in_a_sentence_is_code() -> None:
    assert words.said("Run `imvume verify` & wait.") == "Run <code>imvume verify</code> &amp; wait."


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["caller", "agent", "both"]), st.binary(max_size=420)))
def test_every_leg_is_drawn_inside_its_lane(peaks: dict[str, bytes]) -> None:
    lanes = waveform.lanes(peaks)
    assert [lane.role for lane in lanes] == [r for r in ("caller", "agent", "both") if peaks.get(r)]
    for no, lane in enumerate(lanes):
        for bar in lane.path.split("M")[1:]:
            x, _, rest = bar.partition(" ")
            top, bottom = rest.split("V")
            assert 0 <= float(x) <= waveform.WIDTH
            assert no * waveform.LANE <= float(top) <= float(bottom) <= (no + 1) * waveform.LANE


@pytest.mark.parametrize(
    ("codec", "says"),
    [
        ("flac", "FLAC"),
        ("flac-ulaw", "FLAC, µ-law"),
        ("flac-alaw-pcm", "FLAC, A-law"),
        ("asis-gsm", "GSM, as it came"),
        ("flac-pcm24", "FLAC, 24 bits"),
        ("asis-wav-mp3", "MP3, as it came"),
        ("asis-other", "other, as it came"),
    ],
)
def test_how_it_is_kept_is_said_in_words(codec: str, says: str) -> None:
    assert words.codec(codec) == says


def test_both_legs_grow_by_the_same_factor() -> None:
    loud, quiet = waveform.lanes({"caller": bytes([100]), "agent": bytes([50])})

    def height(lane: waveform.Lane) -> float:
        top, bottom = lane.path.partition(" ")[2].split("V")
        return float(bottom) - float(top)

    assert height(loud) == pytest.approx(2 * height(quiet), rel=0.01)


@pytest.mark.parametrize("path", ["/calls", "/calls?since=2026-11-01&before=x", "/"])
def test_a_path_of_ours_is_gone_to(path: str) -> None:
    assert own_path(path) == path


@pytest.mark.parametrize(
    "path",
    ["//evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example", "javascript:alert(1)", "",
     "evil.example", "/\t/evil.example", "/a\nSet-Cookie: x=1", "/ /evil.example", "/x\\..\\y", "/é"],
)  # fmt: skip
def test_a_path_out_of_the_house_leads_to_the_first_page(path: str) -> None:
    assert own_path(path) == "/"


@settings(deadline=None)
@given(st.text(alphabet="/\\.:@ \t\na?#", max_size=12))
def test_no_text_leads_out_of_the_house(text: str) -> None:
    path = own_path(text)
    assert path.startswith("/")
    assert not path.startswith(("//", "/\\"))
    assert not set(path) & set("\\\t\n ")
