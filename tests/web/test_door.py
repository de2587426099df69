"""Coming in and going out, and everybody who tries without a key."""

from __future__ import annotations

from datetime import timedelta

import pytest

from imvume.staff import rules
from imvume.staff.rules import Role

from .conftest import PASSWORD, Served


def test_the_link_makes_the_first_officer_and_signs_them_in(console_of: Served) -> None:
    tenant = console_of.tenant()
    thandi, link = console_of.visitor(), console_of.link(tenant)
    assert "Welcome" in thandi.get(f"/set-up?link={link}").text
    email = f"t.{tenant.hex}@example.org"
    answer = thandi.post("/set-up", link=link, name="Thandi Mokoena", email=email, password=PASSWORD)
    assert (answer.status, answer.headers["location"]) == (303, "/")
    assert thandi.get("/").headers["location"] == "/calls"
    page = thandi.get("/calls")
    assert page.status == 200
    assert "No call has been brought in yet" in page.text


def test_looking_at_the_link_does_not_use_it_up(console_of: Served) -> None:
    link = console_of.link(console_of.tenant())
    for _ in range(3):
        assert console_of.visitor().get(f"/set-up?link={link}").status == 200


def test_a_used_or_invented_link_says_what_to_do(console_of: Served) -> None:
    tenant = console_of.tenant()
    link = console_of.link(tenant)
    console_of.visitor().post("/set-up", link=link, name="T", email=f"t.{tenant.hex}@example.org", password=PASSWORD)
    for token in (link, "invented", ""):
        answer = console_of.visitor().get(f"/set-up?link={token}")
        assert answer.status == 403
        assert "imvume web link" in answer.text
        answer = console_of.visitor().post("/set-up", link=token, name="X", email="x@example.org", password=PASSWORD)
        assert answer.status == 403
        assert "set-cookie" not in answer.headers


def test_what_is_wrong_with_the_form_is_said_and_what_was_typed_stays(console_of: Served) -> None:
    tenant = console_of.tenant()
    answer = console_of.visitor().post(
        "/set-up", link=console_of.link(tenant), name="Thandi", email="t@example.org", password="password1234"
    )
    assert answer.status == 422
    assert "among the first that a stranger would try" in answer.text
    assert 'value="Thandi"' in answer.text
    assert "password1234" not in answer.text


def test_the_cookie_is_for_the_browser_alone(console_of: Served) -> None:
    tenant = console_of.tenant()
    _, email = console_of.hire(tenant, Role.OFFICER)
    (cookie,) = console_of.visitor().post("/sign-in", email=email, password=PASSWORD).cookies
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie


def test_a_planted_session_is_not_gone_on_with(console_of: Served) -> None:
    # Session fixation: the stranger signs in, plants the token in Thandi's browser, and waits.
    tenant = console_of.tenant()
    stranger = console_of.signed_in(tenant, Role.AUDITOR, "A Stranger")
    _, email = console_of.hire(tenant, Role.OFFICER)
    thandi = console_of.visitor()
    planted = thandi.cookies["imvume"] = stranger.cookies["imvume"]
    thandi.post("/sign-in", email=email, password=PASSWORD)
    assert thandi.cookies["imvume"] != planted
    assert stranger.get("/about").status == 303, "the planted session has ended"
    thandi.cookies["imvume"] = "a token that nobody gave out"
    assert thandi.get("/calls").status == 303


def test_a_stolen_token_is_worthless_after_signing_out(console_of: Served) -> None:
    thandi = console_of.signed_in(console_of.tenant())
    thief = console_of.visitor()
    thief.cookies = dict(thandi.cookies)
    assert thief.get("/calls").status == 200
    thandi.post("/sign-out")
    assert "imvume" not in thandi.cookies
    assert thief.get("/calls").headers["location"].startswith("/sign-in")


def test_a_sign_in_left_alone_ends_and_leads_back_to_the_page(console_of: Served) -> None:
    thandi = console_of.signed_in(console_of.tenant())
    console_of.clock.ahead = timedelta(minutes=console_of.house.config.idle_minutes, seconds=1)
    assert thandi.get("/archive?x=1").headers["location"] == "/sign-in?next=%2Farchive%3Fx%3D1"


def test_signing_in_leads_to_where_one_wanted_to_go(console_of: Served) -> None:
    _, email = console_of.hire(console_of.tenant(), Role.OFFICER)
    answer = console_of.visitor().post("/sign-in", email=email, password=PASSWORD, next="/archive?x=1")
    assert answer.headers["location"] == "/archive?x=1"


@pytest.mark.parametrize("wanted", ["//evil.example", "https://evil.example/", "/\\evil.example", "/\t/evil.example"])
def test_nobody_is_sent_elsewhere(console_of: Served, wanted: str) -> None:
    _, email = console_of.hire(console_of.tenant(), Role.OFFICER)
    thandi = console_of.visitor()
    assert thandi.post("/sign-in", email=email, password=PASSWORD, next=wanted).headers["location"] == "/"
    assert thandi.post("/theme", theme="dark", back=wanted).headers["location"] == "/"


def test_an_unknown_address_and_a_wrong_password_look_the_same(console_of: Served) -> None:
    _, email = console_of.hire(console_of.tenant(), Role.OFFICER)
    stranger = f"n{email}"
    wrong = console_of.visitor().post("/sign-in", email=email, password="wrong wrong wrong")
    unknown = console_of.visitor().post("/sign-in", email=stranger, password="wrong wrong wrong")
    assert wrong.status == unknown.status == 401
    assert wrong.text.replace(email, "-") == unknown.text.replace(stranger, "-")
    assert wrong.headers.keys() == unknown.headers.keys()
    assert "wrong wrong wrong" not in wrong.text


def test_guessing_is_slowed_down_and_says_for_how_long(console_of: Served) -> None:
    tenant = console_of.tenant()
    email = f"guessed.{tenant.hex}@example.org"
    console_of.clock.ahead = timedelta(days=2)  # so that the tries of other tests from this address do not count here
    for _ in range(rules.TRIES_FREE):
        assert console_of.visitor().post("/sign-in", email=email, password="wrong").status == 401
    answer = console_of.visitor().post("/sign-in", email=email, password="wrong")
    assert answer.status == 429
    assert "Try again in 1 minute." in answer.text
    assert 0 < int(answer.headers["retry-after"]) <= 31


def test_the_theme_is_kept_and_only_what_is_one(console_of: Served) -> None:
    thandi = console_of.visitor()
    thandi.post("/theme", theme="dark", back="/sign-in")
    assert 'data-theme="dark"' in thandi.get("/sign-in").text
    thandi.post("/theme", theme='"><script>', back="/sign-in")
    assert 'data-theme="auto"' in thandi.get("/sign-in").text
    thandi.cookies["theme"] = "x"
    assert 'data-theme="auto"' in thandi.get("/sign-in").text


def test_an_agent_is_told_that_there_is_no_page_yet(console_of: Served) -> None:
    sipho = console_of.signed_in(console_of.tenant(), Role.AGENT, "Sipho Dlamini")
    assert "There is no page for your role yet" in sipho.get("/").text
