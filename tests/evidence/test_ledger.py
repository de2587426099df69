"""What may be said in the log, and that nothing else can."""

from __future__ import annotations

import hashlib
import hmac
import json
import string
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any
from uuid import NAMESPACE_DNS, UUID, uuid3, uuid4, uuid5

import pytest
from a_log import AT, Log
from hypothesis import given
from hypothesis import strategies as st

from imvume.basics.clock import stamp
from imvume.basics.ids import EntryId, TenantId, uuid7, uuid7_at
from imvume.errors import BadInput
from imvume.evidence import kinds, ledger
from imvume.evidence.kinds import KINDS, RESERVED, SAYS, FieldKind

GOOD: dict[FieldKind, object] = {
    FieldKind.ID: uuid7(),
    FieldKind.DIGEST: bytes(range(32)),
    FieldKind.CODE: "za.popia.s24",
    FieldKind.COUNT: 17,
    FieldKind.INSTANT: AT,
}
SEALED: dict[str, object] = {"call": uuid7(), "digest": b"d" * 32, "size": 1, "commitment": b"c" * 32}
KEPT: dict[str, object] = {"class": "fais-service", "until": AT}


def said(type: str = "archive.sealed", fields: dict[str, object] | None = None) -> ledger.Entry:
    return ledger.Entry(type=type, about=uuid7(), by=None, at=AT, fields=SEALED if fields is None else fields)


def refusal(make: Callable[[], object]) -> str:
    with pytest.raises(BadInput) as refused:
        make()
    return refused.value.code


def attempt(make: Callable[[], bytes]) -> tuple[bytes | None, str]:
    """What was made, or how it was refused: code and sentences."""
    try:
        return make(), ""
    except BadInput as refused:
        return None, f"{refused.code} {refused}"


def test_an_entry_waits_in_the_transaction_of_what_it_tells(log: Log) -> None:
    call, staff = uuid7(), uuid7()
    with log.database.transaction(log.tenant) as tx:
        entry = ledger.record(tx, "archive.opened", call, by=staff, at=AT, commitment=b"r" * 32)
        assert ledger.waiting(tx).count == 1
    with log.database.transaction(log.tenant) as tx:
        (found,) = ledger.about(tx, call)
        assert found == ledger.find(tx, entry)
        assert ledger.find(tx, EntryId(uuid7())) is None
    assert (found.idx, found.entry_id, found.type, found.about) == (None, entry, "archive.opened", call)
    assert json.loads(found.body) == {
        "v": 1,
        "entry": str(entry),
        "type": "archive.opened",
        "at": "2026-11-23T09:00:00.000000Z",
        "about": str(call),
        "by": str(staff),
        "commitment": "72" * 32,
    }
    assert found.body == json.dumps(json.loads(found.body), sort_keys=True, separators=(",", ":")).encode()


def test_what_is_rolled_back_was_never_said(log: Log) -> None:
    def half() -> None:
        with log.database.transaction(log.tenant) as tx:
            ledger.record(tx, "log.begun", uuid7(), by=None, at=AT)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    with log.database.transaction(log.tenant) as tx:
        assert ledger.waiting(tx) == ledger.Waiting(0, None)


def test_the_timeline_of_an_id_is_in_the_order_of_the_log_and_ends_with_what_waits(log: Log) -> None:
    call = uuid7()
    for index in range(3):
        with log.database.transaction(log.tenant) as tx:
            ledger.record(tx, "archive.opened", call, by=None, at=AT - timedelta(days=index), commitment=b"c" * 32)
            ledger.record(tx, "archive.exported", call, by=None, at=AT, commitment=b"c" * 32)
        if index < 2:
            log.placed()
    with log.database.transaction(log.tenant) as tx:
        told = ledger.about(tx, call, uuid7())
    assert [(entry.idx, entry.type) for entry in told] == [
        (0, "archive.opened"),
        (1, "archive.exported"),
        (2, "archive.opened"),
        (3, "archive.exported"),
        (None, "archive.opened"),
        (None, "archive.exported"),
    ]


def test_another_tenant_sees_none_of_it(log: Log) -> None:
    (entry,) = log.say()
    with log.database.transaction(TenantId(uuid7())) as tx:
        assert ledger.find(tx, entry) is None
        assert ledger.waiting(tx).count == 0


def test_nothing_said_is_no_round_trip_and_no_entry(log: Log) -> None:
    with log.database.transaction(log.tenant) as tx:
        assert ledger.record_all(tx, []) == []
        assert ledger.waiting(tx).count == 0


@pytest.mark.parametrize("type", KINDS)
def test_every_type_can_be_said_and_read_back(type: str) -> None:
    entry = said(type, {name: GOOD[kind] for name, kind in KINDS[type].items()})
    body = json.loads(ledger.body(uuid7(), entry))
    assert kinds.faults(body) == ""
    assert not RESERVED & KINDS[type].keys()
    assert SAYS[type].endswith(".")
    for name in body:
        assert kinds.faults({key: value for key, value in body.items() if key != name}) != ""


