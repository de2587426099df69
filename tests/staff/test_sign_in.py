"""The link, the sign-in, the session, and everybody who should not get in."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from argon2 import PasswordHasher

from imvume.errors import BadInput, Conflict, ImvumeError, Refused
from imvume.staff import actions, passwords, rules
from imvume.staff.actions import Braked, Unknown
from imvume.staff.rules import Role

from .conftest import IDLE, PASSWORD, Office


def test_the_first_comes_in_by_the_link_and_is_the_information_officer(office: Office) -> None:
    thandi = office.known(office.begin())
    assert (thandi.name, thandi.role, thandi.tenant) == ("Thandi Mokoena", Role.OFFICER, office.tenant)


def test_the_token_is_nowhere_in_the_database(office: Office) -> None:
    token = office.begin()
    with office.database.transaction(office.tenant) as tx:
        rows = tx.connection.execute("SELECT * FROM sign_in").fetchall()
    assert [row["token_hash"] for row in rows] == [hashlib.sha256(token.encode()).digest()]
    assert token not in repr(rows)


def test_a_password_is_kept_as_argon2id_and_not_as_it_is(office: Office) -> None:
    office.begin()
    with office.database.transaction(office.tenant) as tx:
        kept = tx.connection.execute("SELECT password FROM staff").fetchall()[0]["password"]
    assert kept.startswith("$argon2id$")
    assert PASSWORD not in kept


def test_a_link_serves_once(office: Office) -> None:
    with office.database.transaction(office.tenant) as tx:
        link = actions.set_up_link(tx, office.tenant, office.at)
    take = {"name": "Thandi", "password": PASSWORD, "at": office.at}
    actions.take_up(office.database, link, email=office.email, **take)
    assert not actions.link_alive(office.database, link, office.at)
    with pytest.raises(Refused, match="cannot be used any more"):
        actions.take_up(office.database, link, email=f"stranger.{office.tenant.hex}@example.org", **take)


def test_of_two_who_take_up_one_link_at_once_one_gets_in(office: Office) -> None:
    with office.database.transaction(office.tenant) as tx:
        link = actions.set_up_link(tx, office.tenant, office.at)

    def take(n: int) -> str:
        try:
            return actions.take_up(
                office.database, link, name=f"Number {n}", email=f"{n}.{office.tenant.hex}@example.org",
                password=PASSWORD, at=office.at,
            )  # fmt: skip
        except Refused:
            return ""

    with ThreadPoolExecutor(4) as pool:
        assert sum(1 for token in pool.map(take, range(4)) if token) == 1


def test_a_link_ends_after_a_day(office: Office) -> None:
    with office.database.transaction(office.tenant) as tx:
        link = actions.set_up_link(tx, office.tenant, office.at)
    office.at += rules.LINK_LASTS
    assert not actions.link_alive(office.database, link, office.at)
    with pytest.raises(Refused):
        actions.take_up(office.database, link, name="Late", email=office.email, password=PASSWORD, at=office.at)


def test_a_link_is_no_session_and_a_session_is_no_link(office: Office) -> None:
    with office.database.transaction(office.tenant) as tx:
        link = actions.set_up_link(tx, office.tenant, office.at)
    assert office.who(link) is None
    token = office.begin()
    assert not actions.link_alive(office.database, token, office.at)
    with pytest.raises(Refused):
        actions.take_up(office.database, token, name="X", email="x@example.org", password=PASSWORD, at=office.at)


def test_a_weak_password_leaves_the_link_good(office: Office) -> None:
    with office.database.transaction(office.tenant) as tx:
        link = actions.set_up_link(tx, office.tenant, office.at)
    with pytest.raises(BadInput):
        actions.take_up(office.database, link, name="T", email=office.email, password="password1234", at=office.at)
    assert actions.link_alive(office.database, link, office.at)


def test_an_address_in_use_is_a_conflict_and_leaves_the_link_good(office: Office) -> None:
    office.begin()
    with office.database.transaction(office.tenant) as tx:
        link = actions.set_up_link(tx, office.tenant, office.at)
    with pytest.raises(Conflict):
        actions.take_up(office.database, link, name="T", email=office.email.upper(), password=PASSWORD, at=office.at)
    assert actions.link_alive(office.database, link, office.at)


def test_signing_in_works_however_the_address_is_written(office: Office) -> None:
    office.begin()
    assert office.known(office.sign_in(email=f"  {office.email.upper()} ")).name == "Thandi Mokoena"


def test_every_sign_in_has_a_token_of_its_own(office: Office) -> None:
    tokens = {office.begin(), office.sign_in(), office.sign_in()}
    assert len(tokens) == 3
    assert all(office.who(token) for token in tokens)


def test_a_wrong_password_and_an_unknown_address_are_one_answer(office: Office) -> None:
    office.begin()

    def answer(**of: str) -> dict[str, str]:
        with pytest.raises(Unknown) as unknown:
            office.sign_in("something else entirely", **of)
        return unknown.value.as_dict()

    assert answer() == answer(email=f"nobody.{office.tenant.hex}@example.org")


def test_an_unknown_address_costs_as_much_work_as_a_known_one(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    # Counted and not timed: one verification of argon2id with the same parameters, and the same queries.
    office.begin()
    worked: list[str] = []
    verify = type(passwords._HASHER).verify

    def counted(self: Any, hash: str, password: str) -> bool:
        worked.append(hash.rpartition("$")[0].rpartition("$")[0])
        return bool(verify(self, hash, password))

    monkeypatch.setattr(type(passwords._HASHER), "verify", counted)
    for email in (office.email, f"nobody.{office.tenant.hex}@example.org"):
        with pytest.raises(Unknown):
            office.sign_in("something else entirely", email=email)
    assert len(worked) == 2
    assert worked[0] == worked[1]


def test_guessing_is_braked_for_a_known_and_an_unknown_address_alike(office: Office) -> None:
    office.begin()
    for email in (office.email, f"nobody.{office.tenant.hex}@example.org"):
        for _ in range(rules.TRIES_FREE):
            with pytest.raises(Unknown):
                office.sign_in("wrong", email=email)
        with pytest.raises(Braked, match="Try again in 1 minute"):
            office.sign_in(PASSWORD, email=email)


def test_waiting_lets_one_in_again_and_the_right_password_forgives(office: Office) -> None:
    office.begin()
    for _ in range(rules.TRIES_FREE):
        with pytest.raises(Unknown):
            office.sign_in("wrong")
    with pytest.raises(Braked):
        office.sign_in()
    office.at += rules.PAUSE_FIRST
    assert office.who(office.sign_in())
    for _ in range(rules.TRIES_FREE - 1):
        with pytest.raises(Unknown):
            office.sign_in("wrong")
    assert office.who(office.sign_in())


def test_a_braked_try_does_not_make_the_wait_longer(office: Office) -> None:
    office.begin()
    for _ in range(rules.TRIES_FREE):
        with pytest.raises(Unknown):
            office.sign_in("wrong")
    office.at += rules.PAUSE_FIRST / 2
    for _ in range(20):
        with pytest.raises(Braked):
            office.sign_in()
    office.at += rules.PAUSE_FIRST / 2
    assert office.who(office.sign_in())


def test_a_clock_set_back_shuts_nobody_out(office: Office) -> None:
    office.begin()
    office.at += timedelta(hours=1)
    for _ in range(rules.TRIES_FREE):
        with pytest.raises(Unknown):
            office.sign_in("wrong")
    office.at -= timedelta(hours=1)
    assert office.who(office.sign_in())


def test_one_network_address_that_tries_many_people_is_braked(office: Office) -> None:
    office.begin()
    for n in range(rules.TRIES_FREE_ADDRESS):
        with pytest.raises(Unknown):
            office.sign_in("wrong", email=f"{n}.{office.tenant.hex}@example.org")
    with pytest.raises(Braked):
        office.sign_in()
    assert office.who(office.sign_in(address="10.0.0.8")), "Thandi at her own desk is not shut out by them"


def test_a_right_password_of_ones_own_does_not_clear_the_way_for_guessing_others(office: Office) -> None:
    office.begin()
    with pytest.raises(Braked):  # noqa: PT012 - that it comes at some point is the test
        for n in range(3 * rules.TRIES_FREE_ADDRESS):
            try:
                office.sign_in("wrong", email=f"{n}.{office.tenant.hex}@example.org")
            except Unknown:
                office.at += timedelta(milliseconds=1)
            office.sign_in()


def test_a_hundred_guesses_at_once_are_counted_one_by_one(office: Office) -> None:
    office.begin()

    def guess(n: int) -> type[ImvumeError] | None:
        try:
            office.sign_in(f"guess number {n}", address=f"10.0.1.{n}")
        except ImvumeError as error:
            return type(error)
        return None

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(guess, range(24)))
    assert answers.count(Unknown) == rules.TRIES_FREE
    assert answers.count(Braked) == 24 - rules.TRIES_FREE


def test_what_is_kept_of_tries_names_nobody_and_is_gone_after_a_day(office: Office) -> None:
    office.begin()
    with pytest.raises(Unknown):
        office.sign_in("wrong", address="198.51.100.7")
    with office.database.transaction(None) as tx:
        rows = tx.connection.execute("SELECT mark FROM attempt WHERE at = %s", [office.at]).fetchall()
    assert sorted(len(row["mark"]) for row in rows) == [16, 16]
    office.at += timedelta(days=1, seconds=1)
    office.sign_in()
    with office.database.transaction(None) as tx:
        left = tx.connection.execute("SELECT 1 FROM attempt WHERE mark = ANY(%s)", [[r["mark"] for r in rows]])
        assert left.fetchall() == []


def test_a_session_that_is_used_lives_and_one_left_alone_ends(office: Office) -> None:
    token = office.begin()
    for _ in range(4):
        office.at += IDLE - timedelta(minutes=1)
        assert office.who(token)
    office.at += IDLE
    assert office.who(token) is None


def test_no_use_keeps_a_session_beyond_its_end(office: Office) -> None:
    token, end = office.begin(), office.at + rules.SESSION_LASTS
    while office.at < end:
        assert office.who(token)
        office.at += timedelta(minutes=30)
    assert office.who(token) is None


def test_signing_out_ends_it_for_whoever_has_a_copy(office: Office) -> None:
    token, other = office.begin(), office.sign_in()
    actions.sign_out(office.database, token)
    actions.sign_out(office.database, token)
    assert office.who(token) is None
    assert office.who(other) is not None


def test_who_leaves_is_out_at_once(office: Office) -> None:
    token = office.begin()
    with office.database.transaction(office.tenant) as tx:
        tx.connection.execute("UPDATE staff SET ended_at = %s", [office.at])
    assert office.who(token) is None
    with pytest.raises(Unknown):
        office.sign_in()


def test_confirming_makes_the_session_fresh_and_a_wrong_password_does_not(office: Office) -> None:
    token = office.begin()
    office.at += timedelta(minutes=45)
    who = office.known(token)
    with pytest.raises(Unknown):
        actions.confirm(office.database, office.vault, who, "wrong", address="a", at=office.at)
    assert office.known(token).fresh_at < office.at
    actions.confirm(office.database, office.vault, who, PASSWORD, address="a", at=office.at)
    assert office.known(token).fresh_at == office.at


def test_confirming_is_braked_too(office: Office) -> None:
    # Otherwise a thief of a session could guess the password at leisure.
    who = office.known(office.begin())
    for _ in range(rules.TRIES_FREE):
        with pytest.raises(Unknown):
            actions.confirm(office.database, office.vault, who, "wrong", address="a", at=office.at)
    with pytest.raises(Braked):
        actions.confirm(office.database, office.vault, who, PASSWORD, address="a", at=office.at)


@pytest.mark.slow
def test_a_password_kept_with_weaker_parameters_is_kept_anew_at_the_next_sign_in(office: Office) -> None:
    office.begin()
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    with office.database.transaction(office.tenant) as tx:
        tx.connection.execute("UPDATE staff SET password = %s", [weak])
    office.sign_in()
    with office.database.transaction(office.tenant) as tx:
        kept = tx.connection.execute("SELECT password FROM staff").fetchall()[0]["password"]
    assert kept != weak
    assert not passwords.stale(kept)


def test_a_letter_may_come_as_one_code_point_or_two(office: Office) -> None:
    assert passwords.matches(passwords.keep("vênster trein brood"), "vênster trein brood")


def test_a_damaged_hash_lets_nobody_in() -> None:
    assert not passwords.matches("$argon2id$nonsense", "anything at all")
    assert not passwords.matches(None, "a password that nobody has")
