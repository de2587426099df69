"""Coming in and going out: the set-up link, sign-in, sign-out, the theme."""

from __future__ import annotations

from starlette.responses import Response

from imvume.errors import ImvumeError
from imvume.staff import actions, rules
from imvume.web import render
from imvume.web.asked import THEMES, Asked, cookie_name, own_path, see

YEAR_SECONDS = 365 * 24 * 3600


def home(asked: Asked) -> Response:
    """The first page that this role may see; one that says so where there is none."""
    for _, items in render.NAVIGATION:
        for path, _, _, right in items:
            if asked.may(right):
                return see(path)
    return render.page(asked, "home.html")


def sign_in_page(asked: Asked) -> Response:
    """The form, or straight on for who is signed in already."""
    wanted = own_path(asked.query.get("next", "/"))
    if asked.who_or_none is not None:
        return see(wanted)
    return render.page(asked, "sign_in.html", wanted=wanted, email="", error=None)


def sign_in(asked: Asked) -> Response:
    """Sign in, and go where one wanted to go. Whatever session the browser had before is over."""
    wanted = own_path(asked.form.get("next", "/"))
    email, password = asked.form.get("email", ""), asked.form.get("password", "")
    try:
        token = actions.sign_in(
            asked.house.database,
            asked.house.vault,
            email[: rules.PASSWORD_MAX * 2],
            password[: rules.PASSWORD_MAX + 1],
            address=asked.address,
            at=asked.at,
        )
    except (actions.Unknown, actions.Braked) as error:
        return _again(asked, "sign_in.html", error, wanted=wanted, email=email)
    return _come_in(asked, token, wanted)


def set_up_page(asked: Asked) -> Response:
    """The form of a good link; looking does not use it up."""
    token = asked.query.get("link", "")
    alive = actions.link_alive(asked.house.database, token, asked.at)
    return render.page(
        asked, "set_up.html", status=200 if alive else 403, alive=alive, link=token, name="", email="", error=None
    )


def set_up(asked: Asked) -> Response:
    """Become the first member of staff, signed in."""
    link, name, email = (asked.form.get(field, "") for field in ("link", "name", "email"))
    try:
        token = actions.take_up(
            asked.house.database, link, name=name, email=email, password=asked.form.get("password", ""), at=asked.at
        )
    except ImvumeError as error:
        if error.status >= 500:
            raise
        alive = actions.link_alive(asked.house.database, link, asked.at)
        return _again(asked, "set_up.html", error, alive=alive, link=link, name=name, email=email)
    return _come_in(asked, token, "/")


def sign_out(asked: Asked) -> Response:
    """The session is over, here and for whoever has a copy of its token."""
    if asked.token:
        actions.sign_out(asked.house.database, asked.token)
    answer = see("/sign-in")
    answer.delete_cookie(cookie_name(asked.tls), path="/", secure=asked.tls, httponly=True, samesite="lax")
    return answer


def theme(asked: Asked) -> Response:
    """Light, dark, or as the machine has it; kept in the browser and sent with each request, so nothing flashes."""
    answer = see(own_path(asked.form.get("back", "/")))
    chosen = asked.form.get("theme", "auto")
    answer.set_cookie(
        "theme",
        chosen if chosen in THEMES else "auto",
        max_age=YEAR_SECONDS,
        path="/",
        secure=asked.tls,
        httponly=True,
        samesite="lax",
    )
    return answer


def _come_in(asked: Asked, token: str, wanted: str) -> Response:
    if asked.token:  # never go on with a token that somebody may have planted
        actions.sign_out(asked.house.database, asked.token)
    answer = see(wanted)
    # Lax, not Strict: a link to a call in a colleague's message should open signed in. What
    # changes something is a POST, and those are refused by origin as well.
    answer.set_cookie(
        cookie_name(asked.tls),
        token,
        max_age=int(rules.SESSION_LASTS.total_seconds()),
        path="/",
        secure=asked.tls,
        httponly=True,
        samesite="lax",
    )
    return answer


def _again(asked: Asked, template: str, error: ImvumeError, **context: object) -> Response:
    answer = render.page(asked, template, status=error.status, error=error, **context)
    if isinstance(error, actions.Braked):
        answer.headers["Retry-After"] = str(int(error.wait.total_seconds()) + 1)
    return answer