def test_a_type_that_is_not_in_the_table_is_refused() -> None:
    assert refusal(lambda: ledger.body(uuid7(), said("calls.gossip", {}))) == "evidence.record.unknown-type"


def test_a_field_too_many_or_too_few_is_refused() -> None:
    for fields in ({}, {**SEALED, "note": "x"}, {**SEALED, "v": 1}, {k: v for k, v in SEALED.items() if k != "call"}):
        assert refusal(lambda f=fields: ledger.body(uuid7(), said(fields=f))) == "evidence.record.other-fields"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("call", "0193f1c2-0000-7000-8000-000000000000"),  # a text, however well it looks
        ("call", uuid5(NAMESPACE_DNS, "+447700900123")),  # the hash of a number, in the dress of an id
        ("call", uuid3(NAMESPACE_DNS, "+447700900123")),
        ("call", UUID(int=447700900123)),
        ("call", None),
        ("digest", "64" * 32),
        ("digest", b"+447700900123"),
        ("digest", b"d" * 33),
        ("size", -1),
        ("size", 2**53),
        ("size", True),
        ("size", 1.0),
        ("size", "1"),
    ],
)
def test_a_value_of_another_kind_is_refused(field: str, value: object) -> None:
    assert refusal(lambda: ledger.body(uuid7(), said(fields={**SEALED, field: value}))) == "evidence.record.wrong-kind"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("class", "Fais"),
        ("class", "fais service"),
        ("class", "447700900123"),
        ("class", "p447700900123"),
        ("class", "4.4.7-7.0.0"),
        ("class", "a1b2c3d4e5"),
        ("class", "fais\n"),
        ("class", "naledi@example.org"),
        ("class", "x" * 65),
        ("class", ""),
        ("class", b"fais"),
        ("until", "2026-11-23T09:00:00.000000Z"),
        ("until", AT.replace(tzinfo=None)),
        ("until", date(2026, 11, 23)),
    ],
)
def test_a_code_is_a_word_of_ours_and_an_instant_has_a_zone(field: str, value: object) -> None:
    entry = said("archive.kept", {**KEPT, field: value})
    assert refusal(lambda: ledger.body(uuid7(), entry)) == "evidence.record.wrong-kind"


def test_who_and_about_what_are_ids_as_well() -> None:
    hashed = uuid5(NAMESPACE_DNS, "+447700900123")
    for entry in (replace(said(), about=hashed), replace(said(), by=hashed)):
        assert refusal(lambda e=entry: ledger.body(uuid7(), e)) == "evidence.record.wrong-kind"  # type: ignore[misc]
    assert refusal(lambda: ledger.body(uuid7(), replace(said(), at=AT.replace(tzinfo=None)))) == "basics.instant.naive"


def test_a_code_may_come_from_an_enumeration() -> None:
    class Class(StrEnum):
        FAIS = "fais-service"

    assert b'"class":"fais-service"' in ledger.body(uuid7(), said("archive.kept", {**KEPT, "class": Class.FAIS}))


class Sly(str):
    """A text that shows another face to whoever prints it."""

    def __str__(self) -> str:
        return "Naledi"


ANYTHING = (
    st.text() | st.binary() | st.integers() | st.floats() | st.booleans() | st.none() | st.uuids() | st.datetimes()
    | st.datetimes(timezones=st.timezones()) | st.text().map(Sly) | st.lists(st.text())
    | st.dictionaries(st.text(), st.text()) | st.from_regex(r"[a-z0-9.-]{1,70}", fullmatch=True)
    | st.binary(min_size=31, max_size=33)
)  # fmt: skip


@given(type=st.sampled_from(sorted(KINDS)), data=st.data())
def test_no_text_can_be_smuggled_into_an_entry(type: str, data: st.DataObject) -> None:
    """Whatever is given, the entry is refused, or all it holds is ids, digests, codes, counts and instants."""
    fields: dict[str, Any] = {
        name: data.draw(st.just(GOOD[kind]) | ANYTHING, label=name) for name, kind in KINDS[type].items()
    }
    fields.update(data.draw(st.dictionaries(st.text(), ANYTHING, max_size=1)))
    entry = said(type, fields)
    body, refused = attempt(lambda: ledger.body(uuid7(), entry))
    if body is None:
        assert refused.startswith(("evidence.record.", "basics.instant."))
        for value in fields.values():
            text = str(value)
            assert len(text) < 12 or text not in refused, "what was refused is not repeated"
        return
    assert kinds.faults(json.loads(body)) == ""
    assert body.isascii()
    for name, value in json.loads(body).items():
        kind = KINDS[type].get(name)
        if kind is FieldKind.CODE:
            assert set(value) <= set(string.ascii_lowercase + string.digits + ".-")
            assert sum(map(str.isdigit, value)) <= 4
        elif kind is FieldKind.COUNT:
            assert 0 <= value < 2**53
        elif kind is FieldKind.ID:
            assert UUID(value).version in (4, 7)
        elif kind is FieldKind.DIGEST:
            assert len(bytes.fromhex(value)) == 32
        elif kind is FieldKind.INSTANT:
            assert datetime.fromisoformat(value).tzinfo is not None


