"""A small browser without a window: keeps its cookies, says where it comes from, follows nothing by itself."""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urlsplit


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Header names are in lower case; of repeated ones the last."""

    status: int
    headers: dict[str, str]
    cookies: tuple[str, ...]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8")


class Visitor:
    """One browser. `cookies` may be looked at and changed, as a thief would."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.cookies: dict[str, str] = {}

    def get(self, path: str, **headers: str) -> Answer:
        """Ask for a page. Headers are written with underscores: if_range."""
        return self.send("GET", path, headers=headers)

    def post(self, path: str, **fields: str) -> Answer:
        """Send a form, as a page of the console would."""
        return self.send("POST", path, urlencode(fields).encode(), {"origin": self.address})

    def send(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
        """Any request at all."""
        sent = {name.replace("_", "-"): value for name, value in (headers or {}).items()}
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if body and "content-type" not in sent:
            sent["content-type"] = "application/x-www-form-urlencoded"
        connection = http.client.HTTPConnection(urlsplit(self.address).netloc, timeout=30)
        try:
            connection.request(method, path, body=body or None, headers=sent)
            response = connection.getresponse()
            content = response.read()
            given = tuple(value for name, value in response.getheaders() if name.lower() == "set-cookie")
        finally:
            connection.close()
        for cookie in given:
            for name, morsel in SimpleCookie(cookie).items():
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value
        return Answer(response.status, {n.lower(): v for n, v in response.getheaders()}, given, content)
