"""The list of calls: filters in the address, and a search that leaves no number there."""

from __future__ import annotations

import base64
import re
from datetime import date, datetime, time, timedelta
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from starlette.responses import Response

from imvume.basics import phone
from imvume.basics.ids import CallId
from imvume.calls import search as found
from imvume.calls.search import Question
from imvume.errors import BadInput, Broken
from imvume.keys import wrap
from imvume.web import render
from imvume.web.asked import Asked, see

DIRECTIONS = {"in": "Incoming", "out": "Outgoing", "internal": "Internal"}
FACETS = ("direction", "queue", "campaign", "disposition")
FACET_MAX = 200  # characters; longer is no queue
SOUGHT_MAX = 64  # characters of a number or an extension
PAGE_ROWS = 50

_REFERENCE = re.compile(r"C-[0-9A-HJKMNP-TV-Z]{9}")


def listing(asked: Asked) -> Response:
    """A page of calls, the newest first."""
    chosen = {name: asked.query[name][:FACET_MAX] for name in FACETS if asked.query.get(name)}
    who = opened(asked, asked.query["sought"]) if asked.query.get("sought") else ""
    ref = asked.query.get("ref", "")[:16]
    since, until = _day(asked, "since"), _day(asked, "until")
    question = Question(
        who=who,
        ref=ref,
        direction=chosen.get("direction"),
        queue=chosen.get("queue"),
        campaign=chosen.get("campaign"),
        disposition=chosen.get("disposition"),
        since=_midnight(asked, since) if since else None,
        until=_midnight(asked, until + timedelta(days=1)) if until else None,
    )
    before = _cursor(asked)
    with asked.transaction() as tx:
        page = found.find(tx, asked.house.vault, question, before=before, limit=PAGE_ROWS)
        # Nobody else's calls are counted for a question about a person: the answer would cost
        # a walk through all of them, and the page says how many it shows.
        total = None if who else found.count(tx, question)
        choices = found.choices(tx)
    narrowed = bool(chosen or who or ref or since or until)
    return render.page(
        asked,
        "calls.html",
        page=page,
        total=total,
        capped=found.COUNTED_TO,
        choices=choices,
        chosen={name: chosen.get(name, "") for name in FACETS},
        dates={"since": since, "until": until},
        who_shown=_shown(asked, who),
        partial=_partial(who),
        ref=ref,
        narrowed=narrowed,
        first=before is None,
        newest=_again(asked, "before"),
        older=_again(asked, "before", before=str(page.following)) if page.following else None,
        without=lambda *names: _again(asked, "before", *names),
        kept={name: asked.query[name] for name in ("sought", "ref") if asked.query.get(name)},
        directions=DIRECTIONS,
    )


def search(asked: Asked) -> Response:
    """Take what was typed out of the body of a POST, and go where its answer is.

    A number must not stand in an address: addresses are kept in the browser's history and in
    logs, and are sent around. So what was typed travels on sealed under this session's own
    token, which is in the browser alone (we keep its hash): the address means nothing to
    anybody else, and nothing to anyone once the session has ended. It needs no row of ours
    that would have to be cleaned up, and going back and reloading work.
    """
    typed = " ".join(asked.form.get("q", "").split())
    if not typed:
        return see("/calls")
    if _REFERENCE.fullmatch(typed.upper()):
        with asked.transaction() as tx:
            call = found.by_ref(tx, typed)
        return see(f"/calls/{call}") if call else see("/calls", ref=typed.upper())
    return see("/calls", sought=sealed(asked, typed[:SOUGHT_MAX]))


def sealed(asked: Asked, who: str) -> str:
    """`who` for the address of this session, of the same length whatever it is."""
    text = who.encode()[:SOUGHT_MAX].ljust(SOUGHT_MAX)
    return base64.urlsafe_b64encode(wrap.seal_text(asked.token.encode(), _context(asked), text)).decode().rstrip("=")


def opened(asked: Asked, sought: str) -> str:
    """What `sealed` sealed. Raises BadInput in any other session than the one that searched."""
    try:
        data = base64.urlsafe_b64decode(sought + "=" * (-len(sought) % 4))
        return wrap.open_text(asked.token.encode(), _context(asked), data).decode("utf-8", "ignore").strip()
    except (Broken, ValueError):
        raise BadInput(
            "web.calls.search-ended",
            "This search has ended.",
            why="A search for a person belongs to the sign-in in which it was made, so that its address tells nobody.",
            remedy="Type the number again in the search field.",
        ) from None


def _context(asked: Asked) -> str:
    return f"sought|{asked.who.tenant}"


def _shown(asked: Asked, who: str) -> str:
    number = phone.read(who, region=asked.house.config.region) if who else None
    return number.masked() if number else who


def _partial(who: str) -> bool:
    digits = sum(sign.isdigit() for sign in who)
    return 0 < digits < 9


def _day(asked: Asked, name: str) -> date | None:
    text = asked.query.get(name, "")
    if not text:
        return None
    try:
        on = date.fromisoformat(text)
        if not 1970 <= on.year <= 9000:  # before UUIDv7 begins, and where adding a day runs over
            raise ValueError
    except ValueError:
        raise BadInput(
            "web.calls.date", "That is not a day.", remedy="Write it as 2026-11-23, or choose it in the calendar."
        ) from None
    return on


def _midnight(asked: Asked, on: date) -> datetime:
    return datetime.combine(on, time(), ZoneInfo(asked.who.zone))


def _cursor(asked: Asked) -> CallId | None:
    text = asked.query.get("before", "")
    if not text:
        return None
    try:
        return CallId(UUID(text))
    except ValueError:
        raise BadInput(
            "web.calls.cursor", "That is no place in the list.", remedy="Go to the newest calls and begin from there."
        ) from None


def _again(asked: Asked, *without: str, **new: str) -> str:
    """This list's address, without some of its questions and with new ones."""
    query = {name: value for name, value in asked.query.items() if value and name not in without} | new
    return f"/calls?{urlencode(query)}" if query else "/calls"
