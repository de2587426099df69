"""What the name of a recording tells, and that no name does harm."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imvume.telephony.importers import names

ID = "1795454901.4"


@pytest.mark.parametrize(
    ("name", "direction", "caller", "agent", "queue"),
    [
        (f"out-90825550100-101-20261123-090000-{ID}.wav", "out", "90825550100", "101", ""),
        (f"in-0101234567-+447700900123-20261123-090000-{ID}.WAV", "in", "+447700900123", "", ""),
        (f"external-101-447700900123-20261123-090000-{ID}.wav", "in", "447700900123", "101", ""),
        (f"q-600-anonymous-20261123-090000-{ID}.wav", "in", "anonymous", "", "600"),
        (f"rg-601-447700900123-20261123-090000-{ID}.gsm", "in", "447700900123", "", ""),
        (f"internal-102-101-20261123-090000-{ID}.wav", "internal", "101", "102", ""),
        (f"force-101-102-20261123-090000-{ID}.wav", None, "", "", ""),
        ("20261123-090000_447700900123-all.mp3", None, "447700900123", "", ""),
        ("20261123-090000_WINBACK_6666_447700900123-all.mp3", None, "447700900123", "", ""),
        (f"{ID}.wav", None, "", "", ""),
    ],
)
def test_a_name_tells_who_and_which_way(name: str, direction: str, caller: str, agent: str, queue: str) -> None:
    read = names.read(name)
    assert (read.direction, read.caller, read.agent, read.queue) == (direction, caller, agent, queue)


@pytest.mark.parametrize(
    ("name", "stem", "half"),
    [
        (f"{ID}-rx.wav", ID, "rx"),
        (f"{ID}-tx.wav", ID, "tx"),
        (f"{ID}-r.wav", ID, "rx"),
        (f"{ID}-t.wav", ID, "tx"),
        (f"{ID}-in.wav", ID, "rx"),
        (f"{ID}-OUT.WAV", ID, "tx"),
        (f"{ID}_caller.wav", ID, "caller"),
        (f"{ID}.agent.wav", ID, "agent"),
        ("20261123-090000_447700900123-all.mp3", "20261123-090000_447700900123", ""),
        ("call.wav", "call", ""),
        ("call", "call", ""),
        ("call.rx", "call", "rx"),
    ],
)
def test_the_halves_of_one_recording_share_a_stem(name: str, stem: str, half: str) -> None:
    read = names.read(name)
    assert (read.stem, read.half) == (stem, half)
    assert names.stem(f"2026/11/{name}") == stem


def test_an_id_is_found_with_and_without_the_name_of_its_system() -> None:
    assert names.read(f"lab-{ID}-rx.wav").ids == (f"lab-{ID}", ID)
    assert names.read(f"{ID}.wav").ids == (ID,)
    # A time before the id looks like a system's name; the records decide.
    assert names.read(f"q-600-x-20261123-090000-{ID}.wav").ids == (f"090000-{ID}", ID)
    assert names.read("20261123-090000_447700900123-all.mp3").ids == ()
    assert names.read(f"{ID}.wav").epoch == 1795454901


def test_the_wall_clock_in_a_name_is_read_and_an_impossible_one_is_not() -> None:
    nine = datetime(2026, 11, 23, 9, 0, 1, tzinfo=UTC).replace(tzinfo=None)
    assert names.read("20261123-090001_x.wav").written == nine
    assert names.read("20261323-090001_x.wav").written is None
    assert names.read("x-20261123090001-y.wav").written == nine


def test_only_recordings_are_taken_and_no_unfinished_copies() -> None:
    assert all(map(names.is_recording, ["a.wav", "a.WAV", "a.wav49", "a.gsm", "a.ulaw", "a.sln", "a.opus", "a.mp3"]))
    assert not any(map(names.is_recording, [".a.wav.Xy12", ".a.wav", "a.txt", "a", "wav", "a.wav.gpg", "a.wav.part"]))


def test_a_name_that_would_rewrite_the_terminal_is_shown_as_what_it_is() -> None:
    shown = names.shown("\x1b[2J\x1b[31mowned\r\nok \u202egnp.wav\udcff\u2028")
    assert shown.isprintable()
    assert shown == r"\u{1b}[2J\u{1b}[31mowned\u{d}\u{a}ok \u{202e}gnp.wav\xff\u{2028}"


def test_a_very_long_path_is_shown_by_both_its_ends() -> None:
    shown = names.shown("2026/" + "x" * 4000 + "end.wav")
    assert len(shown) <= names.SHOWN_MAX
    assert shown.startswith("2026/x")
    assert shown.endswith("end.wav")


_PARTS = st.sampled_from(
    [
        ID,
        "lab-",
        "-",
        "_",
        ".",
        "..",
        "/",
        "20261123",
        "090000",
        "rx",
        "in",
        "out",
        "q",
        ".wav",
        ".mp3",
        "\n",
        "\x1b[0m",
    ]
)
_NAMES = st.one_of(
    st.binary(max_size=255).filter(lambda raw: b"\0" not in raw).map(os.fsdecode),
    st.lists(st.one_of(_PARTS, st.text(max_size=5)), max_size=30).map("".join),
    st.sampled_from(["a" * 5_000, "-" * 5_000 + ".wav", f"{ID}-" * 500, "q-" + "1" * 5_000, "_" * 5000 + "x"]),
)


@given(_NAMES)
def test_any_name_is_read_and_shown_without_harm(name: str) -> None:
    read = names.read(name)
    assert read.stem == names.stem(name) or "/" in name
    assert names.shown(name).isprintable()
    names.text(name).encode()
    names.is_recording(name)
    assert repr(read).count(read.caller) == 0 or read.caller == "" or len(read.caller) < 7
