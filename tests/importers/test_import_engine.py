"""The import itself, into a real house: every file once, each with its call."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest
from importing import Bench, Given, codes, known, notes
from pbx import START, at, channel, sound

from imvume.errors import BadInput
from imvume.telephony.importers import engine
from imvume.telephony.importers.records import Want


def test_a_folder_becomes_calls_that_are_found_and_sealed(bench: Bench) -> None:
    for n in range(3):
        bench.sound(f"2026/11/23/{channel(n)}-rx.wav", pitch=300 + n)
        bench.sound(f"2026/11/23/{channel(n)}-tx.wav", pitch=600 + n)
    outcome = bench.run(Given(*map(known, range(3))))
    assert (outcome.taken, outcome.calls, outcome.refused, outcome.waiting, outcome.skipped) == (6, 3, 0, 0, 0)
    assert outcome.complete
    assert outcome.audio_seconds == pytest.approx(6 * 0.4)
    assert outcome.bytes == sum(path.stat().st_size for path in bench.path.rglob("*.wav"))
    calls = bench.calls()
    assert [call.started_at for call in calls] == [known(n).facts.started_at for n in (2, 1, 0)]
    assert bench.legs(calls[0].call) == ["agent", "caller"]
    assert len(list(bench.path.rglob("*.wav"))) == 6


def test_a_second_import_takes_nothing_and_a_new_file_alone(bench: Bench) -> None:
    bench.sound(f"{channel(1)}.wav")
    records = Given(known(1), known(2))
    bench.run(records)
    bench.sound(f"{channel(2)}.wav", pitch=500)
    outcome = bench.run(records)
    assert (outcome.taken, outcome.skipped, outcome.calls) == (1, 1, 1)
    assert bench.run(records).skipped == 2
    assert len(bench.calls()) == 2


def test_a_half_that_comes_later_joins_its_call(bench: Bench) -> None:
    bench.sound(f"{channel(1)}-rx.wav")
    assert notes(bench.run(Given(known(1)))) == {f"{channel(1)}-rx.wav": "telephony.half.alone"}
    bench.sound(f"{channel(1)}-tx.wav", pitch=700)
    second = bench.run(Given(known(1)))
    assert (second.taken, second.calls) == (1, 0)
    (call,) = bench.calls()
    assert bench.legs(call.call) == ["agent", "caller"]


def test_a_file_without_a_record_becomes_a_call_that_says_so(bench: Bench) -> None:
    bench.sound("support.wav")
    outcome = bench.run()
    (call,) = bench.calls()
    assert outcome.calls == 1
    assert (call.disposition, call.direction) == ("no-record", None)
    ref = bench.row(call.call)["source_ref"]
    assert ref.startswith("file-")
    assert "support" not in ref
    assert bench.run().skipped == 1


def test_a_young_file_waits_for_its_record_and_an_old_one_goes_without(bench: Bench) -> None:
    path = bench.sound(f"{channel(9)}.wav", age=60)
    outcome = bench.run(Given(known(1)))
    assert (outcome.waiting, outcome.taken) == (1, 0)
    assert notes(outcome) == {f"{channel(9)}.wav": "telephony.record.not-yet"}
    assert not outcome.complete
    bench.age(path, 3600)
    assert bench.run(Given(known(1))).taken == 1


def test_a_plain_folder_has_no_records_to_wait_for(bench: Bench) -> None:
    bench.sound("support.wav", age=60)
    assert bench.run().taken == 1


def test_a_file_that_still_grows_is_waited_for_and_then_taken_whole(bench: Bench) -> None:
    path = bench.path / f"{channel(1)}.wav"
    sound(path, seconds=0.2)
    whole = sound(bench.path.parent / "whole.wav", seconds=0.6).read_bytes()
    importing = bench.importing(Given(known(1)), wait_seconds=30, settle_seconds=0.5)
    grown = iter([len(whole) // 2, len(whole)])

    def grow(wants: Sequence[object] = ()) -> None:
        if (size := next(grown, None)) is not None:
            path.write_bytes(whole[:size])

    bench.told.progress = lambda progress: grow()  # type: ignore[method-assign]  # told after each look
    outcome = importing.run()
    assert (outcome.taken, outcome.waiting, outcome.refused) == (1, 0, 0)
    assert outcome.audio_seconds == pytest.approx(0.6)


def test_a_file_that_does_not_settle_is_left_and_named(bench: Bench) -> None:
    bench.sound(f"{channel(1)}-rx.wav")
    bench.sound(f"{channel(1)}-tx.wav", age=0)
    outcome = bench.run(Given(known(1)), settle_seconds=60)
    # Both wait: half a call would be taken for a call with one side.
    assert (outcome.waiting, outcome.taken) == (2, 0)
    assert set(notes(outcome).values()) == {"telephony.file.growing"}
    assert len(list(bench.path.iterdir())) == 2


def test_what_cannot_be_taken_is_named_and_left_and_the_rest_is_taken(bench: Bench) -> None:
    bench.sound(f"{channel(1)}.wav")
    for name, raw in {"empty.wav": b"", "text.wav": b"words of Naledi", "cut.wav": sound_bytes(bench)[:300]}.items():
        (bench.path / name).write_bytes(raw)
        bench.age(bench.path / name, 3600)
    (bench.path / "out.wav").symlink_to("/etc/hostname")
    outcome = bench.run(Given(known(1)))
    refused = codes(outcome)
    assert refused.pop("empty.wav") == "telephony.file.empty"
    assert refused.pop("out.wav") == "telephony.file.link"
    assert refused.pop("text.wav").startswith("archive.sound.")
    assert refused.pop("cut.wav", "archive.sound.").startswith("archive.sound.")
    assert refused == {}
    assert {remark.file for remark in bench.told.refusals} == {remark.file for remark in outcome.refusals}
    assert len(list(bench.path.iterdir())) == 5
    assert not outcome.complete
    assert all("Naledi" not in str(remark.error) for remark in outcome.refusals)


def sound_bytes(bench: Bench) -> bytes:
    return sound(bench.path.parent / "some.wav", pitch=555).read_bytes()


def test_a_broken_half_is_refused_alone_and_the_other_is_taken_and_noted(bench: Bench) -> None:
    bench.sound(f"{channel(1)}-rx.wav")
    bad = bench.path / f"{channel(1)}-tx.wav"
    bad.write_bytes(b"RIFF")
    bench.age(bad, 3600)
    outcome = bench.run(Given(known(1)))
    assert list(codes(outcome)) == [bad.name]
    assert outcome.taken == 1
    assert notes(outcome) == {f"{channel(1)}-rx.wav": "telephony.half.alone"}
    assert bench.legs(bench.calls()[0].call) == ["caller"]


def test_lines_of_the_records_that_cannot_be_read_are_told_of_without_a_file(bench: Bench) -> None:
    bench.sound(f"{channel(1)}.wav")
    records = Given(known(1))
    records.refused.append(BadInput("telephony.record.unreadable", "Line 7 cannot be read.", remedy="Mend it."))
    outcome = bench.run(records)
    assert codes(outcome) == {"": "telephony.record.unreadable"}
    assert outcome.taken == 1


def test_a_wrong_zone_is_noticed_by_the_ids_of_the_channels_and_said_once(bench: Bench) -> None:
    late = [replace(known(n), facts=replace(known(n).facts, started_at=at(n, 7200))) for n in range(8)]
    for n in range(8):
        bench.sound(f"day{n % 2}/{channel(n)}.wav", pitch=300 + 40 * n, seconds=0.1)
    outcome = bench.run(Given(*late))
    assert outcome.taken == 8
    assert [remark.error.code for remark in outcome.notes] == ["telephony.zone.doubtful"]
    assert "2 hours later" in outcome.notes[0].error.what


def test_a_dry_run_says_what_it_would_do_and_does_nothing(bench: Bench) -> None:
    bench.sound(f"{channel(1)}-rx.wav")
    bench.sound(f"{channel(1)}-tx.wav")
    (bench.path / "empty.wav").touch()
    bench.age(bench.path / "empty.wav", 3600)
    outcome = bench.run(Given(known(1)), dry=True, move=True)
    assert (outcome.taken, outcome.calls, outcome.refused) == (2, 1, 1)
    assert bench.calls() == []
    assert bench.taker.taken == []
    assert len(list(bench.path.iterdir())) == 3


def test_many_files_go_by_slices_and_every_half_finds_its_other(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "SLICE_FILES", 5)
    monkeypatch.setattr(engine, "AHEAD", 3)
    for n in range(8):
        bench.sound(f"{channel(n)}-rx.wav", pitch=300 + n, seconds=0.1)
        bench.sound(f"{channel(n)}-tx.wav", pitch=600 + n, seconds=0.1)
    records = Given(*map(known, range(8)))
    asked: list[list[str]] = []
    records.before = lambda wants: asked.append([want.file for want in wants])
    outcome = bench.importing(records).run(counted=True)
    assert (outcome.taken, outcome.calls) == (16, 8)
    assert notes(outcome) == {}
    assert [len(some) for some in asked] == [3, 3, 2]
    assert list(chain.from_iterable(asked)) == [channel(n) for n in range(8)]  # in the order of time
    last = bench.told.progresses[-1]
    assert (last.files, last.of_files, last.bytes) == (16, 16, last.of_bytes)
    assert last.audio_seconds == pytest.approx(1.6)


def test_parts_of_one_call_in_two_folders_make_one_call(bench: Bench) -> None:
    for n in range(4):
        bench.sound(f"day{n}/x{n}.wav", pitch=300 + 50 * n)
    outcome = bench.run(Given(known(1, files=("x0", "x1", "x2", "x3"))), workers=4)
    assert (outcome.taken, outcome.calls) == (4, 1)
    assert bench.legs(bench.calls()[0].call) == ["both"] * 4


def test_a_hostile_name_is_taken_and_shown_harmlessly(bench: Bench) -> None:
    bench.sound("a\x1b[2J\nb.wav")
    bench.sound("\udcff\udcfe.wav", pitch=500)
    (bench.path / "\x1b[31m\u202ebad.wav").touch()
    bench.age(bench.path / "\x1b[31m\u202ebad.wav", 3600)
    outcome = bench.run()
    assert outcome.taken == 2
    assert list(codes(outcome)) == [r"\u{1b}[31m\u{202e}bad.wav"]


def test_the_records_are_asked_about_the_time_in_the_names(bench: Bench) -> None:
    bench.sound("20261123-090000_447700900123-all.wav")
    seen: list[Want] = []
    records = Given()
    records.before = seen.extend
    bench.run(records)
    assert [(want.at, want.sure) for want in seen] == [(START, True)]


def test_a_folder_that_goes_away_in_the_middle_is_no_disaster(bench: Bench, tmp_path: Path) -> None:
    bench.sound("a/x.wav")
    bench.sound("b/y.wav")
    importing = bench.importing()
    (bench.path / "b").rename(tmp_path / "b")
    assert importing.run().taken == 1


def test_time_does_not_go_by_where_there_is_nothing_to_wait_for(bench: Bench) -> None:
    bench.sound("x.wav")
    began = time.monotonic()
    bench.run(wait_seconds=600)
    assert time.monotonic() - began < 300
