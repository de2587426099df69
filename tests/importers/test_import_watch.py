"""Folders that the worker keeps an eye on."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from importing import Bench
from pbx import channel
from test_import_csv import master

from imvume.basics import clock
from imvume.config import Watch
from imvume.errors import BadInput, ImvumeError, NotFound
from imvume.telephony.importers import watch as watching
from imvume.telephony.importers.watch import Watcher, duties


class Eye:
    """A watcher of the bench's folder, with a clock that a test moves."""

    def __init__(self, bench: Bench, **given: object) -> None:
        self.bench, self.ticks = bench, 0.0
        self.house = replace(bench.house, config=replace(bench.house.config, settle_seconds=5))
        values: dict[str, object] = {"folder": str(bench.path), "kind": "asterisk", "name": "durban-2"}
        self.watcher = Watcher(
            Watch(**(values | given)),  # type: ignore[arg-type]  # a test's own
            stop=threading.Event(),
            ticks=lambda: self.ticks,
        )

    def look(self, later: float = 10.0) -> int:
        """Look once more, some seconds later; answers how many calls there are then."""
        self.ticks += later
        # The first tenant is whose the watched folders are; in this database there are others' tests.
        self.watcher.run(self.house, clock.now() + timedelta(seconds=self.ticks))
        return len(self.bench.calls())


@pytest.fixture
def eye(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[Eye]:
    made = own(bench, monkeypatch)
    yield made
    made.watcher.close()


def own(bench: Bench, monkeypatch: pytest.MonkeyPatch, **given: object) -> Eye:
    every = watching.tenants.tenants
    monkeypatch.setattr(
        watching.tenants, "tenants", lambda tx: [one for one in every(tx) if one.tenant_id == bench.tenant]
    )
    return Eye(bench, **given)


def test_what_is_new_is_taken_and_what_is_old_is_not_taken_again(eye: Eye) -> None:
    assert eye.look() == 0
    eye.bench.sound("a/x.wav")
    assert eye.look() == 1
    eye.bench.sound("a/y.wav", pitch=500)
    eye.bench.sound("b/z.wav", pitch=600)
    assert eye.look() == 3
    assert eye.look() == 3


def test_a_growing_file_is_taken_by_a_later_look(eye: Eye) -> None:
    path = eye.bench.sound("x.wav", age=-60)  # of a clock a minute ahead of ours
    assert eye.look() == 0
    eye.bench.age(path, -61)
    assert eye.look(3) == 0
    assert eye.look(3) == 0
    assert eye.look(3) == 1


def test_a_folder_in_which_nothing_changed_is_passed_over(eye: Eye) -> None:
    for name in ("old/x.wav", "new/y.wav"):
        eye.bench.sound(name, pitch=len(name) * 50)
    for folder in ("old", "new"):
        eye.bench.age(eye.bench.path / folder, 3600)
    assert eye.look() == 2
    asked: list[int] = []
    seen = eye.bench.taker.inner.seen
    assert eye.watcher._open is not None
    eye.watcher._open.importing._taker.seen = lambda marks: asked.append(len(marks)) or seen(marks)  # type: ignore[method-assign, func-returns-value]
    eye.look()
    assert asked == []
    eye.bench.sound("new/z.wav", pitch=900)
    assert eye.look() == 3
    assert asked == [2]
    eye.look(watching.WHOLE_LOOK_SECONDS)
    assert sorted(asked) == [1, 2, 2]


def test_what_was_refused_is_not_tried_at_every_look(eye: Eye, bench: Bench) -> None:
    bad = bench.path / "bad.wav"
    bad.write_bytes(b"no sound at all")
    bench.age(bad, 3600)
    eye.look()
    assert eye.watcher._open is not None
    assert eye.watcher._open.importing._tally.outcome.refused == 1
    bench.sound("good.wav")
    assert eye.look() == 1
    assert eye.watcher._open.importing._tally.outcome.refused == 0
    bench.sound("bad.wav", pitch=500)
    assert eye.look() == 1  # mended in place: its folder does not show it
    assert eye.look(watching.WHOLE_LOOK_SECONDS) == 2


def test_records_in_a_file_that_grows_are_followed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    master_csv = tmp_path / "Master.csv"
    master_csv.write_text(master(1))
    eye = own(bench, monkeypatch, records=str(master_csv))
    bench.sound(f"{channel(1)}.wav")
    assert eye.look() == 1
    bench.sound(f"{channel(2)}.wav", age=60, pitch=500)
    assert eye.look() == 1  # it waits for its record
    with master_csv.open("a") as more:
        more.write(master(2))
    assert eye.look() == 2
    assert [call.disposition for call in bench.calls()] == ["answered", "answered"]
    assert bench.row(bench.calls()[0].call)["source"] == "durban-2"
    eye.watcher.close()


def test_sources_are_moved_only_where_the_settings_say_so(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.sound("x.wav")
    kept = own(bench, monkeypatch)
    assert kept.look() == 1
    kept.watcher.close()
    assert len(os.listdir(bench.path)) == 1
    moved = Eye(bench, move=True)
    assert moved.look() == 1
    moved.watcher.close()
    assert os.listdir(bench.path) == []


def test_what_keeps_it_from_looking_is_raised_and_the_next_look_begins_anew(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for given, kind in [
        ({"folder": str(bench.path / "none")}, NotFound),
        ({"records": str(bench.path / "none.csv")}, NotFound),
        ({"kind": "avaya"}, BadInput),
        ({"name": "a name"}, BadInput),
        ({"zone": "Africa/Nowhere"}, BadInput),
    ]:
        eye = own(bench, monkeypatch, **given)
        with pytest.raises(kind):
            eye.look()
        assert eye.watcher._open is None
    eye = own(bench, monkeypatch, folder=str(bench.path / "late"))
    with pytest.raises(ImvumeError):
        eye.look()
    bench.sound("late/x.wav")
    assert eye.look() == 1
    eye.watcher.close()


def test_a_look_that_took_long_is_followed_by_a_rest(eye: Eye, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0
    look = eye.watcher._look

    def slow(*given: object) -> object:
        nonlocal looks
        looks += 1
        eye.ticks += 100
        return look(*given)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(eye.watcher, "_look", slow)
    eye.look()
    eye.look()
    assert looks == 1
    eye.look(watching.REST * 100)
    assert looks == 2


def test_there_is_a_duty_for_each_watched_folder(bench: Bench) -> None:
    config = replace(bench.house.config, watch=(Watch(folder="/a"), Watch(folder="/b")), settle_seconds=30)
    found = duties(replace(bench.house, config=config))
    assert [(duty.name, duty.every_seconds) for duty in found] == [("watch.0", 15.0), ("watch.1", 15.0)]


def test_the_log_names_codes_and_counts_and_no_file(eye: Eye, bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    from imvume.basics import log

    log.configure()
    bench.sound("447700900123.wav")
    (bench.path / "447700900456.wav").touch()
    bench.age(bench.path / "447700900456.wav", 3600)
    eye.look()
    said = capsys.readouterr().err
    assert "recordings taken" in said
    assert "telephony.file.empty" in said
    assert "7700" not in said
    assert time.strftime("%Y") in said
