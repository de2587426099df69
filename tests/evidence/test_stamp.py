"""Time from somebody else: asked of a real authority, and refused from every broken one."""

from __future__ import annotations

import hashlib
import json
import socket
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from a_log import AT, Log
from a_tsa import Answer, Authority, send, serving
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imvume.basics import clock
from imvume.basics.ids import uuid7
from imvume.errors import BadInput, Broken, ImvumeError, Unavailable
from imvume.evidence import ledger, post, stamp

DATA = b"imvume.local/log/x\n1\nAAAA\n"


def refusal(answer: Answer, **more: object) -> str:
    with serving(answer) as address, pytest.raises(ImvumeError) as refused:
        stamp.ask(address, DATA, **more)  # type: ignore[arg-type]
    assert isinstance(refused.value, Unavailable | Broken)
    return refused.value.code


# A good authority ----------------------------------------------------------------------------


def test_a_checkpoint_is_stamped_kept_and_told_in_the_log(log: Log, authority: Authority) -> None:
    log.grow(5)
    note = log.checkpoints()[0]["note"]
    before = clock.now()
    with serving(authority.good) as address:
        stamp_id = stamp.stamp(log.database, log.tenant, address, at=AT, roots=[authority.root])
    assert stamp_id
    (row,) = log.rows("SELECT * FROM time_stamp WHERE tenant_id = %s", log.tenant)
    assert (row["stamp_id"], row["size"], row["authority"]) == (stamp_id, 5, address)
    assert abs((row["stamped_at"] - before).total_seconds()) < 60
    assert authority.verifies(row["token"], note.encode()), "openssl takes what we kept"
    assert not authority.verifies(row["token"], b"another")
    log.placed()
    told = json.loads(log.entries()[-1]["body"])
    assert (told["type"], told["about"], told["size"]) == ("log.stamped", str(stamp_id), 5)
    assert told["note"] == hashlib.sha256(note.encode()).hexdigest()
    assert told["token"] == hashlib.sha256(row["token"]).hexdigest()
    kept = stamp.check(row["token"], note.encode(), roots=[authority.root])
    assert (kept.answer, kept.at) == (row["token"], row["stamped_at"])


def test_the_authority_is_told_a_digest_and_nothing_else(log: Log, authority: Authority) -> None:
    log.grow(1)
    asked: list[bytes] = []

    def listen(query: bytes, request: BaseHTTPRequestHandler) -> None:
        asked.append(query)
        authority.good(query, request)

    with serving(listen) as address:
        stamp.stamp(log.database, log.tenant, address, at=AT)
    assert hashlib.sha256(log.checkpoints()[0]["note"].encode()).digest() in asked[0]
    assert len(asked[0]) < 100


def test_a_checkpoint_is_stamped_once_by_each_authority(log: Log, authority: Authority) -> None:
    with serving(authority.good) as first, serving(authority.good) as second:
        assert stamp.stamp(log.database, log.tenant, first, at=AT) is None, "there is nothing to stamp"
        log.grow(1)
        assert stamp.stamp(log.database, log.tenant, first, at=AT)
        assert stamp.stamp(log.database, log.tenant, first, at=AT) is None
        assert stamp.stamp(log.database, log.tenant, second, at=AT)
    with log.database.transaction(log.tenant) as tx:
        assert ledger.waiting(tx).count == 2, "a stamp that was not kept is not told"


def test_a_stamp_alone_is_no_reason_for_another(log: Log, authority: Authority) -> None:
    def due() -> bool:
        with log.database.transaction(log.tenant) as tx:
            return stamp.due(tx)

    assert not due()
    log.grow(2)
    assert due()
    with serving(authority.good) as address:
        stamp.stamp(log.database, log.tenant, address, at=AT)
        assert not due()
        log.placed()
        assert not due(), "all that has come is the word that it was stamped"
        log.grow(1)
        assert due()


def test_a_time_stamp_is_fetched_over_tls(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.folder / "server.pem", authority.folder / "server.key")
    with secure(authority, context) as address:
        with pytest.raises(Unavailable) as refused:
            stamp.ask(address, DATA)
        assert refused.value.code == "evidence.post.away", "nobody vouches for this server yet"
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.folder / "ca.pem"))
        assert stamp.ask(address, DATA, roots=[authority.root]).at


