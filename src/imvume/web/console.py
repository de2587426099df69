"""The console as an ASGI application: the table of routes, and the one way in which each is answered."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Final
from urllib.parse import parse_qsl

import structlog
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from imvume.archive.house import House
from imvume.basics import clock
from imvume.basics import log as logs
from imvume.errors import BadInput, ImvumeError
from imvume.staff import actions, rules
from imvume.staff.rules import Right
from imvume.web import render
from imvume.web.asked import THEMES, Asked, cookie_name, not_here, sign_in_first
from imvume.web.guard import Guard
from imvume.web.pages import about, archive, call, calls, door, evidence, sound
from imvume.web.problems import problem

FORM_BYTES_MAX = 16 * 1024  # of every form here; the largest has five short fields
FORM_FIELDS_MAX = 40

log = structlog.get_logger("imvume.web")


class Open(Enum):
    """Who may ask, where it is no right that decides."""

    NOBODY_ASKED = "nobody is asked"  # the same for all, so that the database need not be
    EVERYBODY = "everybody"
    STAFF = "staff"  # anybody who is signed in


@dataclass(frozen=True, slots=True)
class Door:
    """One route. There is no default for `who`: a page without an answer to that cannot be written."""

    method: str
    path: str
    who: Right | Open
    answer: Callable[[Asked], Response]


DOORS: Final = (
    Door("GET", "/", Open.STAFF, door.home),
    Door("GET", "/sign-in", Open.EVERYBODY, door.sign_in_page),
    Door("POST", "/sign-in", Open.EVERYBODY, door.sign_in),
    Door("GET", "/set-up", Open.EVERYBODY, door.set_up_page),
    Door("POST", "/set-up", Open.EVERYBODY, door.set_up),
    Door("POST", "/sign-out", Open.EVERYBODY, door.sign_out),
    Door("POST", "/theme", Open.EVERYBODY, door.theme),
    Door("GET", "/calls", Right.SEE_CALLS, calls.listing),
    Door("POST", "/calls/search", Right.SEE_CALLS, calls.search),
    Door("GET", "/calls/{call}", Right.SEE_CALLS, call.card),
    Door("POST", "/calls/{call}/open", Right.HEAR_CALLS, call.open_recording),
    Door("GET", "/calls/{call}/sound", Right.HEAR_CALLS, sound.sound),
    Door("GET", "/archive", Right.SEE_ARCHIVE, archive.overview),
    Door("GET", "/evidence", Right.SEE_EVIDENCE, evidence.overview),
    Door("GET", "/evidence/checkpoint", Right.SEE_EVIDENCE, evidence.checkpoint),
    Door("GET", "/evidence/key", Right.SEE_EVIDENCE, evidence.key),
    Door("GET", "/about", Open.STAFF, about.about),
    Door("GET", "/static/{hash}/{name:path}", Open.NOBODY_ASKED, render.static),
)


def console(house: House, *, now: Callable[[], datetime] = clock.now) -> ASGIApp:
    """The console of `house`, ready to be served. now: the clock, which a test may hold."""
    config = house.config
    tls = bool(config.tls_certificate)
    routes = [Route(d.path, _endpoint(house, d, now, tls), methods=[d.method]) for d in DOORS]

    async def no_route(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        asked = _asked(house, request, at=now(), tls=tls)
        with suppress(ImvumeError):  # who asks only decides how the page is dressed
            asked = await run_in_threadpool(_recognised, asked)
        return await run_in_threadpool(problem, asked, _misrouted(status), status)

    inner = Starlette(routes=routes, exception_handlers={404: no_route, 405: no_route})
    inner.router.redirect_slashes = False  # a redirect made of the Host header is one more thing to get wrong
    return Guard(inner, address=config.address, listen=config.listen, tls=tls)


def _endpoint(house: House, door: Door, now: Callable[[], datetime], tls: bool) -> Callable[..., object]:
    async def answer(request: Request) -> Response:
        request.scope["imvume.route"] = door.path
        asked = _asked(house, request, at=now(), tls=tls)
        try:
            if door.who is not Open.NOBODY_ASKED:
                asked = await run_in_threadpool(_recognised, asked)
                if asked.who_or_none is None and door.who is not Open.EVERYBODY:
                    return sign_in_first(asked, request.url.query)
            if isinstance(door.who, Right):
                rules.require(asked.who.role, door.who)
            if door.method == "POST":
                asked = replace(asked, form=await _form(request))
            if any("\0" in value for value in (*asked.query.values(), *asked.form.values())):
                raise _unreadable("It holds a sign that no text has.")  # PostgreSQL keeps none, and nobody types one
            return await run_in_threadpool(door.answer, asked)
        except ImvumeError as error:
            if error.status >= 500:
                log.warning("refused", route=door.path, code=error.code)
            return await run_in_threadpool(problem, asked, error, error.status)
        except ClientDisconnect:
            return Response(status_code=499)
        except Exception as error:
            log.error("failed", route=door.path, **logs.fault(error))
            return await run_in_threadpool(problem, asked, _misrouted(500), 500)

    return answer


def _asked(house: House, request: Request, *, at: datetime, tls: bool) -> Asked:
    tls = tls or house.config.address.startswith("https:")
    theme = request.cookies.get("theme", "auto")
    return Asked(
        house=house,
        method=request.method,
        path=request.url.path,
        at=at,
        token=request.cookies.get(cookie_name(tls), ""),
        params=request.path_params,
        query=dict(request.query_params),
        headers=request.headers,
        address=request.client.host if request.client else "",
        theme=theme if theme in THEMES else "auto",
        tls=tls,
    )


def _recognised(asked: Asked) -> Asked:
    if not asked.token:
        return asked
    idle = timedelta(minutes=asked.house.config.idle_minutes)
    return replace(asked, who_or_none=actions.session(asked.house.database, asked.token, at=asked.at, idle=idle))


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form. Raises BadInput for another content type, or for more than any form here has."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > FORM_BYTES_MAX:
            raise _unreadable("It is larger than any form here.")
    if media_type != "application/x-www-form-urlencoded":
        if not body:
            return {}
        raise _unreadable("It is not a form.")
    try:
        text = body.decode("utf-8")
        fields = parse_qsl(text, keep_blank_values=True, max_num_fields=FORM_FIELDS_MAX, errors="strict")
    except ValueError:
        raise _unreadable("Its fields are not text in UTF-8.") from None
    return dict(fields)


def _unreadable(why: str) -> BadInput:
    return BadInput(
        "web.form.unreadable",
        "What was sent cannot be read.",
        why=why,
        remedy="Go back, reload the page, and try again.",
    )


def _misrouted(status: int) -> ImvumeError:
    if status == 404:
        return not_here()
    if status == 405:
        return BadInput(
            "web.page.method",
            "This address does not answer that way.",
            why="A form was sent to a page, or a page was asked of a form.",
            remedy="Go back to the list and begin from there.",
        )
    return ImvumeError(
        "web.page.failed",
        "This page could not be made.",
        why="Something happened that we did not expect. It is in the log.",
        remedy="Try again. If it stays, run `imvume doctor` on the machine.",
    )
