"""Which record belongs to which file, and which files are one call."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from pbx import NALEDI, ZONE, at, channel

from imvume.calls.facts import NO_RECORD, CallFacts
from imvume.telephony.importers import match
from imvume.telephony.importers.folder import Entry
from imvume.telephony.importers.match import Group, Recording
from imvume.telephony.importers.translate import Record


def entry(name: str, *, ago: float = 0, parts: tuple[str, ...] = ()) -> Entry:
    return Entry(parts, name, 1, abs(hash(name)), 10, int(at(1, 60 - ago).timestamp() * 1e9))


def record(n: int, *, files: tuple[str, ...] = (), **given: object) -> Record:
    facts = CallFacts("pbx", channel(n), at(n), direction="in")
    values: dict[str, object] = {
        "facts": facts,
        "ids": frozenset({channel(n)}),
        "files": frozenset(files),
        "sides": {channel(n): "caller"},
        "origin": channel(n),
    }
    return Record(**(values | given))  # type: ignore[arg-type]  # a test's own


def calls(names: list[str], *records: Record) -> tuple[list[Group], list[Recording]]:
    found = match.recordings([entry(name) for name in names])
    return match.calls(found, records, zone=ZONE, mark=lambda recording: "mark")


def roles(group: Group) -> dict[str, str]:
    return {part.entry.name: part.role for part in group.parts}


def test_halves_and_mix_are_one_call_with_a_role_each() -> None:
    id = channel(1)
    (group,), left = calls([f"{id}-rx.wav", f"{id}-tx.wav", f"{id}.wav"], record(1))
    assert roles(group) == {f"{id}-rx.wav": "caller", f"{id}-tx.wav": "agent", f"{id}.wav": "both"}
    assert not group.alone
    assert left == []


def test_on_an_agents_own_channel_the_halves_are_the_other_way_round() -> None:
    id = channel(1)
    (group,), _ = calls([f"{id}-rx.wav", f"{id}-tx.wav"], record(1, sides={id: "agent"}))
    assert roles(group) == {f"{id}-rx.wav": "agent", f"{id}-tx.wav": "caller"}
    assert {part.left for part in group.parts} == {"agent"}


def test_a_file_that_says_whose_it_is_is_believed() -> None:
    (group,), _ = calls(["x_caller.wav", "x_agent.wav"], record(1, files=("x",), sides={channel(1): "agent"}))
    assert roles(group) == {"x_caller.wav": "caller", "x_agent.wav": "agent"}


def test_a_call_out_without_a_word_on_its_channels_is_recorded_at_the_agents() -> None:
    facts = CallFacts("pbx", channel(1), at(1), direction="out")
    (group,), _ = calls(["x-rx.wav", "x-tx.wav"], record(1, files=("x",), facts=facts, sides={}))
    assert roles(group) == {"x-rx.wav": "agent", "x-tx.wav": "caller"}


def test_vicidials_halves_are_no_halves() -> None:
    (group,), _ = calls(["x-in.wav"], record(1, files=("x",), mixed=True))
    assert roles(group) == {"x-in.wav": "both"}
    assert not group.alone


def test_a_half_without_the_other_is_noted() -> None:
    (group,), _ = calls([f"{channel(1)}-rx.wav"], record(1))
    assert group.alone


def test_two_recordings_of_one_call_are_taken_together() -> None:
    (group,), _ = calls([f"{channel(1)}.wav", f"{channel(2)}.wav"], record(1, ids=frozenset({channel(1), channel(2)})))
    assert len(group.parts) == 2


def test_a_record_that_names_the_file_goes_before_one_that_shares_its_channel() -> None:
    named = record(5, files=(f"in-{channel(1)}",))
    (group,), _ = calls([f"in-{channel(1)}.wav"], record(1), named)
    assert group.facts.source_ref == channel(5)


def test_of_two_records_that_name_one_file_the_nearer_in_time_is_taken() -> None:
    old = record(9, files=("x",), facts=CallFacts("pbx", "old", at(1) - timedelta(days=400)))
    (group,), _ = calls(["x.wav"], old, record(1, files=("x",)))
    assert group.facts.source_ref == channel(1)


def test_a_call_without_an_id_of_its_own_is_named_by_a_mark() -> None:
    (group,), _ = calls(["x.wav"], record(1, files=("x",), facts=CallFacts("pbx", "", at(1))))
    assert group.facts.source_ref == "mark"


def test_a_file_without_a_record_is_left() -> None:
    groups, (left,) = calls([f"{channel(2)}.wav"], record(1))
    assert groups == []
    assert left.stem == channel(2)


def unrecorded(name: str, *, ago: float = 0, mixed: bool = False) -> Group:
    (recording,) = match.recordings([entry(name, ago=ago)])
    return match.unrecorded(recording, source="pbx", zone=ZONE, region="ZA", outside="9", mixed=mixed, mark="file-0123")


def test_without_a_record_a_freepbx_name_tells_what_it_knows() -> None:
    group = unrecorded(f"out-9{NALEDI.replace('+', '00')}-101-20261123-090100-{channel(1)}.wav")
    facts = group.facts
    assert (facts.source_ref, facts.disposition, facts.direction) == ("file-0123", NO_RECORD, "out")
    assert [(p.role, p.value) for p in facts.parties] == [("caller", NALEDI), ("agent", "101")]
    assert (facts.started_at, facts.ended_at) == (at(1), at(1, 60))


def test_without_a_record_a_plain_name_tells_only_its_time() -> None:
    facts = unrecorded("support.wav").facts
    assert (facts.direction, facts.parties, facts.started_at, facts.ended_at) == (None, (), at(1, 60), None)


def test_a_wall_clock_in_a_name_is_read_in_the_pbxs_zone_and_an_old_file_time_is_no_end() -> None:
    facts = unrecorded("20261123-090100_447700900123-all.wav", ago=-86_400).facts
    assert (facts.started_at, facts.ended_at) == (at(1), None)
    assert [p.value for p in facts.parties] == [NALEDI]


def test_a_dialler_without_records_still_has_both_voices_in_every_file() -> None:
    group = unrecorded("20261123-090100_447700900123-in.wav", mixed=True)
    assert [part.role for part in group.parts] == ["both"]
    assert not group.alone


def test_times_that_are_all_off_by_the_same_hours_are_doubted() -> None:
    def off(n: int, hours: float) -> Record:
        return record(n, facts=CallFacts("pbx", channel(n), at(n) + timedelta(hours=hours)))

    assert match.zone_doubt([off(n, 2) for n in range(5)]) == timedelta(hours=2)
    assert match.zone_doubt([off(n, -5.75) for n in range(5)]) == timedelta(hours=-5.75)
    assert match.zone_doubt([off(n, 0) for n in range(5)]) is None
    assert match.zone_doubt([off(n, n) for n in range(5)]) is None
    assert match.zone_doubt([off(n, 2) for n in range(2)]) is None
    assert match.zone_doubt([record(n, origin="") for n in range(5)]) is None


def test_what_to_ask_for_says_whether_the_time_can_be_trusted() -> None:
    named, plain = (match.want(*match.recordings([entry(name)]), ZONE) for name in (f"{channel(1)}.wav", "x.wav"))
    assert (named.at, named.sure, named.ids) == (at(1), True, (channel(1),))
    assert (plain.at, plain.sure, plain.ids) == (at(1, 60), False, ())


@given(st.lists(st.sampled_from([channel(1), channel(2), "x"]), max_size=4), st.data())
def test_every_file_is_in_one_call_or_left(stems: list[str], data: st.DataObject) -> None:
    halves = data.draw(st.lists(st.sampled_from(["", "-rx", "-tx", "-all", "-caller"]), min_size=1, max_size=4))
    names = sorted({f"{stem}{half}.wav" for stem in stems for half in halves})
    groups, left = calls(names, record(1), record(3, files=("x",)))
    taken = [part.entry.name for group in groups for part in group.parts]
    rest = [file.name for recording in left for file, _ in recording.files]
    assert sorted(taken + rest) == names
