"""The sound of a call, by range: decrypted as it is sent, kept by nobody."""

from __future__ import annotations

from starlette.responses import Response, StreamingResponse

from imvume.archive import opening
from imvume.basics.ids import CallId
from imvume.calls import search
from imvume.staff import listening
from imvume.web.asked import Asked
from imvume.web.ranges import Unsatisfiable, wanted


def sound(asked: Asked) -> Response:
    """The recording as one WAV, or the part of it that the player asked for (206).

    The session must have opened the call before; the ranges of one listening are one look.
    Raises Refused where it has not, NotFound for another tenant's call, Destroyed where nothing is left.
    """
    call = CallId(asked.id("call"))
    with asked.transaction() as tx:
        search.card(tx, asked.house.vault, call)
        listening.hear(tx, asked.who, call, at=asked.at, only_asking=asked.method == "HEAD")
        playback = opening.player(asked.house.storage, asked.house.vault, tx, call)
    # What is sealed never changes, so its id and size name these bytes for good (RFC 9110, 8.8.3).
    tag = f'"{call}-{playback.size}"'
    headers = {"Accept-Ranges": "bytes", "ETag": tag, "Cache-Control": "no-store"}
    try:
        asks = asked.headers.get("range") if asked.headers.get("if-range", tag) == tag else None
        span = wanted(asks, playback.size)
    except Unsatisfiable:
        return Response(status_code=416, headers=headers | {"Content-Range": f"bytes */{playback.size}"})
    start, stop = (span.start, span.stop) if span else (0, playback.size)
    headers["Content-Length"] = str(stop - start)
    if span:
        headers["Content-Range"] = span.header
    status = 206 if span else 200
    if asked.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=playback.media_type)
    # A plain generator: Starlette takes each piece of it in a thread, so decrypting holds nobody up.
    return StreamingResponse(playback.read(start, stop), status, headers=headers, media_type=playback.media_type)