@given(st.dictionaries(st.text(), st.none() | st.text() | st.integers() | st.lists(st.text())))
def test_a_body_from_anywhere_has_a_fault_or_is_an_entry(body: dict[str, Any]) -> None:
    assert kinds.faults(body) != ""
    whole = json.loads(ledger.body(uuid7(), said()))
    changed = {**whole, **body}
    assert kinds.faults(changed) != "" or changed == whole


@given(type=st.sampled_from(sorted(KINDS)), data=st.data())
def test_a_body_that_fits_the_form_of_its_type_has_no_fault(type: str, data: st.DataObject) -> None:
    fields = {name: data.draw(VALUES[kind]) for name, kind in KINDS[type].items()}
    body = bytearray(ledger.body(uuid7(), replace(said(type, fields), by=data.draw(st.none() | st.just(uuid7())))))
    assert kinds.form(type).fullmatch(body) or any(
        value >= 10**15 for value in fields.values() if isinstance(value, int)
    )
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(body) - 1))
        change = data.draw(st.binary(max_size=2) | st.sampled_from([b'"', b",", b"0", b"a", b"447700900123"]))
        body[place : place + data.draw(st.integers(0, 2))] = change
    if kinds.form(type).fullmatch(body):
        told = json.loads(body)
        assert kinds.faults(told) == ""
        assert json.dumps(told, sort_keys=True, separators=(",", ":")).encode() == body


VALUES: dict[FieldKind, st.SearchStrategy[object]] = {
    FieldKind.ID: st.builds(uuid7),
    FieldKind.DIGEST: st.binary(min_size=32, max_size=32),
    FieldKind.CODE: st.from_regex(r"[a-z][a-z.-]{0,20}[0-9]{0,4}", fullmatch=True),
    FieldKind.COUNT: st.integers(0, 2**53 - 1),
    FieldKind.INSTANT: st.datetimes(timezones=st.just(UTC), min_value=AT.replace(tzinfo=None)),
}


# Commitments ---------------------------------------------------------------------------------


def test_a_commitment_is_an_hmac_over_one_way_to_write_the_facts() -> None:
    salt, call = b"s" * 32, uuid4()
    facts = {"to": "+447700900123", "call": call, "at": AT, "on": date(2026, 11, 23), "mark": b"\x01\xff", "left": None}
    text = f'{{"at":"{stamp(AT)}","call":"{call}","left":null,"mark":"01ff","on":"2026-11-23","to":"+447700900123"}}'
    assert ledger.canonical(facts) == text.encode()
    assert ledger.commit(salt, facts) == hmac.new(salt, text.encode(), hashlib.sha256).digest()
    assert ledger.commit(salt, dict(reversed(facts.items()))) == ledger.commit(salt, facts)
    assert ledger.commit(b"t" * 32, facts) != ledger.commit(salt, facts)


def test_the_same_instant_commits_alike_in_any_zone() -> None:
    here = AT.astimezone(timezone(timedelta(hours=2)))
    assert ledger.canonical({"at": here}) == ledger.canonical({"at": AT.astimezone(UTC)})


def test_a_short_salt_is_refused() -> None:
    assert refusal(lambda: ledger.commit(b"s" * 31, {})) == "evidence.commit.salt"


@pytest.mark.parametrize("value", [1.5, float("nan"), 2**53, -(2**53), {1: 2}, {"é": 1}, {1, 2}, object(), "\ud800"])
def test_what_can_be_written_in_two_ways_cannot_be_committed_to(value: object) -> None:
    assert refusal(lambda: ledger.commit(b"s" * 32, {"x": value})) == "evidence.commit.ambiguous"


@given(st.recursive(st.none() | st.booleans() | st.text() | st.integers(-100, 100), lambda deeper: st.lists(deeper)))
def test_what_was_written_reads_back_the_same(value: object) -> None:
    text, refused = attempt(lambda: ledger.canonical({"x": value}))
    if text is None:
        assert refused.startswith("evidence.commit.ambiguous")
    else:
        assert json.loads(text) == {"x": value}


def test_ids_of_an_entry_made_of_a_moment_are_ids(log: Log) -> None:
    assert kinds.id_text(uuid7_at(AT))
