"""One HTTP POST to an address from the settings: bounded in time and in size, never led anywhere else."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

from imvume.errors import BadInput, ImvumeError, Unavailable

SECONDS_MAX: Final = 20.0  # for the whole exchange: an answer that drips is as good as none
BYTES_MAX: Final = 65_536  # a time-stamp with its chain of certificates has 3,000 to 10,000


def post(url: str, body: bytes, *, sends: str, takes: str, seconds_max: float = SECONDS_MAX) -> bytes:
    """What the server answers to `body`.

    sends, takes: the media types of the question and of the only answer that is taken.
    Raises BadInput `evidence.post.address` for what is no http or https address; Unavailable
    `evidence.post.*`: away, slow, status, redirect, other-type, huge.
    """
    host, port, path, secure = _parts(url)
    late = threading.Event()
    try:
        raw = socket.create_connection((host, port), timeout=seconds_max)
    except OSError as error:
        raise _away() from error
    # The time-out of a socket begins anew with each byte. This one does not; and it holds the connection
    # by a handle of its own, because the other is taken over by TLS and let go by http.client.
    handle = raw.dup()
    timer = threading.Timer(seconds_max, _cut_off, [handle, late])
    timer.start()
    connection = http.client.HTTPConnection(host, port, timeout=seconds_max)
    connection.sock = raw
    answer: http.client.HTTPResponse | None = None
    try:
        if secure:
            connection.sock = ssl.create_default_context().wrap_socket(raw, server_hostname=host)
        connection.request("POST", path, body, {"Content-Type": sends, "Accept": takes, "Connection": "close"})
        answer = connection.getresponse()
        _expect(answer, takes)
        data = answer.read(BYTES_MAX + 1)
        whole = not answer.length
    except (OSError, http.client.HTTPException, ValueError, Unavailable) as error:
        # A connection that was cut off looks like any end: of the headers, of the body, of the world.
        if late.is_set() or isinstance(error, TimeoutError):
            raise _slow() from error
        if isinstance(error, Unavailable):
            raise
        raise _away() from error
    finally:
        timer.cancel()
        if answer is not None:
            answer.close()
        connection.close()
        raw.close()
        handle.close()
    if late.is_set():
        raise _slow()
    if len(data) > BYTES_MAX:
        raise _unavailable("huge", "The server answers with more than there can be to say.", "Check the address.")
    if not whole:
        raise _unavailable("away", "The server broke off in its answer.", "Try again later.")
    return data


def _expect(answer: http.client.HTTPResponse, takes: str) -> None:
    if 300 <= answer.status < 400:
        raise _unavailable("redirect", "The server points elsewhere.", "Give the address that it points to.")
    if answer.status != 200:
        raise _unavailable("status", "The server answers with an error.", "Ask whoever runs it.")
    if answer.headers.get_content_type() != takes:
        raise _unavailable("other-type", "The server answers with something else.", "Check the address.")


def _parts(url: str) -> tuple[str, int, str, bool]:
    """Host, port, path with its query, and whether it goes by TLS."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _no_address() from error
    plain = url.isascii() and url.isprintable() and " " not in url
    if parts.scheme not in ("http", "https") or not host or not plain or parts.username is not None:
        raise _no_address()
    secure = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return host, port or (443 if secure else 80), path, secure


def _cut_off(handle: socket.socket, late: threading.Event) -> None:
    late.set()
    with suppress(OSError):  # it ended in the same instant
        handle.shutdown(socket.SHUT_RDWR)


def _no_address() -> BadInput:
    return BadInput(
        "evidence.post.address",
        "This is not the address of a server that can be asked.",
        why="It begins with https:// or http:// and holds a host, and no name or password.",
        remedy="Mend the address in the settings.",
    )


def _away() -> ImvumeError:
    return _unavailable("away", "The server does not answer.", "Check the address and the network.")


def _slow() -> ImvumeError:
    return _unavailable("slow", "The server takes too long to answer.", "Try again later.")


def _unavailable(reason: str, what: str, remedy: str) -> ImvumeError:
    return Unavailable(f"evidence.post.{reason}", what, why="Nothing was changed.", remedy=remedy)
