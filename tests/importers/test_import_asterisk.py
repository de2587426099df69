"""What a real Asterisk left behind: recordings, Master.csv and CEL, imported and understood."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from importing import Bench

from asterisk.fixture import NALEDI, Morning
from asterisk.lab import Lab
from imvume.calls.search import Question, find
from imvume.telephony.importers.sources import open_records

pytestmark = pytest.mark.asterisk


def test_a_real_morning_is_imported_call_by_call(asterisk: Lab, asterisk_calls: Morning, bench: Bench) -> None:
    bench.path = asterisk.monitor
    records = open_records(
        "asterisk", [str(asterisk.cdr), str(asterisk.cel)], source="lab", zone=ZoneInfo("UTC"), region="ZA"
    )
    try:
        outcome = bench.run(records, zone=ZoneInfo("UTC"), source="lab", wait_seconds=60, settle_seconds=1)
    finally:
        records.close()
    placed = (asterisk_calls.naledi, asterisk_calls.withheld, asterisk_calls.unannounced, asterisk_calls.out)
    assert outcome.complete, [(remark.file, remark.error.code) for remark in outcome.refusals + outcome.notes]
    assert outcome.taken == sum(len(call.recordings) for call in placed)
    rows = {bench.row(call.call)["source_ref"]: call for call in bench.calls()}
    assert set(rows) == {call.linked_id for call in placed}

    inward, outward = rows[asterisk_calls.naledi.linked_id], rows[asterisk_calls.out.linked_id]
    assert (inward.direction, outward.direction) == ("in", "out")
    assert [(person.role, person.kind) for person in inward.people] == [("caller", "phone"), ("agent", "extension")]
    assert [(person.role, person.kind) for person in outward.people] == [("caller", "phone"), ("agent", "extension")]
    assert inward.people[1].shown == "201"
    assert rows[asterisk_calls.withheld.linked_id].people[0].kind == "withheld"
    assert all(bench.legs(call.call) == ["agent", "both", "caller"] for call in rows.values())
    assert all(call.disposition == "answered" for call in rows.values())

    with bench.house.database.transaction(bench.tenant) as tx:
        page = find(tx, bench.house.vault, Question(who=NALEDI), limit=10)
    assert [call.call for call in page.calls] == [inward.call]


def test_whose_voice_it_is_follows_who_dialled(asterisk: Lab, asterisk_calls: Morning, bench: Bench) -> None:
    from imvume.telephony.importers import match

    records = open_records(
        "asterisk", [str(asterisk.cdr), str(asterisk.cel)], source="lab", zone=ZoneInfo("UTC"), region="ZA"
    )
    bench.path = asterisk.monitor
    importing = bench.importing()
    folder = importing._folder
    entries = [
        entry
        for parts, names in folder.walk(print)
        for entry in folder.look(parts, names, print)  # type: ignore[arg-type]  # told to nobody
    ]
    found = match.recordings(entries)
    told = records.find([match.want(recording, ZoneInfo("UTC")) for recording in found])
    groups, left = match.calls(found, told, zone=ZoneInfo("UTC"), mark=lambda recording: "mark")
    records.close()
    assert left == []
    roles = {(group.facts.source_ref, part.entry.name): part.role for group in groups for part in group.parts}
    for call, rx in ((asterisk_calls.naledi, "caller"), (asterisk_calls.out, "agent")):
        assert roles[call.linked_id, call.recordings["rx"].name] == rx
        assert roles[call.linked_id, call.recordings["tx"].name] == {"caller": "agent", "agent": "caller"}[rx]
        assert roles[call.linked_id, call.recordings["mix"].name] == "both"
