"""How the evidence stands, and what to give to somebody who wants to check it without us."""

from __future__ import annotations

import base64

from starlette.responses import Response

from imvume.evidence import note, standing
from imvume.web import render
from imvume.web.asked import Asked, not_here
from imvume.web.words import BROKEN, NOT_PROVEN, PROVEN

VERDICTS = {"proven": PROVEN, "not-proven": NOT_PROVEN, "broken": BROKEN}


def overview(asked: Asked) -> Response:
    """The verdict, the newest checkpoint, and the two files."""
    house = asked.house
    with asked.transaction() as tx:
        stands = standing.standing(tx, house.vault, house.vault.folder, at=asked.at)
    return render.page(
        asked,
        "evidence.html",
        stands=stands,
        verdict=VERDICTS[stands.verdict],
        late=standing.late(stands.waiting, asked.at),
        root=base64.b64encode(stands.checkpoint.root).decode() if stands.checkpoint else "",
        key=str(note.vkey(house.vault, asked.who.tenant)),
    )


def checkpoint(asked: Asked) -> Response:
    """The newest checkpoint, as it was signed. Raises NotFound before there is one."""
    with asked.transaction() as tx:
        row = tx.one("evidence.checkpoint_newest")
    if row is None:
        raise not_here()
    return _file(row["note"], f"checkpoint-{row['size']}.txt")


def key(asked: Asked) -> Response:
    """The public key of the log, one line."""
    return _file(f"{note.vkey(asked.house.vault, asked.who.tenant)}\n", "log.vkey")


def _file(text: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text.encode(), headers=headers, media_type="text/plain; charset=utf-8")
