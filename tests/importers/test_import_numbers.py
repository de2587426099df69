"""What a PBX writes where a number belongs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imvume.calls.facts import Party
from imvume.telephony.importers import numbers


@pytest.mark.parametrize(
    ("written", "e164"),
    [
        ("+447700900123", "+447700900123"),
        ("00447700900123", "+447700900123"),
        ("447700900123", "+447700900123"),  # a trunk that drops the plus
        ("+27825550100", "+27825550100"),
        ("27825550100", "+27825550100"),
        ("0825550100", "+27825550100"),
        ("082 555 0100", "+27825550100"),
        ('"Naledi" <0825550100>', "+27825550100"),
        ('"Naledi, ""N""" <+447700900123>', "+447700900123"),
        ("sip:+447700900123@192.0.2.1;user=phone", "+447700900123"),
        ("tel:+447700900123", "+447700900123"),
        ("anonymous", None),
        ("101", None),
        ("*98", None),
        ("s", None),
        ("", None),
        ("sipho", None),
        ("٠٨٢٥٥٥٠١٠٠", None),
        ("0" * 40, None),
    ],
)
def test_a_number_is_read_however_the_pbx_writes_it(written: str, e164: str | None) -> None:
    assert numbers.e164(written, region="ZA") == e164


@pytest.mark.parametrize("dialled", ["90825550100", "9825550100", "9+27825550100", "90027825550100", "927825550100"])
def test_the_digit_for_an_outside_line_is_taken_off_what_was_dialled(dialled: str) -> None:
    assert numbers.e164(dialled, region="ZA", outside="9") == "+27825550100"


def test_a_number_that_begins_with_a_nine_keeps_it() -> None:
    assert numbers.e164("+919876543210", region="IN", outside="9") == "+919876543210"
    assert numbers.e164("9876543210", region="IN", outside="9") == "+919876543210"


@pytest.mark.parametrize("word", ["anonymous", "Anonymous", "<unknown>", "unknown", "Private", '"Anon" <anonymous>'])
def test_a_hidden_number_is_a_party_without_one(word: str) -> None:
    assert numbers.outsider("caller", word, region="ZA") == Party("caller", "withheld", "")


def test_the_first_text_that_is_a_number_is_taken_and_a_hidden_one_only_when_none_is() -> None:
    found = numbers.outsider("caller", "", "anonymous", "0825550100", region="ZA")
    assert found == Party("caller", "phone", "+27825550100")
    assert numbers.outsider("caller", "", "s", region="ZA") is None


def test_one_of_ours_is_an_extension_or_a_name_and_never_a_place() -> None:
    assert numbers.insider("agent", "", "s", "101") == Party("agent", "extension", "101")
    assert numbers.insider("agent", "sipho") == Party("agent", "extension", "sipho")
    assert numbers.insider("agent", "h", "\x1b[31m", "a b", "x" * 41) is None


def test_a_party_does_not_show_its_number_in_a_traceback() -> None:
    assert "7700" not in repr(numbers.outsider("caller", "+447700900123", region="ZA"))


@given(st.text(max_size=300), st.text(max_size=50))
def test_any_text_is_a_party_or_none(one: str, other: str) -> None:
    for party in (numbers.outsider("caller", one, other, region="ZA", outside="9"), numbers.insider("agent", one)):
        if party is not None and party.kind == "phone":
            assert party.value.startswith("+")
            assert party.value[1:].isdigit()
        elif party is not None:
            assert party.value.isascii()
            assert party.value.isprintable()
