"""An error as a page: what happened, why, what to do next, and a way back."""

from __future__ import annotations

from starlette.responses import Response

from imvume.errors import ImvumeError
from imvume.web import render
from imvume.web.asked import Asked

ICONS = {401: "lock-keyhole", 403: "ban", 404: "search-x", 429: "hourglass", 503: "loader"}


def problem(asked: Asked, error: ImvumeError, status: int) -> Response:
    """The page that says it. A whole page: htmx swaps it in like any other, and it reads well alone."""
    answer = render.page(
        asked,
        "problem.html",
        status=status,
        error=error,
        icon_name=ICONS.get(status, "triangle-alert"),
        back=_back(asked),
    )
    if status == 503:
        answer.headers["Retry-After"] = "10"
    return answer


def _back(asked: Asked) -> tuple[str, str]:
    if asked.path.startswith("/calls/"):
        return "/calls", "Back to the calls"
    return ("/", "To the first page") if asked.who_or_none else ("/sign-in", "Sign in")