class secure:
    """The authority behind TLS."""

    def __init__(self, authority: Authority, context: ssl.SSLContext) -> None:
        self.authority, self.context = authority, context

    def __enter__(self) -> str:
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.serve, daemon=True).start()
        return f"https://127.0.0.1:{self.listener.getsockname()[1]}/"

    def serve(self) -> None:
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            try:
                with self.context.wrap_socket(plain, server_side=True) as client:
                    asked = b""
                    while b"\r\n\r\n" not in asked or len(asked.split(b"\r\n\r\n", 1)[1]) < 60:
                        asked += client.recv(4096)
                    body = self.authority.reply(asked.split(b"\r\n\r\n", 1)[1])
                    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/timestamp-reply\r\n")
                    client.sendall(b"Content-Length: %d\r\n\r\n" % len(body) + body)
            except OSError:
                continue

    def __exit__(self, *_: object) -> None:
        self.listener.close()


# Broken ones ---------------------------------------------------------------------------------


def test_an_answer_to_another_question_is_refused(authority: Authority) -> None:
    earlier: list[bytes] = []

    def replay(query: bytes, request: BaseHTTPRequestHandler) -> None:
        if not earlier:
            earlier.append(authority.reply(query))
        send(request, earlier[0])

    with serving(replay) as address:
        assert stamp.ask(address, DATA).at
        with pytest.raises(Broken) as refused:
            stamp.ask(address, DATA)
    assert refused.value.code == "evidence.stamp.nonce"


def test_a_stamp_of_something_else_is_refused(authority: Authority) -> None:
    ours, other = hashlib.sha256(DATA).digest(), hashlib.sha256(b"other").digest()
    code = refusal(lambda query, request: send(request, authority.reply(query.replace(ours, other))))
    assert code == "evidence.stamp.other-data"


def test_a_stamp_signed_by_nobody_we_trust_is_refused(authority: Authority, tmp_path: Path) -> None:
    stranger = Authority.make(tmp_path)
    assert refusal(stranger.good, roots=[authority.root]) == "evidence.stamp.untrusted"


def test_a_stamp_with_a_changed_signature_is_refused_where_roots_are_given(authority: Authority) -> None:
    def spoil(query: bytes, request: BaseHTTPRequestHandler) -> None:
        answer = bytearray(authority.reply(query))
        answer[-1] ^= 1
        send(request, bytes(answer))

    assert refusal(spoil, roots=[authority.root]) == "evidence.stamp.untrusted"


def test_an_authority_that_refuses_is_told_so(authority: Authority) -> None:
    def refuse(query: bytes, request: BaseHTTPRequestHandler) -> None:
        sha1 = bytes.fromhex("06052b0e03021a")  # a digest that this authority does not take
        send(request, authority.reply(query.replace(bytes.fromhex("0609608648016503040201"), sha1 + b"")))

    assert refusal(refuse) in ("evidence.stamp.refused", "evidence.stamp.unreadable", "evidence.post.away")
    rejection = bytes.fromhex("30053003020102")
    assert refusal(lambda query, request: send(request, rejection)) == "evidence.stamp.refused"


@pytest.mark.parametrize("body", [b"", b"garbage", b"\x30\x80", b"\x30\x03\x02\x01\x00", b"<html></html>"])
def test_garbage_is_refused(body: bytes) -> None:
    assert refusal(lambda query, request: send(request, body)) == "evidence.stamp.unreadable"


def test_a_page_instead_of_a_stamp_is_refused(authority: Authority) -> None:
    code = refusal(lambda query, request: send(request, authority.reply(query), kind="text/html"))
    assert code == "evidence.post.other-type"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(authority: Authority, status: int) -> None:
    with serving(authority.good) as elsewhere:

        def redirect(query: bytes, request: BaseHTTPRequestHandler) -> None:
            request.send_response(status)
            request.send_header("Location", elsewhere)
            request.end_headers()

        assert refusal(redirect) == "evidence.post.redirect"


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_an_error_is_an_error(authority: Authority, status: int) -> None:
    code = refusal(lambda query, request: send(request, authority.reply(query), status=status))
    assert code == "evidence.post.status"


def test_a_huge_answer_is_not_read_to_its_end() -> None:
    def flood(query: bytes, request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "application/timestamp-reply")
        request.end_headers()
        try:
            while True:
                request.wfile.write(b"\x30" * 65_536)
        except OSError:
            return

    assert refusal(flood) == "evidence.post.huge"


def test_an_answer_that_breaks_off_is_refused(authority: Authority) -> None:
    def half(query: bytes, request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "application/timestamp-reply")
        request.send_header("Content-Length", "5000")
        request.end_headers()
        request.wfile.write(authority.reply(query)[:100])

    assert refusal(half) == "evidence.post.away"


