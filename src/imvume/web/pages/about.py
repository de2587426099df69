"""What this is, and what of others is in it, under which licence."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from starlette.responses import Response

from imvume.web import render
from imvume.web.asked import Asked

LOCK = "vendor/vendor.lock.json"


def about(asked: Asked) -> Response:
    """Version, and the licences of what the pages are made with."""
    return render.page(asked, "about.html", packages=_packages())


@cache
def _packages() -> list[dict[str, Any]]:
    """Each package of others that is served from here, with the text of its licence."""
    files = render.static_files()
    found = []
    for package in msgspec.json.decode(files[LOCK])["packages"]:
        texts = [name.partition("/static/")[2] for name in package["files"] if "/static/vendor/LICENSES/" in name]
        if texts:  # the tests' own tools are locked in the same file, and are not served
            found.append(package | {"text": "\n\n".join(files[name].decode("utf-8") for name in texts)})
    return found
