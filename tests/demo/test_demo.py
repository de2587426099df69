"""The demo is a month that a real contact centre could have had, and that nobody did."""

from __future__ import annotations

import csv
import hashlib
import tomllib
import wave
from collections import Counter
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import numpy as np
import phonenumbers
import pytest

from asterisk.speech import heard
from imvume import demo
from imvume.archive.sound.g711 import ULAW
from imvume.demo import records
from imvume.demo.diary import DAYS, LONGEST, ZONE, Planned, plan
from imvume.demo.script import RATE, Samples, Script, load
from imvume.demo.sound import perform
from imvume.errors import BadInput
from imvume.telephony.importers import match
from imvume.telephony.importers.folder import Folder
from imvume.telephony.importers.sources import open_records

UNTIL = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
CALLS = 40


@pytest.fixture(scope="module")
def script() -> Script:
    return load()


@pytest.fixture(scope="module")
def month(script: Script) -> list[Planned]:
    return plan(script, calls=300, until=UNTIL, seed=7)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    demo.make(folder, calls=CALLS, until=UNTIL, seed=7)
    return folder


def samples(path: Path) -> Samples:
    with wave.open(str(path)) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (RATE, 1, 2)
        return np.frombuffer(sound.readframes(sound.getnframes()), "<i2")


def loudness(sound: np.ndarray) -> float:
    """In decibels below full scale."""
    return float(20 * np.log10(np.sqrt(np.mean(sound.astype(np.float64) ** 2)) / 32768))


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def digest(folder: Path) -> dict[str, tuple[str, int]]:
    return {
        str(path.relative_to(folder)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_same_seed_makes_the_same_month_and_another_seed_another(tmp_path: Path) -> None:
    for name, seed in (("one", 3), ("again", 3), ("other", 4)):
        demo.make(tmp_path / name, calls=6, until=UNTIL, seed=seed)
    one, again, other = (digest(tmp_path / name / "monitor") for name in ("one", "again", "other"))

    assert one == again
    assert not set(one) & set(other)
    assert (tmp_path / "one/Master.csv").read_bytes() == (tmp_path / "again/Master.csv").read_bytes()
    assert (tmp_path / "one/cel.csv").read_bytes() == (tmp_path / "again/cel.csv").read_bytes()


def test_every_recording_decodes_and_is_what_a_g711_trunk_would_have_carried(folder: Path) -> None:
    recordings = sorted((folder / "monitor").rglob("*.wav"))

    assert len(recordings) > CALLS * 3 // 2
    for path in recordings:
        assert ULAW.exact[samples(path).view(np.uint16)].all()


def test_both_legs_of_a_call_are_as_long_and_as_loud_as_speech_on_a_telephone(folder: Path) -> None:
    for path in (folder / "monitor").rglob("*-rx.wav"):
        legs = [path, path.with_name(path.name.replace("-rx", "-tx"))]
        sounds = [samples(leg).astype(np.int32) for leg in legs if leg.exists()]
        assert len({len(sound) for sound in sounds}) == 1
        for sound in sounds:
            assert -45 < loudness(sound) < -12
            assert np.max(np.abs(sound)) < 32_000


def test_each_voice_is_on_its_own_leg(script: Script, month: list[Planned]) -> None:
    planned = next(p for p in month if p.scene.name == "new cover" and p.notice == "first" and p.cut is None)
    call = perform(script, planned, seed=7)
    agent = script.clip(planned.agent.key, "en", "greet", "")
    customer = script.clip(planned.customer.key, "en", "quote-open", "")

    for words, own, other in ((agent, call.tx, call.rx), (customer, call.rx, call.tx)):
        score, at = heard(words, own)
        then = slice(round(at * RATE), round(at * RATE) + len(words))
        assert score > 0.8
        # Not silence on the other leg: there is a room around every microphone, and at times an echo.
        assert loudness(other[then]) < loudness(own[then]) - 12


def test_of_a_call_out_without_notice_the_agent_is_on_rx_because_he_dialled(
    script: Script, month: list[Planned]
) -> None:
    planned = next(p for p in month if p.recorded_at_agent and p.scene.language == "en" and p.cut is None)
    call = perform(script, planned, seed=7)

    assert heard(script.clip(planned.agent.key, "en", "ask-for", planned.customer.key), call.rx)[0] > 0.9
    assert heard(script.clip(planned.customer.key, "en", "hello", ""), call.tx)[0] > 0.7


def test_whoever_rings_in_hears_that_the_call_is_recorded_before_the_agent_speaks(
    script: Script, month: list[Planned]
) -> None:
    announced = [p for p in month if p.scene.direction == "in" and p.notice != "never"][:12]
    for planned in announced:
        call = perform(script, planned, seed=7)
        words = script.clip(
            "announcer", planned.scene.language, "waiting" if planned.notice == "first" else "notice", ""
        )
        score, at = heard(words, call.tx)
        _, spoke = heard(script.clip(planned.agent.key, planned.scene.language, "greet", ""), call.tx)
        assert score > 0.9
        assert at + len(words) / RATE < spoke
        assert call.announced is not None
        assert call.announced[1] < call.joined


def test_the_events_say_the_same_to_the_microsecond(folder: Path) -> None:
    first: dict[str, dict[str, float]] = {}
    for row in rows(folder / "cel.csv"):
        name = f"{row[0]} {row[10]}" if row[0].startswith(("APP", "STREAM")) else row[0]
        first.setdefault(row[15], {}).setdefault(name, float(row[1]))
    told = [call for call in first.values() if "STREAM_BEGIN Playback" in call]

    assert len(told) > CALLS / 2
    for call in told:
        assert call["STREAM_BEGIN Playback"] < call["STREAM_END Playback"] < call["BRIDGE_ENTER"]
    properly = [call for call in told if call["STREAM_END Playback"] < call["APP_START MixMonitor"]]
    assert len(properly) > len(told) * 0.8


def test_every_recording_has_its_record_and_every_record_its_recording(folder: Path) -> None:
    calls = {row[16] for row in rows(folder / "Master.csv")}
    call_of = {row[14]: row[15] for row in rows(folder / "cel.csv")}
    recorded = {call_of[path.stem.rpartition("-")[0]] for path in (folder / "monitor").rglob("*.wav")}

    assert len(calls) == CALLS
    assert recorded == calls


def test_the_importer_tells_whose_voice_is_on_every_leg(folder: Path, script: Script) -> None:
    def none(path: str, error: Exception) -> None:
        raise AssertionError(path) from error

    tables = [str(folder / "Master.csv"), str(folder / "cel.csv")]
    records_of = open_records("asterisk", tables, source="pbx", zone=ZONE, region="ZA")
    monitor = Folder(folder / "monitor")
    entries = [entry for parts, names in monitor.walk(none) for entry in monitor.look(parts, list(names), none)]
    found = match.recordings(entries)
    told = records_of.find([match.want(recording, ZONE) for recording in found])
    groups, left = match.calls(found, told, zone=ZONE, mark=lambda recording: "")
    records_of.close()

    assert (len(groups), left) == (CALLS, [])
    planned = {p.at.replace(microsecond=0): p for p in plan(script, calls=CALLS, until=UNTIL, seed=7)}
    for group in groups:
        call = planned[group.facts.started_at]
        rx, tx = ("agent", "caller") if call.recorded_at_agent else ("caller", "agent")
        assert {part.role for part in group.parts} == {rx if leg == "rx" else tx for leg in call.legs}
        assert group.facts.direction == call.scene.direction
        assert [(p.role, p.kind) for p in group.facts.parties] == [
            ("caller", "withheld" if call.number == "anonymous" else "phone"),
            ("agent", "extension"),
        ]


def test_a_month_has_all_that_a_real_one_has(month: list[Planned]) -> None:
    for kinds in (
        Counter(str(p.notice) for p in month),
        Counter(str(p.scene.direction) for p in month),
        Counter(p.scene.language for p in month),
        Counter(len(p.legs) for p in month),
    ):
        assert len(kinds) >= 2
        assert min(kinds.values()) >= 5
    assert sum(p.number == "anonymous" for p in month) >= 5
    assert sum(p.cut is not None for p in month) >= 5
    assert max(Counter(p.number for p in month if p.number != "anonymous").values()) >= 5


def test_calls_begin_at_working_hours_and_no_agent_is_on_two_at_once(month: list[Planned]) -> None:
    ends: dict[str, datetime] = {}
    twice = 0
    for planned in month:
        local = planned.at.astimezone(ZONE)
        assert local.weekday() < 6
        assert 8 <= local.hour < (17 if local.weekday() < 5 else 12)
        assert UNTIL - timedelta(days=DAYS) <= planned.at < UNTIL - LONGEST
        twice += planned.at < ends.get(planned.agent.key, planned.at)
        ends[planned.agent.key] = planned.at + LONGEST
    assert twice == 0


def test_more_calls_than_four_agents_can_take_are_refused(script: Script) -> None:
    with pytest.raises(BadInput, match="cannot take 3001 calls"):
        plan(script, calls=3_001, until=UNTIL, seed=7)


def test_no_number_can_be_anybodys(month: list[Planned]) -> None:
    for text in {*(p.number for p in month), *records.DIALLED_IN.values()} - {"anonymous"}:
        number = phonenumbers.parse(text, "ZA")
        fiction = number.country_code == 44 and 7_700_900_000 <= (number.national_number or 0) <= 7_700_900_999
        invented = number.country_code == 27 and not phonenumbers.is_valid_number(number)
        assert fiction or invented
        assert phonenumbers.is_possible_number(number)


def test_every_line_of_the_dialogue_was_spoken_and_all_of_it_is_small(script: Script) -> None:
    folder = files("imvume").joinpath("demo")
    table = tomllib.loads(folder.joinpath("dialogue.toml").read_text("utf-8"))
    for voice in script.voices.values():
        for language in voice.languages:
            for key in table[voice.side][language]:
                for them in script.cast("customer", language):
                    assert len(script.clip(voice.key, language, key, them.key)) > RATE // 10
    for scene in script.scenes:
        assert script.cast("agent", scene.language)
        for part in scene.turns:
            for turn in part.removeprefix("?").split("; "):
                who, _, keys = turn.partition(" ")
                side = {"A": "agent", "C": "customer", "hold": ""}[who]
                assert not side or all(key in table[side][scene.language] for key in keys.split("|"))
    assert sum(path.stat().st_size for path in Path(str(folder)).rglob("speech/*")) < 2_500_000


def test_no_customer_sounds_like_an_agent(script: Script) -> None:
    table = tomllib.loads(files("imvume").joinpath("demo", "dialogue.toml").read_text("utf-8"))["voice"]
    for language in ("en", "af"):
        agents = [table[voice.key] for voice in script.cast("agent", language)]
        for voice in script.cast("customer", language):
            mine = table[voice.key]
            for theirs in agents:
                assert mine["espeak"][language] != theirs["espeak"][language]
                assert abs(mine["pitch"] - theirs["pitch"]) >= 8
