"""The legs of one call told as a call: which way, who, when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pbx import NALEDI, START, STRANGER, ZONE, cdr, channel, event
from pbx import at as moment

from imvume.calls.facts import CallFacts
from imvume.telephony.importers import legs, translate
from imvume.telephony.importers.translate import Record


def call(*rows: dict[str, object], cel: list[dict[str, object]] | None = None) -> Record:
    read = [leg for row in rows if (leg := legs.leg(row, ZONE))]
    events = [e for row in cel or [] if (e := legs.event(row, ZONE))]
    return translate.call(read, events, source="pbx", region="ZA", outside="9")


def people(facts: CallFacts) -> list[tuple[str, str]]:
    return [(party.role, party.value) for party in facts.parties]


def outward(n: int, **given: object) -> dict[str, object]:
    row = cdr(
        n,
        src="101",
        cnum="101",
        clid='"Sipho" <101>',
        did="",
        dst="90825550100",
        dcontext="from-internal",
        channel=f"PJSIP/101-{n:08x}",
        dstchannel=f"PJSIP/trunk-{n:08x}",
        lastapp="Dial",
        lastdata="PJSIP/90825550100@trunk,300,Tb(func-apply-sipheaders^s^1)",
        outbound_cnum="0101234567",
    )
    return row | given


def test_a_call_out_by_a_trunk_with_prefix_nine_is_to_who_was_dialled() -> None:
    record = call(outward(1))
    assert record.facts.direction == "out"
    assert people(record.facts) == [("caller", "+27825550100"), ("agent", "101")]
    assert record.sides == {channel(1): "agent"}


def test_a_call_out_is_known_without_freepbxs_columns() -> None:
    assert call(outward(1, outbound_cnum="", cnum="")).facts.direction == "out"


def test_a_call_between_two_of_ours_is_internal() -> None:
    record = call(outward(1, dst="102", dstchannel="PJSIP/102-0000000b", outbound_cnum=""))
    assert record.facts.direction == "internal"
    assert people(record.facts) == [("caller", "101"), ("agent", "102")]
    assert record.sides == {channel(1): "caller"}


def test_a_did_is_our_own_number_and_nobodys_on_the_call() -> None:
    record = call(cdr(1, dst="0101234567", dcontext="from-trunk", lastapp="Dial", lastdata="PJSIP/101,20,t"))
    assert record.facts.direction == "in"
    assert people(record.facts) == [("caller", NALEDI), ("agent", "101")]
    assert record.facts.queue is None


def test_a_queue_that_nobody_answered_has_no_agent() -> None:
    record = call(cdr(1, dstchannel="", disposition="NO ANSWER", billsec=0))
    assert people(record.facts) == [("caller", NALEDI)]
    assert (record.facts.queue, record.facts.disposition, record.facts.answered_at) == ("600", "no-answer", None)


@pytest.mark.parametrize("hidden", ["anonymous", "Anonymous", "unknown"])
def test_a_hidden_caller_is_withheld(hidden: str) -> None:
    record = call(cdr(1, src=hidden, cnum=hidden, clid=f'"Anonymous" <{hidden}>'))
    assert [(p.kind, p.value) for p in record.facts.parties] == [("withheld", ""), ("extension", "101")]


def test_an_extension_with_a_name_for_a_name_is_told_by_what_was_dialled() -> None:
    record = call(
        cdr(1, dstchannel="PJSIP/sipho-00000002", lastapp="Dial", lastdata="PJSIP/sipho,20", dst="0101234567")
    )
    assert people(record.facts) == [("caller", NALEDI), ("agent", "sipho")]


def test_a_transfer_to_somebodys_mobile_brings_another_in() -> None:
    second = outward(2, linkedid=channel(1), dst=f"9{STRANGER.replace('+', '00')}", outbound_cnum="")
    record = call(cdr(1), second)
    assert people(record.facts) == [("caller", NALEDI), ("agent", "101"), ("other", STRANGER)]


def test_an_attended_transfer_names_both_agents_once() -> None:
    second = outward(2, linkedid=channel(1), dst="102", dstchannel="PJSIP/102-0000000b", outbound_cnum="")
    third = cdr(3, uniqueid=channel(1), dst="102", dstchannel="PJSIP/102-0000000b")
    assert people(call(cdr(1), second, third).facts) == [("caller", NALEDI), ("agent", "101"), ("agent", "102")]


def test_the_order_of_the_rows_does_not_matter() -> None:
    rows = [
        cdr(1),
        outward(2, linkedid=channel(1), dst="102", dstchannel="PJSIP/102-0000000b", outbound_cnum=""),
        cdr(3),
    ]
    assert call(*rows).facts == call(*reversed(rows)).facts


def test_cel_tells_whose_voice_comes_from_a_second_channel() -> None:
    cel = [event(1, "CHAN_START", 1, channame="PJSIP/trunk-0a"), event(2, "CHAN_START", 1)]
    assert call(cdr(1), cel=cel).sides == {channel(1): "caller", channel(2): "agent"}


def test_an_id_in_which_anything_may_stand_is_no_reference() -> None:
    for strange in ("Naledi M", "+447700900123", "447700900123", "x" * 101, "a\nb"):
        assert call(cdr(1, uniqueid=strange, linkedid=strange)).facts.source_ref == ""
    assert call(cdr(1, uniqueid="lab-1795454901.4", linkedid="lab-1795454901.4")).facts.source_ref == "lab-1795454901.4"


def test_the_hour_that_comes_twice_is_told_apart_by_the_channels_id() -> None:
    paris = ZoneInfo("Europe/Paris")
    late = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)  # 02:30 in Paris for the second time
    row = cdr(1, calldate="2026-10-25 02:30:00", uniqueid=f"{int(late.timestamp())}.7")
    leg = legs.leg(row, paris)
    assert leg is not None
    assert leg.start == late
    early = legs.leg(cdr(1, calldate="2026-10-25 02:30:00", uniqueid="x"), paris)
    assert early is not None
    assert early.start == late - timedelta(hours=1)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-11-23 09:00:00", START),
        ("2026-11-23 09:00:00.250", START + timedelta(milliseconds=250)),
        ("2026-11-23T07:00:00+00:00", START),
        (str(START.timestamp()), START),
        (START, START),
        (START.astimezone(ZONE).replace(tzinfo=None), START),
        (b"2026-11-23 09:00:00", START),
        ("0000-00-00 00:00:00", None),
        ("", None),
        (None, None),
        ("yesterday", None),
        ("0001-01-01 00:00:00", None),
        ("9999-12-31 23:59:59", "any"),
    ],
)
def test_an_instant_is_read_from_any_column(written: object, read: object) -> None:
    found = legs.instant(written, ZONE)
    assert found == read or read == "any"


def test_a_row_without_uniqueid_is_named_by_its_second_and_its_channels_counter() -> None:
    leg = legs.leg(cdr(1, uniqueid="", linkedid=""), ZONE)
    assert leg is not None
    assert leg.uniqueid == f"{int(moment(1).timestamp())}-00000001"


def test_mixmonitors_arguments_name_mix_and_legs() -> None:
    data = "/var/spool/asterisk/monitor/2026/x.wav,r(/tmp/x-rx.wav)t(y-tx.wav)i(ID)b,/bin/done ^{X}"
    assert list(translate.mixmonitor(data)) == ["x", "x", "y"]
    assert list(translate.mixmonitor(",b")) == []


_TEXT = st.text(max_size=80)
_CELLS = st.one_of(_TEXT, st.none(), st.integers(), st.binary(max_size=80), st.datetimes(), st.floats())
_COLUMNS = [*cdr(1), "start", "answer", "end", "userfield", "eventtype", "eventtime", "channame", "appname", "appdata"]


@given(
    st.lists(st.dictionaries(st.sampled_from(_COLUMNS), _CELLS), min_size=1, max_size=4),
    st.lists(st.dictionaries(st.sampled_from(_COLUMNS), _CELLS), max_size=4),
)
def test_any_rows_are_a_call_or_none(rows: list[dict[str, object]], cel: list[dict[str, object]]) -> None:
    read = [leg for row in rows if (leg := legs.leg(cdr(1) | row, ZONE))]
    events = [e for row in cel if (e := legs.event(event(1, "ANSWER", 1) | row, ZONE))]
    if read or events:
        facts = translate.call(read, events, source="pbx", region="ZA", outside="9").facts
        assert facts.started_at.tzinfo is not None
        assert facts.source_ref == "" or translate.REF.match(facts.source_ref)
        assert len(facts.parties) <= translate.PARTIES_MAX
        assert facts.queue is None or facts.queue.isprintable()
