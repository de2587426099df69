"""Who may do what, how long a sign-in lasts, and how hard guessing is braked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imvume.errors import BadInput, Refused
from imvume.staff import passwords, rules
from imvume.staff.rules import CHANGES, RIGHTS, Right, Role

AT = datetime(2026, 11, 23, 9, tzinfo=UTC)


def test_the_table_names_every_right() -> None:
    assert set(RIGHTS) == set(Right)


def test_the_officer_and_the_deputy_may_everything() -> None:
    for right in Right:
        assert rules.may(Role.OFFICER, right)
        assert rules.may(Role.DEPUTY, right)


def test_the_administrator_never_hears_or_sees_a_call() -> None:
    assert not rules.may(Role.ADMINISTRATOR, Right.HEAR_CALLS)
    assert not rules.may(Role.ADMINISTRATOR, Right.SEE_CALLS)


def test_the_auditor_changes_nothing() -> None:
    assert not any(rules.may(Role.AUDITOR, right) for right in CHANGES)


def test_a_missing_right_is_refused_with_who_has_it() -> None:
    with pytest.raises(Refused, match="information officer") as refused:
        rules.require(Role.AGENT, Right.HEAR_CALLS)
    assert refused.value.code == "staff.right.missing"


def test_a_session_ends_at_its_end_and_when_it_is_left_alone() -> None:
    idle = timedelta(hours=1)
    good = {"seen_at": AT, "ends_at": AT + timedelta(hours=12), "idle": idle}
    assert rules.alive(**good, at=AT + timedelta(minutes=59))
    assert not rules.alive(**good, at=AT + timedelta(minutes=60))
    assert not rules.alive(seen_at=AT, ends_at=AT, at=AT, idle=idle)


def test_a_clock_set_back_makes_nothing_fresh() -> None:
    within = timedelta(minutes=30)
    assert rules.fresh(AT, at=AT, within=within)
    assert not rules.fresh(AT, at=AT + within, within=within)
    assert not rules.fresh(AT, at=AT - timedelta(seconds=1), within=within)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 100))
def test_the_pause_never_shrinks_and_never_becomes_a_lock_out(failures: int, free: int) -> None:
    pause = rules.pause(failures, free=free)
    assert timedelta(0) <= pause <= rules.PAUSE_MAX
    assert pause <= rules.pause(failures + 1, free=free)
    assert (pause == timedelta(0)) == (failures < free)


@pytest.mark.parametrize(
    "password", ["short", "x" * 129, "passwordpassword", "PasswordPassword", "aaaaaaaaaaaa", "abababababab"]
)
def test_what_anybody_would_try_is_no_password(password: str) -> None:
    with pytest.raises(BadInput, match="cannot be used"):
        rules.check_password(password, common=passwords.common(), about=())


def test_ones_own_name_is_no_password() -> None:
    with pytest.raises(BadInput):
        rules.check_password("thandi mokoena", common=frozenset(), about=("Thandi Mokoena",))


@pytest.mark.parametrize(
    "password", ["koffie brood venster trein", "12 characters", "ukudla kwasekuseni", "ṱhohoya vhulimi"]
)
def test_no_rule_asks_for_a_digit_or_a_sign(password: str) -> None:
    rules.check_password(password, common=passwords.common(), about=("Thandi",))


@pytest.mark.parametrize(
    "email", ["", "thandi", "@example.org", "thandi@", "a b@example.org", "t@e\n.org", "t" * 250 + "@e.org"]
)
def test_what_is_no_address_is_refused(email: str) -> None:
    with pytest.raises(BadInput):
        rules.check_email(email)


def test_a_name_is_one_line() -> None:
    assert rules.check_name("  Thandi \n Mokoena ") == "Thandi Mokoena"
    for name in ("", " \t ", "x" * 121, "Thandi\x07"):
        with pytest.raises(BadInput):
            rules.check_name(name)


def test_the_list_of_common_passwords_holds_only_such_as_would_pass_otherwise() -> None:
    assert all(len(word) >= rules.PASSWORD_MIN for word in passwords.common())
