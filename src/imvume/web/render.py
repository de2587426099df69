"""From a template to an answer: escaped, translated, pressed. Also the static files, under a hash of them all."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from functools import cache
from gettext import NullTranslations
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import Response

from imvume import __version__
from imvume.staff.rules import Right
from imvume.web import words
from imvume.web.asked import Asked

MEDIA = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
}
PRESSED = (".css", ".js", ".svg", ".json", ".txt")
PRESS_MIN = 1400  # below one packet it only costs time
FOREVER = "public, max-age=31536000, immutable"

# Four verbs and what stands under each. A page appears here when it exists, and not before.
NAVIGATION: tuple[tuple[str, tuple[tuple[str, str, str, Right], ...]], ...] = (
    ("Watch", (("/calls", "Calls", "phone", Right.SEE_CALLS),)),
    (
        "Prove",
        (
            ("/archive", "Archive", "archive", Right.SEE_ARCHIVE),
            ("/evidence", "Evidence", "file-check-2", Right.SEE_EVIDENCE),
        ),
    ),
)


def page(asked: Asked, template: str, *, status: int = 200, **context: Any) -> Response:
    """The page that `template` makes for this request, as an answer that no cache keeps."""
    text = environment().get_template(template).render(asked=asked, **context)
    return _pressed(asked, text.encode(), "text/html; charset=utf-8", status)


@cache
def environment() -> Environment:
    """The templates with their filters. A name that a template does not get is an error, not an empty place."""
    made = Environment(
        loader=PackageLoader("imvume.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    # Catalogues come with the languages; until then every sentence is its own translation.
    # The extension adds the method to whatever environment it is given; no type can say so.
    made.install_gettext_translations(NullTranslations(), newstyle=True)  # type: ignore[attr-defined]
    filters: dict[str, Callable[..., str]] = {
        "day": words.day, "moment": words.moment, "short": words.short, "clock": words.clock, "lasting": words.lasting,
        "spoken": words.spoken, "thin": words.thin, "size": words.size, "ago": words.ago, "zone_says": words.zone_says,
        "said": words.said, "codec": words.codec,
    }  # fmt: skip
    made.filters.update(filters)
    made.globals.update(static=static_path, navigation=NAVIGATION, version=__version__, Right=Right, words=words)
    return made


def static_path(name: str) -> str:
    """Where a static file is served: under a hash of all of them, so that it may be kept for ever."""
    if name not in static_files():
        raise AssertionError(f"no static file {name}")
    return f"/static/{_hash()}/{name}"


@cache
def static_files() -> dict[str, bytes]:
    """Every static file by its path below static/."""
    found: dict[str, bytes] = {}

    def walk(folder: Traversable, prefix: str) -> None:
        for item in folder.iterdir():
            if item.is_dir():
                walk(item, f"{prefix}{item.name}/")
            elif item.name.endswith(tuple(MEDIA)):
                found[prefix + item.name] = item.read_bytes()

    walk(files("imvume.web").joinpath("static"), "")
    return dict(sorted(found.items()))


def static(asked: Asked) -> Response:
    """One static file. Under another hash than today's it is served too, but not kept."""
    name = asked.params["name"]
    content = static_files().get(name)
    if content is None:
        return Response("There is no such file.\n", 404, media_type="text/plain")
    headers = {"Cache-Control": FOREVER if asked.params["hash"] == _hash() else "no-store"}
    suffix = "." + name.rpartition(".")[2]
    if suffix in PRESSED:
        headers["Vary"] = "Accept-Encoding"
        if "gzip" in asked.headers.get("accept-encoding", ""):
            content = _pressed_file(name)
            headers["Content-Encoding"] = "gzip"
    return Response(content, headers=headers, media_type=MEDIA[suffix])


def _pressed(asked: Asked, content: bytes, media_type: str, status: int) -> Response:
    headers = {"Cache-Control": "no-store", "Vary": "Accept-Encoding"}
    # A page holds no secret that a stranger could guess at by its length (BREACH): our protection
    # against forged requests is where they come from, not a token in the page.
    if len(content) >= PRESS_MIN and "gzip" in asked.headers.get("accept-encoding", ""):
        content = gzip.compress(content, 6, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(content, status, headers=headers, media_type=media_type)


@cache
def _pressed_file(name: str) -> bytes:
    return gzip.compress(static_files()[name], 9, mtime=0)


@cache
def _hash() -> str:
    every = hashlib.sha256()
    for name, content in static_files().items():
        every.update(f"{name}\0{len(content)}\0".encode() + content)
    return every.hexdigest()[:16]
