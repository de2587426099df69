"""What stands around every answer: headers, the host and origin of a request, the log. No page can forget it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# No nonce and no exception: nothing inline, nothing from elsewhere, nothing evaluated.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "media-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; manifest-src 'self'"
)

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",  # for browsers older than frame-ancestors
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), display-capture=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Server": "imvume",  # else the server below us says its own name
}
STRICT_TRANSPORT = "max-age=31536000"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

log = structlog.get_logger("imvume.web")


class Guard:
    """Wraps the whole application.

    address: what people type, such as https://imvume.example.org; empty where there is none but `listen`.
    listen: host and port the server listens on.
    """

    def __init__(self, inner: ASGIApp, *, address: str, listen: str, tls: bool) -> None:
        self._inner = inner
        self._own = urlsplit(address).netloc.lower() if address else ""
        self._loopback = listen.rpartition(":")[0] in LOOPBACK
        self._tls = tls or address.startswith("https:")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, with the headers on it and a line in the log."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def send_guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                if self._tls:
                    headers["Strict-Transport-Security"] = STRICT_TRANSPORT
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        request = Headers(scope=scope)
        if not self._ours(request):
            answer: ASGIApp = PlainTextResponse("This is not the address of this console.\n", 421)
        elif scope["method"] not in SAFE and crosses(request, scheme=self._scheme(scope)):
            answer = PlainTextResponse(
                "This was not sent from a page of this console. Go back, reload the page, and send it again.\n", 403
            )
        else:
            answer = self._inner
        try:
            await answer(scope, receive, send_guarded)
        finally:
            # The route's pattern, never the path or the query: nobody is found again in this log.
            route = scope.get("imvume.route", "-")
            took = round((time.perf_counter() - began) * 1000, 1)
            log.info("answered", method=scope["method"], route=route, status=status, ms=took)

    def _scheme(self, scope: Scope) -> str:
        return "https" if self._tls else str(scope["scheme"])

    def _ours(self, headers: Headers) -> bool:
        """Whether the request names this console as its host.

        A page on the internet may give its own name our loopback address ("DNS rebinding") and talk
        to us from a browser inside; it cannot make that browser send our name as the host.
        """
        host = headers.get("host", "").lower()
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if name in LOOPBACK:
            return True
        return host == self._own if self._own else not self._loopback


def crosses(headers: Mapping[str, str], *, scheme: str) -> bool:
    """Whether a request that changes something may have been sent by a page that is not ours.

    Browsers say where a request comes from and pages cannot forge it (Fetch Metadata; Origin,
    RFC 6454). A request that says nothing is refused: every browser of the last years says one of
    them. SameSite on the cookie is the second wall.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site != "same-origin":
        return True
    if origin is not None:
        return origin.lower() != f"{scheme}://{headers.get('host', '')}".lower()
    return site is None
