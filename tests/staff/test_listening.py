"""One reason for each call in a session; one look, in rows and in evidence, for each listening."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from imvume.basics.clock import stamp
from imvume.basics.ids import CallId, uuid7
from imvume.errors import BadInput, Refused
from imvume.evidence import ledger
from imvume.staff import actions, listening, rules
from imvume.staff.rules import Role

from .conftest import Office


def looks(office: Office, call: CallId) -> list[dict[str, object]]:
    with office.database.transaction(office.tenant) as tx:
        return tx.all("staff.accesses", about=call)


def test_a_recording_that_was_not_opened_is_not_heard(office: Office) -> None:
    thandi, call = office.known(office.begin()), CallId(uuid7())
    with office.database.transaction(office.tenant) as tx, pytest.raises(Refused, match="not open"):
        listening.hear(tx, thandi, call, at=office.at)


def test_many_ranges_are_one_look(office: Office) -> None:
    thandi, call = office.known(office.begin()), CallId(uuid7())
    with office.database.transaction(office.tenant) as tx:
        listening.begin(tx, thandi, call, "A complaint: ref 4471", at=office.at)
    for _ in range(40):
        office.at += timedelta(minutes=5)
        with office.database.transaction(office.tenant) as tx:
            listening.hear(tx, thandi, call, at=office.at)
    assert [look["reason"] for look in looks(office, call)] == ["A complaint: ref 4471"]


def test_after_a_long_silence_it_is_another_look_for_the_same_reason(office: Office) -> None:
    thandi, call = office.known(office.begin()), CallId(uuid7())
    with office.database.transaction(office.tenant) as tx:
        listening.begin(tx, thandi, call, "Training", at=office.at)
    office.at += rules.LISTENING_LASTS
    for _ in range(2):
        with office.database.transaction(office.tenant) as tx:
            listening.hear(tx, thandi, call, at=office.at)
    assert [look["reason"] for look in looks(office, call)] == ["Training", "Training"]
    with office.database.transaction(office.tenant) as tx:
        assert [said.type for said in ledger.about(tx, call)] == ["archive.opened"] * 2


def test_only_asking_is_no_look(office: Office) -> None:
    thandi, call = office.known(office.begin()), CallId(uuid7())
    with office.database.transaction(office.tenant) as tx:
        listening.begin(tx, thandi, call, "Training", at=office.at)
        listening.hear(tx, thandi, call, at=office.at + timedelta(hours=2), only_asking=True)
    assert len(looks(office, call)) == 1


def test_another_session_of_the_same_person_gives_its_own_reason(office: Office) -> None:
    first, call = office.known(office.begin()), CallId(uuid7())
    second = office.known(office.sign_in())
    with office.database.transaction(office.tenant) as tx:
        listening.begin(tx, first, call, "Training", at=office.at)
        assert listening.reason_of(tx, first, call) == "Training"
        assert listening.reason_of(tx, second, call) is None


def test_who_lost_the_right_hears_no_more(office: Office) -> None:
    thandi, call = office.known(office.begin()), CallId(uuid7())
    with office.database.transaction(office.tenant) as tx:
        listening.begin(tx, thandi, call, "Training", at=office.at)
        with pytest.raises(Refused):
            listening.hear(tx, replace(thandi, role=Role.ADMINISTRATOR), call, at=office.at)
        with pytest.raises(Refused):
            listening.begin(tx, replace(thandi, role=Role.AGENT), call, "Training", at=office.at)


def test_the_look_outlives_the_session_and_its_opening_does_not(office: Office) -> None:
    token, call = office.begin(), CallId(uuid7())
    thandi = office.known(token)
    with office.database.transaction(office.tenant) as tx:
        listening.begin(tx, thandi, call, "Training", at=office.at)
    actions.sign_out(office.database, token)
    with office.database.transaction(office.tenant) as tx:
        assert listening.reason_of(tx, thandi, call) is None
    assert len(looks(office, call)) == 1


def test_the_evidence_commits_to_the_reason_and_does_not_hold_it(office: Office) -> None:
    thandi, call = office.known(office.begin()), CallId(uuid7())
    with office.database.transaction(office.tenant) as tx:
        listening.begin(tx, thandi, call, "A complaint: of Naledi", at=office.at)
        (said,) = ledger.about(tx, call)
        row = tx.connection.execute("SELECT * FROM access WHERE about = %s", [call]).fetchall()[0]
    assert b"Naledi" not in said.body
    facts = {
        "access": str(row["access_id"]), "staff": str(thandi.staff), "reason": row["reason"], "at": stamp(office.at),
    }  # fmt: skip
    assert json.loads(said.body)["commitment"] == ledger.commit(row["salt"], facts).hex()
    assert json.loads(said.body)["by"] == str(thandi.staff)


@pytest.mark.parametrize(
    ("code", "words"), [("", ""), ("whim", ""), ("other", ""), ("other", "why"), ("quality", "x" * 201)]
)
def test_what_is_no_reason_is_refused(code: str, words: str) -> None:
    with pytest.raises(BadInput, match="A reason is missing"):
        listening.reason_given(code, words)


def test_a_reason_is_one_line() -> None:
    assert listening.reason_given("complaint", " ref \n 4471 ") == "A complaint: ref 4471"
    assert listening.reason_given("other", "lost and found") == "Something else: lost and found"
