"""What stands around every answer: the policy, where a request comes from, whom the log names."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from imvume.basics.ids import uuid7
from imvume.staff.rules import Right, Role
from imvume.web.console import DOORS, Open
from imvume.web.guard import HEADERS, POLICY, Guard, crosses

from . import feed
from .conftest import PASSWORD, Served

INLINE = re.compile(
    r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)|javascript:|hx-on|hx-vals|hx-trigger=\"[^\"]*\[", re.I
)


def paths(console_of: Served) -> list[str]:
    """Every page that answers GET, with a call that is there, and pages that are not."""
    made = [
        door.path.replace("{call}", str(uuid7())).replace("{hash}", "x").replace("{name:path}", "app.css")
        for door in DOORS
        if door.method == "GET"
    ]
    return [
        *made,
        "/nowhere",
        "/static/x/../console.py",
        "/calls/nonsense",
        "/calls?since=never",
        "/calls?before=x",
        "/sign-out",
    ]


def test_every_answer_carries_the_same_policy(console_of: Served) -> None:
    tenant = console_of.tenant()
    for visitor in (
        console_of.visitor(),
        console_of.signed_in(tenant),
        console_of.signed_in(tenant, Role.AGENT, "Sipho D"),
    ):
        for path in paths(console_of):
            answer = visitor.get(path)
            for name, value in HEADERS.items():
                assert answer.headers[name.lower()] == value, path
            assert answer.headers["cache-control"] in ("no-store", "public, max-age=31536000, immutable"), path


def test_the_policy_is_the_strict_one() -> None:
    assert "unsafe" not in POLICY
    assert "*" not in POLICY
    assert POLICY.startswith("default-src 'none'; ")


def test_refusals_carry_it_too(console_of: Served) -> None:
    visitor = console_of.visitor()
    for answer in (
        visitor.send("POST", "/sign-in", b"x=1"),
        visitor.send("GET", "/", headers={"host": "evil.example"}),
        visitor.send("DELETE", "/calls", headers={"origin": visitor.address}),
        visitor.send("POST", "/sign-in", b"x" * 20_000, {"origin": visitor.address}),
        visitor.send("POST", "/sign-in", b"{}", {"origin": visitor.address, "content-type": "application/json"}),
        visitor.send("POST", "/sign-in", b"a=%ff", {"origin": visitor.address}),
        visitor.send("POST", "/sign-in", b"a=%00", {"origin": visitor.address}),
        visitor.send("POST", "/sign-in", urlencode([("a", "")] * 50).encode(), {"origin": visitor.address}),
    ):
        assert 400 <= answer.status < 500
        assert answer.headers["content-security-policy"] == POLICY


def test_no_page_has_anything_inline(console_of: Served) -> None:
    tenant = console_of.tenant()
    call = feed.call(console_of.house, tenant, at=console_of.clock() - timedelta(hours=1))
    thandi = console_of.signed_in(tenant)
    thandi.post(f"/calls/{call}/open", reason="complaint", words="ref 4471")
    seen = 0
    for path in [*paths(console_of), f"/calls/{call}", f"/set-up?link={console_of.link(tenant)}"]:
        for visitor in (thandi, console_of.visitor()):
            answer = visitor.get(path)
            if answer.headers.get("content-type", "").startswith("text/html"):
                seen += 1
                assert INLINE.search(answer.text) is None, path
    assert seen >= 20


def test_the_script_evaluates_nothing(console_of: Served) -> None:
    text = console_of.visitor().get("/static/x/app.js").text
    for forbidden in ("eval(", "Function(", "innerHTML", "document.write", "http://", "https://"):
        assert forbidden not in text


def test_what_is_served_for_ever_is_named_by_its_content(console_of: Served) -> None:
    visitor = console_of.visitor()
    page = visitor.get("/sign-in").text
    (style,) = re.findall(r'href="(/static/[0-9a-f]{16}/app\.css)"', page)
    answer = visitor.get(style, accept_encoding="gzip")
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-encoding"] == "gzip"
    assert visitor.get("/static/0000000000000000/app.css").headers["cache-control"] == "no-store"
    for path in (
        "/static/x/../../console.py",
        "/static/x/%2e%2e/%2e%2e/console.py",
        "/static/x/nothing.css",
        "/static/x/",
    ):
        assert visitor.get(path).status == 404


def test_the_dark_colours_are_the_same_by_choice_and_by_machine(console_of: Served) -> None:
    css = console_of.visitor().get("/static/x/app.css").text
    chosen = re.search(r":root\[data-theme=dark\] \{(.*?)\}", css, re.S)
    machine = re.search(r":root\[data-theme=auto\] \{(.*?)\}", css, re.S)
    assert chosen is not None
    assert machine is not None
    assert chosen[1].split() == machine[1].split()


# Where a request comes from ---------------------------------------------------------------------

OURS = {"host": "127.0.0.1:8443"}


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "same-origin", "origin": "http://127.0.0.1:8443"},
        {"origin": "http://127.0.0.1:8443"},
    ],
)
def test_a_form_of_ours_is_taken(headers: dict[str, str]) -> None:
    assert not crosses(OURS | headers, scheme="http")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "cross-site", "origin": "http://127.0.0.1:8443"},
        {"sec-fetch-site": "same-origin", "origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "https://127.0.0.1:8443"},
        {"origin": "http://127.0.0.1:8444"},
        {"origin": "http://127.0.0.1:8443.evil.example"},
    ],
)
def test_a_form_of_anybody_else_is_not(headers: dict[str, str]) -> None:
    assert crosses(OURS | headers, scheme="http")


@pytest.mark.parametrize("door", [door for door in DOORS if door.method == "POST"], ids=lambda door: door.path)
def test_nothing_is_changed_by_a_page_elsewhere(console_of: Served, door: object) -> None:
    thandi = console_of.signed_in(console_of.tenant())
    path = door.path.replace("{call}", str(uuid7()))  # type: ignore[attr-defined]
    for origin in ("http://evil.example", "null"):
        answer = thandi.send("POST", path, b"theme=dark", {"origin": origin})
        assert answer.status == 403
        assert answer.cookies == ()
    assert thandi.get("/calls").status == 200, "still signed in"


def test_another_name_for_our_address_is_not_us(console_of: Served) -> None:
    # DNS rebinding: evil.example answers with 127.0.0.1, and its page then reads what we say.
    visitor = console_of.visitor()
    for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", ""):
        assert visitor.send("GET", "/sign-in", headers={"host": host}).status in (400, 421)
    for host in ("localhost:1", "127.0.0.1", "[::1]:8443"):
        assert visitor.send("GET", "/sign-in", headers={"host": host}).status == 200


@pytest.mark.parametrize(
    ("address", "listen", "host", "status"),
    [
        ("https://imvume.example.org", "127.0.0.1:8443", "imvume.example.org", 200),
        ("https://imvume.example.org", "127.0.0.1:8443", "evil.example", 421),
        ("https://imvume.example.org", "10.0.0.5:443", "10.0.0.5", 421),
        ("https://imvume.example.org", "10.0.0.5:443", "localhost", 200),
        ("", "10.0.0.5:443", "anything.example", 200),
        ("", "127.0.0.1:8443", "anything.example", 421),
    ],
)
def test_the_address_that_people_type_is_the_one_that_is_answered(
    address: str, listen: str, host: str, status: int
) -> None:
    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("in")(scope, receive, send)

    async def ask() -> list[Message]:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "http.request", "body": b""}

        scope = {
            "type": "http", "method": "GET", "path": "/", "scheme": "http", "headers": [(b"host", host.encode())],
        }  # fmt: skip
        await Guard(inner, address=address, listen=listen, tls=False)(scope, receive, send)
        return sent

    # In a thread of its own: the browser of other tests keeps a loop running in this one.
    with ThreadPoolExecutor(1) as pool:
        start = pool.submit(lambda: asyncio.run(ask())).result()[0]
    assert start["status"] == status
    secure = dict(start["headers"]).get(b"strict-transport-security")
    assert (secure is not None) == address.startswith("https:")


# Who may see what -------------------------------------------------------------------------------


@pytest.mark.parametrize("role", list(Role))
def test_each_role_is_let_through_each_door_that_its_rights_open_and_no_other(console_of: Served, role: Role) -> None:
    from imvume.staff.rules import may

    tenant = console_of.tenant()
    visitor = console_of.signed_in(tenant, role)
    for door in DOORS:
        if not isinstance(door.who, Right):
            continue
        path = door.path.replace("{call}", str(uuid7()))
        answer = visitor.get(path) if door.method == "GET" else visitor.post(path, q="")
        if may(role, door.who):
            assert answer.status in (200, 303, 404), (role, path)
        else:
            assert answer.status == 403, (role, path)
            assert "Your role does not allow this." in answer.text


def test_nobody_comes_through_any_door_without_signing_in(console_of: Served) -> None:
    stranger = console_of.visitor()
    for door in DOORS:
        if door.who in (Open.EVERYBODY, Open.NOBODY_ASKED):
            continue
        path = door.path.replace("{call}", str(uuid7()))
        answer = stranger.get(path) if door.method == "GET" else stranger.post(path)
        assert answer.status == 303
        assert answer.headers["location"].startswith("/sign-in")


def test_what_a_stranger_may_ask_is_this_and_nothing_more() -> None:
    assert {(door.method, door.path) for door in DOORS if door.who in (Open.EVERYBODY, Open.NOBODY_ASKED)} == {
        ("GET", "/sign-in"),
        ("POST", "/sign-in"),
        ("GET", "/set-up"),
        ("POST", "/set-up"),
        ("POST", "/sign-out"),
        ("POST", "/theme"),
        ("GET", "/static/{hash}/{name:path}"),
    }


# What the log says ------------------------------------------------------------------------------


def test_the_log_names_nobody(console_of: Served) -> None:
    tenant = console_of.tenant()
    _, email = console_of.hire(tenant, Role.OFFICER)
    call = feed.call(console_of.house, tenant, at=console_of.clock() - timedelta(hours=1))
    thandi = console_of.visitor()
    with capture_logs() as lines:
        thandi.post("/sign-in", email=email, password=PASSWORD)
        sought = thandi.post("/calls/search", q=feed.NALEDI).headers["location"]
        thandi.get(sought)
        thandi.post(f"/calls/{call}/open", reason="complaint", words="of Naledi")
        thandi.get(f"/calls/{call}")
        thandi.get(f"/set-up?link={console_of.link(tenant)}")
    said = repr(lines)
    for secret in (
        email,
        PASSWORD,
        feed.NALEDI,
        feed.NALEDI[1:],
        "Naledi",
        sought.partition("=")[2],
        thandi.cookies["imvume"],
        "link=",
    ):
        assert secret not in said
    assert {line["route"] for line in lines if line["event"] == "answered"} == {
        "/sign-in", "/calls/search", "/calls", "/calls/{call}/open", "/calls/{call}", "/set-up",
    }  # fmt: skip


def test_a_fault_of_ours_is_a_page_that_tells_nothing_of_it(
    console_of: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    thandi = console_of.signed_in(console_of.tenant())

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("Key (email)=(naledi@example.org) already exists")

    monkeypatch.setattr("imvume.web.pages.calls.found.find", broken)
    with capture_logs() as lines:
        answer = thandi.get("/calls")
    assert answer.status == 500
    assert "This page could not be made." in answer.text
    assert "naledi" not in answer.text + repr(lines)
    assert [line["error"] for line in lines if line["event"] == "failed"] == ["ZeroDivisionError"]
