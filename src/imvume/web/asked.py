"""What a page is asked: one request in our words, and the answers that every page may give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode
from uuid import UUID

from starlette.responses import RedirectResponse, Response

from imvume.archive.house import House
from imvume.errors import NotFound
from imvume.staff import rules
from imvume.staff.actions import Session
from imvume.staff.rules import Right
from imvume.store.database import Tx

THEMES = ("auto", "light", "dark")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. `query` and `form` hold the last of repeated values; `path` is without the query."""

    house: House
    method: str
    path: str
    at: datetime
    who_or_none: Session | None = None
    token: str = ""  # of the session; what only this browser has
    params: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    theme: str = "auto"
    tls: bool = False

    @property
    def who(self) -> Session:
        """Who is signed in. A programming error on a page that is open to everybody."""
        if self.who_or_none is None:
            raise AssertionError("this page is open to everybody")
        return self.who_or_none

    @contextmanager
    def transaction(self) -> Iterator[Tx]:
        """A transaction of the tenant of whoever is signed in: no page can name another."""
        with self.house.database.transaction(self.who.tenant) as tx:
            yield tx

    def may(self, right: Right) -> bool:
        """Whether whoever is signed in has `right`; for showing a link or not. The route is what refuses."""
        return self.who_or_none is not None and rules.may(self.who_or_none.role, right)

    def id(self, name: str) -> UUID:
        """The id in the path. Raises NotFound for what is none, as for one that is nobody's."""
        try:
            return UUID(self.params[name])
        except ValueError:
            raise not_here() from None

    @property
    def fresh(self) -> bool:
        """Whether the password was given recently enough to open something."""
        return rules.fresh(self.who.fresh_at, at=self.at, within=timedelta(minutes=self.house.config.fresh_minutes))


def cookie_name(tls: bool) -> str:
    """What the session's cookie is called: with TLS, by a name that no other host and no plain page can set."""
    return "__Host-imvume" if tls else "imvume"


def not_here() -> NotFound:
    """The answer for what does not exist and for what is somebody else's: nobody can tell which."""
    return NotFound(
        "web.page.none",
        "There is nothing here.",
        why="The address is wrong, or what it led to is gone.",
        remedy="Go back to the list and look for it there.",
    )


def see(path: str, **query: str) -> Response:
    """Send the browser to another page of ours, by GET."""
    return RedirectResponse(f"{path}?{urlencode(query)}" if query else path, status_code=303)


def sign_in_first(asked: Asked, query: str) -> Response:
    """Send whoever is not signed in to the door, and afterwards back to where they wanted to go."""
    if asked.method not in ("GET", "HEAD"):
        return see("/sign-in")
    wanted = f"{asked.path}?{query}" if query else asked.path
    door = "/sign-in" if wanted == "/" else f"/sign-in?next={quote(wanted, safe='')}"
    if asked.headers.get("hx-request"):  # it swaps a part of the page; the door is a page of its own
        return Response(status_code=401, headers={"HX-Redirect": door})
    return RedirectResponse(door, 303)


def own_path(text: str, default: str = "/") -> str:
    """`text` where it is a path on this console, else `default`: nobody is sent elsewhere from here.

    "//host", "/\\host" and control characters lead out of the house in some browsers.
    """
    safe = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isascii() and text.isprintable()
    return text if safe and "\\" not in text and " " not in text else default
