"""Whoever was on a call is found by a whole number: newest first, page by page, each call once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from imvume.archive.house import House
from imvume.basics.ids import TenantId
from imvume.calls import actions, search
from imvume.calls.facts import CallFacts, Party
from imvume.calls.search import Page, Question
from recorded import AT, NALEDI, facts

STRANGER = "+447700900999"


def rang(house: House, tenant: TenantId, days_ago: int, **changed: object) -> None:
    """A call of Naledi's without a recording, some days ago."""
    told: CallFacts = replace(facts(f"{days_ago}.0", started=AT - timedelta(days=days_ago)), **changed)  # type: ignore[arg-type]
    actions.take_in(house, tenant, told, [], at=AT)


def find(house: House, tenant: TenantId, question: Question, **page: object) -> Page:
    with house.database.transaction(tenant) as tx:
        return search.find(tx, house.vault, question, **page)  # type: ignore[arg-type]


def test_calls_of_many_months_come_newest_first_and_page_by_page(house: House, tenant: TenantId) -> None:
    days = [0, 3, 40, 41, 90, 400]
    for ago in (90, 0, 41, 400, 3, 40):
        rang(house, tenant, ago)
    rang(house, tenant, 5, parties=(Party("caller", "phone", STRANGER),))

    first = find(house, tenant, Question(who=NALEDI), limit=4)
    second = find(house, tenant, Question(who=NALEDI), limit=4, before=first.following)

    found = [call.started_at for call in (*first.calls, *second.calls)]
    assert found == [AT - timedelta(days=ago) for ago in days]
    assert (len(first.calls), second.following) == (4, None)


def test_a_call_on_which_somebody_was_twice_is_one_call(house: House, tenant: TenantId) -> None:
    twice = (Party("caller", "phone", NALEDI), Party("agent", "extension", "201"), Party("other", "phone", NALEDI))
    for ago in (1, 2, 3):
        rang(house, tenant, ago, parties=twice)

    page = find(house, tenant, Question(who=NALEDI), limit=2)

    assert [call.started_at for call in page.calls] == [AT - timedelta(days=1), AT - timedelta(days=2)]
    assert page.following is not None


def test_a_number_is_searched_within_what_else_is_asked(house: House, tenant: TenantId) -> None:
    for ago in (1, 2, 35):
        rang(house, tenant, ago)
    rang(house, tenant, 3, queue="claims")

    claims = find(house, tenant, Question(who=NALEDI, queue="claims"))
    lately = find(house, tenant, Question(who=NALEDI, since=AT - timedelta(days=30), until=AT - timedelta(days=1)))

    assert [call.queue for call in claims.calls] == ["claims"]
    assert [call.started_at for call in lately.calls] == [AT - timedelta(days=2), AT - timedelta(days=3)]


def test_an_extension_is_found_as_it_is_written(house: House, tenant: TenantId) -> None:
    rang(house, tenant, 1)

    assert len(find(house, tenant, Question(who=" 201 ")).calls) == 1
    assert not find(house, tenant, Question(who="20")).calls


def test_who_never_called_is_not_found(house: House, tenant: TenantId) -> None:
    rang(house, tenant, 1)

    assert find(house, tenant, Question(who=STRANGER)) == Page((), None)
