"""The console in a real browser: by keyboard, without a script, on a small screen, and looked at by axe."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from imvume.archive import destroying, holding
from imvume.basics.ids import CallId, TenantId
from imvume.evidence.sequencer import sequence
from imvume.staff.rules import Role

from . import feed
from .conftest import PASSWORD, Served

pytestmark = pytest.mark.browser

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text("utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDTHS = (1280, 320)
THEMES = ("light", "dark")


class Scene:
    """A small archive with a call of each kind."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.tenant: TenantId = served.tenant("Meridian Life")
        house, now = served.house, served.clock()
        self.calls: list[CallId] = [
            feed.call(
                house,
                self.tenant,
                at=now - timedelta(hours=30 - n),
                caller=f"+447700900{n:03}",
                direction="out" if n % 3 else "in",
                queue="Service" if n % 2 else "Claims",
                recorded=n % 4 != 3,
                seconds=4.0 + n,
            )
            for n in range(6)
        ]
        self.sealed, self.held, self.gone, self.silent = self.calls[0], self.calls[1], self.calls[2], self.calls[3]
        with house.database.transaction(self.tenant) as tx:
            holding.hold(tx, house.vault, [self.held], reason="The Ombud asked", by=None, at=now)
            destroying.destroy(tx, self.gone, ground="erasure", reason="She asked", by=None, at=now)
        sequence(house.database, house.vault, self.tenant, at=now, heads_in=house.config.keys)
        _, self.email = served.hire(self.tenant, Role.OFFICER, "Thandi Mokoena")

    def sign_in(self, page: Page) -> None:
        """Thandi signs in."""
        page.goto(f"{self.served.address}/sign-in")
        page.get_by_label("E-mail address").fill(self.email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Calls")

    def open(self, page: Page) -> None:
        """Thandi opens the sealed call's recording."""
        page.goto(f"{self.served.address}/calls/{self.sealed}")
        page.get_by_label("Reason").select_option("complaint")
        page.get_by_role("button", name="Open the recording").click()
        expect(page.locator("iv-player")).to_be_visible()


@pytest.fixture(scope="module")
def scene(served: Served) -> Scene:
    """One archive for all of these; they only look."""
    served.clock.ahead = timedelta()
    return Scene(served)


@pytest.fixture
def look(browser: Browser, browser_context_args: dict[str, Any]) -> Iterator[Any]:
    """Windows of any width and theme. Whatever their console says fails the test."""
    open_: list[BrowserContext] = []
    heard: list[str] = []

    def window(*, width: int = 1280, theme: str = "light", **more: Any) -> Page:
        context = browser.new_context(
            **{**browser_context_args, "viewport": {"width": width, "height": 800}, "color_scheme": theme, **more}
        )
        open_.append(context)
        page = context.new_page()
        page.on("console", lambda said: heard.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: heard.append(str(error)))
        return page

    yield window
    for context in open_:
        context.close()
    # A page that is itself an error answers with its status, and the browser says so; nothing else may be said.
    assert [
        text for text in heard if "Failed to load resource: the server responded with a status of 4" not in text
    ] == []


def axe(page: Page) -> list[str]:
    """What axe finds on the page as it is, each with where."""
    page.evaluate(AXE)
    found = page.evaluate(f"() => axe.run(document, {{runOnly: {RULES}}})")
    return [f"{v['id']}: {node['target']} {node['failureSummary']}" for v in found["violations"] for node in v["nodes"]]


def sideways(page: Page) -> int:
    """How far the page itself scrolls sideways: tables may, within their own frame."""
    return int(page.evaluate("() => document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"))


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_nothing_on_any_page(scene: Scene, look: Any, width: int, theme: str) -> None:
    page = look(width=width, theme=theme)
    address = scene.served.address
    for path in ("/sign-in", "/set-up?link=used", f"/set-up?link={scene.served.link(scene.tenant)}"):
        page.goto(address + path)
        assert axe(page) == [], path
        assert sideways(page) == 0, path
    page.goto(f"{address}/sign-in")
    page.get_by_label("E-mail address").fill("nobody@example.org")
    page.get_by_label("Password").fill("wrong wrong wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert axe(page) == []
    scene.sign_in(page)
    calls = [scene.sealed, scene.held, scene.gone, scene.silent]
    there = ["/calls", "/calls?queue=Nothing", "/archive", "/evidence", "/about", *(f"/calls/{call}" for call in calls)]
    for path in [*there, "/nowhere", "/calls?since=never"]:
        answer = page.goto(address + path)
        assert answer.ok == (path in there), path
        assert axe(page) == [], path
        assert sideways(page) == 0, path
    scene.open(page)
    assert axe(page) == []
    assert sideways(page) == 0


def test_axe_finds_nothing_in_what_opens(scene: Scene, look: Any) -> None:
    for theme in THEMES:
        page = look(theme=theme)
        scene.sign_in(page)
        for name in ("Day", "Direction", "Queue"):
            page.get_by_role("button", name=name).click()
            assert axe(page) == [], name
            page.keyboard.press("Escape")
        page.get_by_role("button", name="Signed in as Thandi Mokoena").click()
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()
        assert axe(page) == []
        page.keyboard.press("Escape")
        page.keyboard.press("?")
        expect(page.get_by_role("dialog")).to_be_visible()
        assert axe(page) == []


def test_from_the_link_to_hearing_a_call_by_keyboard_alone(scene: Scene, page: Page) -> None:
    served = scene.served
    tenant = served.tenant("By Keyboard")
    feed.call(served.house, tenant, at=served.clock() - timedelta(hours=1), seconds=8.0)
    page.goto(f"{served.address}/set-up?link={served.link(tenant)}")
    keys = page.keyboard
    keys.type("Thandi Mokoena")  # the first field has the focus
    keys.press("Tab")
    keys.type(f"kb.{tenant.hex}@example.org")
    keys.press("Tab")
    keys.type(PASSWORD)
    keys.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Calls")
    keys.press("j")
    keys.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Incoming call from")
    page.get_by_label("Reason").focus()
    keys.type("A comp")
    keys.press("Tab")
    keys.type("ref 4471")
    keys.press("Enter")
    expect(page.locator("iv-player")).to_be_visible()
    for _ in range(40):
        if page.evaluate("() => document.activeElement.matches('[data-seek]')"):
            break
        keys.press("Tab")
    else:
        raise AssertionError("Tab never reaches the position")
    keys.press("ArrowRight")
    expect(page.locator("[data-time]")).to_have_text("0:05 / 0:08")
    keys.press("Tab")
    keys.press("Enter")
    page.wait_for_function("() => document.querySelector('audio').currentTime > 5.2")
    expect(page.get_by_role("button", name="Pause")).to_be_focused()
    keys.press("Enter")
    page.wait_for_function("() => document.querySelector('audio').paused")
    keys.press("Shift+Tab")
    keys.press("Home")
    page.wait_for_function("() => document.querySelector('audio').currentTime === 0")
    assert page.get_by_label("Position").get_attribute("aria-valuetext") == "0:00 of 0:08"
    page.goto(f"{served.address}/calls")
    keys.press("g")
    keys.press("e")
    expect(page.get_by_role("heading", level=1)).to_have_text("Evidence")


def test_space_plays_and_the_buttons_skip(scene: Scene, page: Page) -> None:
    scene.sign_in(page)
    scene.open(page)
    page.locator("body").click(position={"x": 5, "y": 5})
    page.keyboard.press(" ")
    page.wait_for_function("() => document.querySelector('audio').currentTime > 0.2")
    page.keyboard.press(" ")
    page.wait_for_function("() => document.querySelector('audio').paused")
    page.get_by_role("button", name="Forward 5 seconds").click()
    page.get_by_role("button", name="Back 5 seconds").click()
    page.get_by_role("button", name="Back 5 seconds").click()
    page.wait_for_function("() => document.querySelector('audio').currentTime === 0")
    page.get_by_label("Speed").select_option("2")
    assert page.evaluate("() => document.querySelector('audio').playbackRate") == 2
    box = page.locator(".track").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + 20)
    page.wait_for_function("() => Math.abs(document.querySelector('audio').currentTime - 3) < 0.1")


def test_nothing_is_fetched_before_somebody_presses_play(scene: Scene, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    scene.sign_in(page)
    scene.open(page)
    page.get_by_role("button", name="Forward 5 seconds").click()
    page.wait_for_load_state("networkidle")
    assert not [url for url in asked if url.endswith("/sound")]
    assert {url.partition("/")[0] + "//" + url.split("/")[2] for url in asked} == {scene.served.address}


def test_single_keys_can_be_switched_off(scene: Scene, page: Page) -> None:
    scene.sign_in(page)
    page.keyboard.press("?")
    page.get_by_label("Shortcuts of a single key are on").uncheck()
    page.get_by_role("button", name="Close").click()
    page.keyboard.press("/")
    expect(page.locator("#q")).not_to_be_focused()
    page.reload()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.get_by_role("button", name="Keyboard shortcuts").click()
    page.get_by_label("Shortcuts of a single key are on").check()
    page.get_by_role("button", name="Close").click()
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()


def test_a_choice_narrows_the_list_and_stays_open_and_in_the_address(scene: Scene, page: Page) -> None:
    scene.sign_in(page)
    expect(page.locator(".tbl tbody tr")).to_have_count(6)
    page.get_by_role("button", name="Queue").click()
    page.get_by_role("radio", name="Claims").check()
    expect(page.locator(".tbl tbody tr")).to_have_count(3)
    assert "queue=Claims" in page.url
    expect(page.get_by_role("radio", name="Claims")).to_be_visible()
    expect(page.get_by_role("radio", name="Claims")).to_be_focused()
    expect(page.get_by_role("button", name="Queue: Claims")).to_be_visible()
    page.reload()
    expect(page.locator(".tbl tbody tr")).to_have_count(3)
    page.get_by_role("link", name="Clear").click()
    expect(page.locator(".tbl tbody tr")).to_have_count(6)
    page.go_back()
    expect(page.locator(".tbl tbody tr")).to_have_count(3)


def test_a_search_for_a_person_shows_their_calls_masked(scene: Scene, page: Page) -> None:
    scene.sign_in(page)
    page.keyboard.press("/")
    page.keyboard.type("+44 7700 900 001")
    page.keyboard.press("Enter")
    expect(page.locator(".tbl tbody tr")).to_have_count(1)
    assert "900001" not in page.url
    assert "900001" not in page.content()
    chip = page.get_by_role("link", name="With +44 77 ••• 0001. Take this away")
    page.get_by_role("button", name="Direction").click()
    page.get_by_role("radio", name="Incoming").check()
    expect(page.get_by_role("heading", name="No call matches")).to_be_visible()
    expect(chip).to_be_visible()
    page.keyboard.press("Escape")
    chip.click()
    expect(page.locator(".tbl tbody tr")).to_have_count(2)


def test_a_sign_in_that_ended_meanwhile_leads_to_the_door_and_back(scene: Scene, look: Any) -> None:
    page = look()
    scene.sign_in(page)
    page.context.clear_cookies()
    page.get_by_role("button", name="Queue").click()
    page.get_by_role("radio", name="Claims").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.get_by_label("E-mail address").fill(scene.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".tbl tbody tr")).to_have_count(3)


def test_the_theme_changes_at_once_and_survives(scene: Scene, page: Page) -> None:
    scene.sign_in(page)
    ground = "() => getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate(ground) != light
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_role("button", name="Theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    assert page.evaluate(ground) == light


def test_everything_works_without_a_script(scene: Scene, look: Any) -> None:
    page = look(java_script_enabled=False)
    scene.sign_in(page)
    page.get_by_role("button", name="Queue").click()
    page.get_by_role("radio", name="Claims").check()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator(".tbl tbody tr")).to_have_count(3)
    page.locator("#q").fill("+447700900001")
    page.locator("#q").press("Enter")
    expect(page.locator(".tbl tbody tr")).to_have_count(1)
    page.locator("a.id").click()
    page.get_by_label("Reason").select_option("audit")
    page.get_by_role("button", name="Open the recording").click()
    expect(page.locator("audio")).to_be_visible()
    expect(page.locator("audio")).to_have_attribute("controls", "")
    expect(page.locator(".transport")).to_be_hidden()
    page.get_by_role("button", name="Signed in as").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_a_session_that_ended_shows_the_door_and_back_shows_nothing_of_anybody(scene: Scene, page: Page) -> None:
    scene.sign_in(page)
    page.goto(f"{scene.served.address}/calls/{scene.sealed}")
    page.get_by_role("button", name="Signed in as").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_on_paper_there_is_the_page_and_nothing_to_press(scene: Scene, page: Page) -> None:
    scene.sign_in(page)
    scene.open(page)
    page.emulate_media(media="print", color_scheme="dark")
    for hidden in (".side", ".top", ".transport", "[data-print]"):
        expect(page.locator(hidden).first).to_be_hidden()
    for shown in (".wave", ".tl", ".print-only"):
        expect(page.locator(shown).first).to_be_visible()
    assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.emulate_media(media="screen")


def test_the_first_visit_is_small(scene: Scene, look: Any) -> None:
    page = look()
    sizes: list[int] = []
    page.on("requestfinished", lambda request: sizes.append(request.sizes()["responseBodySize"]))
    scene.sign_in(page)
    page.wait_for_load_state("networkidle")
    assert sum(sizes) < 110_000, "the budget of a slow link; most of it is the typeface"
