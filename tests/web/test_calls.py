"""The list of calls: narrowed by its address, searched without leaving a number there."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from imvume.staff.rules import Role

from . import feed
from .conftest import Served

NOON = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)  # noon in Johannesburg
STRANGER = "+447700900999"


def refs(page: str) -> list[str]:
    return re.findall(r'class="id"[^>]*>(C-[0-9A-Z]+)<', page)


def links(page: str, word: str) -> list[str]:
    return [
        href.replace("&amp;", "&")
        for href in re.findall(rf'<a class="btn sm" href="([^"]+)"[^>]*>[^<]*(?:<svg.*?</svg>)?{word}', page)
    ]


def test_numbers_are_masked_and_names_of_queues_are_not(console_of: Served) -> None:
    tenant = console_of.tenant()
    feed.call(console_of.house, tenant, at=NOON, recorded=False)
    page = console_of.signed_in(tenant).get("/calls").text
    assert "+44 77 ••• 0123" in page
    assert feed.NALEDI not in page
    assert feed.NALEDI[3:] not in page
    assert "Service" in page
    assert "20 Nov, 12:00:00" in page, "in the tenant's zone"
    assert "Not proven" in page


def test_a_whole_number_finds_its_calls_however_it_is_written(console_of: Served) -> None:
    tenant = console_of.tenant()
    feed.call(console_of.house, tenant, at=NOON, recorded=False)
    feed.call(console_of.house, tenant, at=NOON, caller=STRANGER, recorded=False)
    thandi = console_of.signed_in(tenant)
    for typed in ("+447700900123", "+44 7700 900 123", "0044 7700 900123", "+44 (7700) 900-123"):
        answer = thandi.post("/calls/search", q=typed)
        assert answer.status == 303
        page = thandi.get(answer.headers["location"]).text
        assert len(refs(page)) == 1, typed
        assert "With +44 77 ••• 0123" in page


def test_a_number_never_stands_in_an_address(console_of: Served) -> None:
    tenant = console_of.tenant()
    feed.call(console_of.house, tenant, at=NOON, recorded=False)
    thandi = console_of.signed_in(tenant)
    seen = set()
    for _ in range(3):
        location = thandi.post("/calls/search", q=feed.NALEDI).headers["location"]
        assert not set(re.findall(r"\d{6,}", location)) & {feed.NALEDI[n : n + 6] for n in range(1, 8)}
        seen.add(location)
        assert feed.NALEDI not in thandi.get(location).text
    assert len(seen) == 3, "two searches for one person cannot be told from two for two"
    short = thandi.post("/calls/search", q="1004").headers["location"]
    assert {len(location) for location in seen} == {len(short)}, "nor does its length tell what was looked for"


def test_a_search_is_worthless_in_another_session(console_of: Served) -> None:
    tenant = console_of.tenant()
    feed.call(console_of.house, tenant, at=NOON, recorded=False)
    location = console_of.signed_in(tenant).post("/calls/search", q=feed.NALEDI).headers["location"]
    answer = console_of.signed_in(tenant, Role.OFFICER, "Another Officer").get(location)
    assert answer.status == 422
    assert "This search has ended." in answer.text
    assert refs(answer.text) == []


@pytest.mark.parametrize("sought", ["x", "AAAA", "A" * 200, "é", "=" * 8, "%00"])
def test_an_invented_search_is_refused(console_of: Served, sought: str) -> None:
    answer = console_of.signed_in(console_of.tenant()).send(
        "GET", f"/calls?sought={sought.encode('ascii', 'replace').decode()}"
    )
    assert answer.status == 422


def test_part_of_a_number_finds_nobody_and_the_page_says_why(console_of: Served) -> None:
    tenant = console_of.tenant()
    feed.call(console_of.house, tenant, at=NOON, recorded=False)
    thandi = console_of.signed_in(tenant)
    page = thandi.get(thandi.post("/calls/search", q="900123").headers["location"]).text
    assert refs(page) == []
    assert "Part of a number is not searchable" in page


def test_an_extension_finds_the_agents_calls(console_of: Served) -> None:
    tenant = console_of.tenant()
    feed.call(console_of.house, tenant, at=NOON, agent="1004", recorded=False)
    feed.call(console_of.house, tenant, at=NOON, agent="1005", recorded=False)
    thandi = console_of.signed_in(tenant)
    assert len(refs(thandi.get(thandi.post("/calls/search", q=" 1004 ").headers["location"]).text)) == 1


def test_a_reference_leads_to_its_call(console_of: Served) -> None:
    tenant = console_of.tenant()
    call = feed.call(console_of.house, tenant, at=NOON, recorded=False)
    thandi = console_of.signed_in(tenant)
    (ref,) = refs(thandi.get("/calls").text)
    assert thandi.post("/calls/search", q=ref.lower()).headers["location"] == f"/calls/{call}"
    assert thandi.post("/calls/search", q="C-000000000").headers["location"] == "/calls?ref=C-000000000"
    assert thandi.post("/calls/search", q="  ").headers["location"] == "/calls"


def test_the_address_narrows_the_list(console_of: Served) -> None:
    tenant = console_of.tenant()
    feed.call(
        console_of.house, tenant, at=NOON, direction="in", queue="Service", disposition="answered", recorded=False
    )
    feed.call(
        console_of.house, tenant, at=NOON, direction="out", queue=None, campaign="Win-back & more", recorded=False
    )
    feed.call(console_of.house, tenant, at=NOON - timedelta(days=2), direction="in", disposition="busy", recorded=False)
    thandi = console_of.signed_in(tenant)

    def found(query: str) -> int:
        return len(refs(thandi.get(f"/calls?{query}").text))

    assert found("direction=in") == 2
    assert found("direction=in&disposition=busy") == 1
    assert found("campaign=Win-back+%26+more") == 1
    assert found("queue=") == 3
    assert found("since=2026-11-20") == 2
    assert found("until=2026-11-18") == 1
    assert found("since=2026-11-18&until=2026-11-20") == 3
    assert found("direction=sideways") == 0


def test_a_day_is_the_tenants_day(console_of: Served) -> None:
    tenant = console_of.tenant()
    feed.call(
        console_of.house, tenant, at=datetime(2026, 11, 19, 22, 30, tzinfo=UTC), recorded=False
    )  # 00:30 on the 20th
    thandi = console_of.signed_in(tenant)
    assert len(refs(thandi.get("/calls?since=2026-11-20&until=2026-11-20").text)) == 1
    assert refs(thandi.get("/calls?since=2026-11-19&until=2026-11-19").text) == []


@pytest.mark.parametrize(
    "query", ["since=yesterday", "until=2026-02-30", "since=0001-01-01", "until=9999-12-31", "before=1"]
)
def test_what_is_no_day_or_place_is_said_so(console_of: Served, query: str) -> None:
    answer = console_of.signed_in(console_of.tenant()).get(f"/calls?{query}")
    assert answer.status == 422
    assert "Back" in answer.text or "first page" in answer.text


def test_paging_shows_every_call_once_and_keeps_the_question(console_of: Served) -> None:
    tenant = console_of.tenant()
    for n in range(60):
        feed.call(
            console_of.house, tenant, at=NOON + timedelta(minutes=n), direction="in" if n % 2 else "out", recorded=False
        )
    thandi = console_of.signed_in(tenant)
    first = thandi.get("/calls").text
    assert '<b class="num">50</b> of <b class="num">60</b>' in first
    (older,) = links(first, "Older")
    second = thandi.get(older).text
    assert links(second, "Newest") == ["/calls"]
    assert links(second, "Older") == []
    assert len(set(refs(first)) | set(refs(second))) == 60
    narrowed = thandi.get("/calls?direction=in&before=" + older.partition("before=")[2]).text
    assert links(narrowed, "Newest") == ["/calls?direction=in"]


def test_an_empty_house_says_how_to_fill_it(console_of: Served) -> None:
    assert "imvume import --from asterisk" in console_of.signed_in(console_of.tenant()).get("/calls").text


# Two tenants ------------------------------------------------------------------------------------


def test_a_call_of_another_tenant_is_as_one_that_never_was(console_of: Served) -> None:
    ours, theirs = console_of.tenant("Ours"), console_of.tenant("Theirs")
    call = feed.call(console_of.house, theirs, at=NOON)
    thandi = console_of.signed_in(ours)
    stranger = "019abcde-0000-7000-8000-000000000000"
    for path in ("/calls/{}", "/calls/{}/sound"):
        real, invented = thandi.get(path.format(call)), thandi.get(path.format(stranger))
        assert real.status == invented.status == 404
        assert real.text.replace(str(call), "-") == invented.text.replace(stranger, "-")
    real, invented = (thandi.post(f"/calls/{id}/open", reason="audit") for id in (call, stranger))
    assert real.status == invented.status == 404
    assert refs(thandi.get("/calls").text) == []
    assert thandi.get(thandi.post("/calls/search", q=feed.NALEDI).headers["location"]).text.count("C-") < 3


def test_a_session_sees_the_archive_of_its_own_tenant(console_of: Served) -> None:
    ours, theirs = console_of.tenant("Ours"), console_of.tenant("Theirs")
    feed.call(console_of.house, theirs, at=NOON)
    page = console_of.signed_in(ours).get("/archive").text
    assert "Nothing is kept yet" in page
    assert "Theirs" not in page
    assert str(theirs) not in console_of.signed_in(ours, Role.AUDITOR, "An Auditor").get("/evidence").text


# Strangers' text --------------------------------------------------------------------------------

NASTY = "\"><img src=x onerror=alert(1)><script>alert(2)</script>'{{7*7}}&lt;"


def test_what_a_pbx_a_caller_or_a_colleague_wrote_is_text_and_nothing_else(console_of: Served) -> None:
    tenant = console_of.tenant(f"Tenant {NASTY}")
    call = feed.call(
        console_of.house, tenant, at=NOON, caller=f"101{NASTY}", kind="extension", agent=f"102{NASTY}",
        queue=f"Q{NASTY}", campaign=f"K{NASTY}", disposition=f"d{NASTY}", source=f"s{NASTY}", name=f"{NASTY}.wav",
    )  # fmt: skip
    thandi = console_of.signed_in(tenant, name=f"Thandi {NASTY[:60]}")
    thandi.post(f"/calls/{call}/open", reason="other", words=f"why {NASTY}")
    from imvume.archive import destroying, holding

    with console_of.house.database.transaction(tenant) as tx:
        holding.hold(tx, console_of.house.vault, [call], reason=f"hold {NASTY}", by=None, at=console_of.clock())
        destroying.destroy(
            tx, call, ground="order", reason=f"order {NASTY}", by=None, at=console_of.clock(), when_released=True
        )
    search = thandi.post("/calls/search", q=NASTY).headers["location"]
    broken = "%22%3E%3Cscript%3E"
    asked = [f"/calls?queue={broken}", f"/calls?ref={broken}", f"/sign-in?next={broken}", f"/set-up?link={broken}"]
    for path in ("/calls", f"/calls/{call}", "/archive", "/evidence", "/about", search, *asked):
        page = thandi.get(path).text
        assert "<img" not in page, path
        assert not re.search(r"<script(?! src=\"/static/)", page), path
    answer = console_of.visitor().post("/sign-in", email=f"x{NASTY}@example.org", password="x" * 12, next=f"/{NASTY}")
    assert "<img" not in answer.text
    assert "<script>" not in answer.text