@pytest.mark.parametrize("where", ["before", "status", "headers", "body"])
def test_an_answer_that_drips_is_cut_off(where: str) -> None:
    """Each byte comes in good time, and the whole never does."""
    gone = threading.Event()

    def drip(query: bytes, request: BaseHTTPRequestHandler) -> None:
        out = request.connection
        try:
            if where == "headers":
                out.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
            elif where == "body":
                out.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/timestamp-reply\r\n\r\n")
            while not gone.is_set():
                time.sleep(0.05)
                if where != "before":
                    out.sendall(b"0" if where != "status" else b"H")
        except OSError:
            return

    try:
        assert refusal(drip, seconds_max=0.4) == "evidence.post.slow"
    finally:
        gone.set()


def test_a_server_that_is_not_there_or_speaks_no_http_is_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(Unavailable) as refused:
        stamp.ask(f"http://127.0.0.1:{port}/", DATA)
    assert refused.value.code == "evidence.post.away"

    def mumble(query: bytes, request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"\x16\x03\x01\x00\x02")

    assert refusal(mumble) == "evidence.post.away"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "127.0.0.1",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "http://",
        "http://[::1",
        "http://127.0.0.1:99999/",
        "http://thandi:secret@127.0.0.1/",
        "http://127.0.0.1/a b",
        "http://127.0.0.1/\r\nHost: elsewhere",
        "http://ümlaut.example.org/",
    ],
)
def test_what_is_no_address_is_not_asked(address: str) -> None:
    with pytest.raises(BadInput) as refused:
        post.post(address, b"", sends="a/b", takes="a/b")
    assert refused.value.code == "evidence.post.address"
    assert "secret" not in str(refused.value)


def test_an_address_that_is_too_long_to_keep_is_refused(log: Log) -> None:
    with pytest.raises(ImvumeError) as refused:
        stamp.stamp(log.database, log.tenant, "http://127.0.0.1/" + "x" * 300, at=AT)
    assert refused.value.code == "evidence.stamp.address"


def test_roots_come_from_a_pem_file(authority: Authority) -> None:
    assert stamp.certificates((authority.folder / "ca.pem").read_bytes()) == [authority.root]
    with pytest.raises(BadInput) as refused:
        stamp.certificates(b"no certificate")
    assert refused.value.code == "evidence.stamp.roots"


# Anything ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def answered(authority: Authority) -> bytes:
    kept: list[bytes] = []

    def keep(query: bytes, request: BaseHTTPRequestHandler) -> None:
        kept.append(authority.reply(query))
        send(request, kept[0])

    with serving(keep) as address:
        stamp.ask(address, DATA)
    return kept[0]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_an_answer_with_any_bit_flipped_is_refused_or_says_the_same(
    authority: Authority, answered: bytes, data: st.DataObject
) -> None:
    spoiled = bytearray(answered)
    spoiled[data.draw(st.integers(0, len(spoiled) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    good = stamp.check(answered, DATA, roots=[authority.root])
    try:
        said = stamp.check(bytes(spoiled), DATA, roots=[authority.root])
    except Broken:
        return
    assert said.at == good.at, "what is not signed may change; the time and the digest may not"


@given(st.binary() | st.binary().map(lambda tail: b"\x30\x82\x01\x00" + tail))
def test_whatever_comes_as_an_answer_is_refused_in_our_own_words(answer: bytes) -> None:
    with pytest.raises(Broken):
        stamp.check(answer, DATA)


def test_a_stamp_that_is_changed_or_taken_away_is_named(log: Log, authority: Authority) -> None:
    from test_verify_log import names, read

    log.grow(3)
    with serving(authority.good) as address:
        stamp_id = stamp.stamp(log.database, log.tenant, address, at=AT)
    log.placed()
    found, said = read(log)
    assert found == []
    assert "1 time-stamps are of checkpoints of this log" in said.text
    assert "Who signed the time-stamps" in said.text
    assert "descend from those that are trusted" in read(log, roots=[authority.root])[1].text
    log.tamper(("UPDATE time_stamp SET authority = 'http://elsewhere' WHERE tenant_id = %s", (log.tenant,)))
    assert names(read(log)[0]) == {("stamp-column", f"time-stamp {stamp_id}")}
    other = uuid7()
    log.tamper(("UPDATE time_stamp SET stamp_id = %s WHERE tenant_id = %s", (other, log.tenant)))
    assert names(read(log)[0]) == {
        ("stamp-missing", f"time-stamp {stamp_id}"),
        ("stamp-extra", f"time-stamp {other}"),
    }


def test_a_stamp_by_an_authority_that_is_not_trusted_is_named(log: Log, authority: Authority, tmp_path: Path) -> None:
    from test_verify_log import names, read

    log.grow(3)
    with serving(Authority.make(tmp_path).good) as address:
        stamp_id = stamp.stamp(log.database, log.tenant, address, at=AT)
    log.placed()
    assert read(log)[0] == []
    assert names(read(log, roots=[authority.root])[0]) == {("stamp-bad", f"time-stamp {stamp_id}")}
