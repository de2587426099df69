"""A real time-stamp authority: `openssl ts` under a certificate authority of its own, behind a small HTTP server."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509

CONFIG = """\
[req]
distinguished_name = name
prompt = no
[name]
CN = Time-stamp authority of nobody
[ca]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[stamper]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[server]
subjectAltName = IP:127.0.0.1
[tsa]
default_tsa = ours
[ours]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
certs = {folder}/ca.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1
"""

Answer = Callable[[bytes, BaseHTTPRequestHandler], None]


@dataclass
class Authority:
    """The authority of one folder. `root` is the certificate that its own descends from."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> Authority:
        (folder / "openssl.cnf").write_text(CONFIG.format(folder=folder))
        (folder / "serial").write_text("01\n")
        config = ("-config", folder / "openssl.cnf")
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        _openssl("req", "-x509", "-new", *key, "-keyout", folder / "ca.key", "-out", folder / "ca.pem",
                 "-days", "30", "-subj", "/CN=Root of nobody", "-extensions", "ca", *config)  # fmt: skip
        signer = ("-CA", folder / "ca.pem", "-CAkey", folder / "ca.key", "-CAcreateserial", "-days", "30")
        for name, extensions in (("tsa", "stamper"), ("server", "server")):
            request, certificate = folder / f"{name}.csr", folder / f"{name}.pem"
            _openssl("req", "-new", *key, "-keyout", folder / f"{name}.key", "-out", request, *config)
            _openssl("x509", "-req", "-in", request, *signer, "-out", certificate,
                     "-extfile", folder / "openssl.cnf", "-extensions", extensions)  # fmt: skip
        return cls(folder)

    @property
    def root(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate((self.folder / "ca.pem").read_bytes())

    def reply(self, query: bytes) -> bytes:
        """What openssl answers to a request."""
        asked, answered = self.folder / "query.tsq", self.folder / "answer.tsr"
        asked.write_bytes(query)
        _openssl("ts", "-reply", "-queryfile", asked, "-config", self.folder / "openssl.cnf", "-out", answered)
        return answered.read_bytes()

    def verifies(self, answer: bytes, data: bytes) -> bool:
        """Whether stock openssl takes the answer for a stamp of the data."""
        (self.folder / "data").write_bytes(data)
        (self.folder / "kept.tsr").write_bytes(answer)
        ran = subprocess.run(
            ["openssl", "ts", "-verify", "-data", self.folder / "data", "-in", self.folder / "kept.tsr",
             "-CAfile", self.folder / "ca.pem"],
            capture_output=True, check=False,
        )  # fmt: skip
        return ran.returncode == 0

    def good(self, query: bytes, request: BaseHTTPRequestHandler) -> None:
        """Answer as an authority should."""
        send(request, self.reply(query))


def send(
    request: BaseHTTPRequestHandler, body: bytes, *, status: int = 200, kind: str = "application/timestamp-reply"
) -> None:
    request.send_response(status)
    request.send_header("Content-Type", kind)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """A server that answers every POST by `answer`; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answer(self.rfile.read(int(self.headers["Content-Length"])), self)

        def log_message(self, format: str, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/stamp?policy=1"
        finally:
            server.shutdown()
            thread.join()


def _openssl(*args: object) -> None:
    subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)
