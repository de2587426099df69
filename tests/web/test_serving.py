"""The console as it is served in earnest: by `imvume web`, in a process of its own, with and without TLS."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from imvume.basics import clock
from imvume.config import Config
from imvume.errors import BadInput
from imvume.keys.vault import Vault
from imvume.store.embedded import Postgres
from imvume.web import serving


@pytest.mark.parametrize(
    ("listen", "host", "port"),
    [("127.0.0.1:8443", "127.0.0.1", 8443), ("[::1]:80", "::1", 80), ("*:1", "*", 1)],
)
def test_a_place_is_host_and_port(listen: str, host: str, port: int) -> None:
    assert serving.place(listen) == (host, port)


@pytest.mark.parametrize("listen", ["", "8443", ":8443", "host:", "host:99999", "host:x", "host:-1", "host:٨"])
def test_what_is_no_place_is_refused(listen: str) -> None:
    with pytest.raises(BadInput, match="no place to listen"):
        serving.place(listen)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (Config(), "http://127.0.0.1:8443"),
        (Config(listen="0.0.0.0:80"), "http://127.0.0.1:80"),
        (Config(listen="[::]:443", tls_certificate="c", tls_key="k"), "https://[::1]:443"),
        (Config(address="https://imvume.example.org/"), "https://imvume.example.org"),
    ],
)
def test_what_to_type_is_said(config: Config, says: str) -> None:
    assert serving.address(config) == says


def test_a_certificate_without_its_key_is_refused(tmp_path: Path) -> None:
    for cert, key in ((str(tmp_path / "c.pem"), ""), ("", "k.pem"), (str(tmp_path / "c.pem"), str(tmp_path / "k.pem"))):
        with pytest.raises(BadInput, match="needs a certificate and its key"):
            serving.serve(Config(home=tmp_path, tls_certificate=cert, tls_key=key))


@pytest.fixture
def home(tmp_path: Path, postgres: Postgres) -> Path:
    """A house on the run's PostgreSQL."""
    Vault.make(tmp_path / "keys")
    (tmp_path / "config.toml").write_text(f'dsn = "{postgres.dsn}"\n', "utf-8")
    return tmp_path


@contextmanager
def web(home: Path, *options: str) -> Iterator[tuple[int, list[str]]]:
    """`imvume web`, listening; and afterwards what it wrote."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = [sys.executable, "-m", "imvume", "--home", str(home), "web", "--listen", f"127.0.0.1:{port}", *options]
    said: list[str] = []
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=dict(os.environ)) as process:
        try:
            deadline = time.monotonic() + 60
            while True:
                assert process.poll() is None, process.stdout and process.stdout.read().decode()
                assert time.monotonic() < deadline, "it does not answer"
                with socket.socket() as trial:
                    if trial.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            yield port, said
            process.send_signal(signal.SIGTERM)
            out, _ = process.communicate(timeout=30)
            said.extend(out.decode().splitlines())
            assert process.returncode == 0
        finally:
            process.kill()


def test_it_answers_logs_nobody_and_ends_when_it_is_told_to(home: Path) -> None:
    with web(home) as (port, said):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/sign-in?next=/calls%3Fq%3D0821234567")
        answer = connection.getresponse()
        page = answer.read().decode()
        connection.close()
        assert answer.status == 200
        assert "Sign in" in page
        assert answer.getheader("server") == "imvume"
        assert answer.getheader("Content-Security-Policy")
    written = "\n".join(said)
    assert '"route": "/sign-in"' in written
    for secret in ("0821234567", "next=", "127.0.0.1 "):
        assert secret not in written.replace(f"127.0.0.1:{port}", "")


def test_with_a_certificate_the_cookie_is_for_this_host_over_tls_alone(home: Path) -> None:
    certificate, key = _certificate(home)
    with web(home, "--tls-cert", str(certificate), "--tls-key", str(key)) as (port, _):
        trust = ssl.create_default_context(cafile=str(certificate))
        connection = http.client.HTTPSConnection("localhost", port, context=trust, timeout=30)
        headers = {"origin": f"https://localhost:{port}", "content-type": "application/x-www-form-urlencoded"}
        connection.request("POST", "/theme", b"theme=dark&back=/sign-in", headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 303
        assert "Secure" in (answer.getheader("set-cookie") or "")
        assert answer.getheader("strict-transport-security") == "max-age=31536000"
        connection.request("POST", "/sign-out", b"", headers | {"cookie": "__Host-imvume=x"})
        answer = connection.getresponse()
        answer.read()
        assert (answer.getheader("set-cookie") or "").startswith("__Host-imvume=")
        connection.request("POST", "/theme", b"theme=dark", headers | {"origin": f"http://localhost:{port}"})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        assert answer.status == 403, "a page over plain HTTP is not this console"


def _certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = clock.now()
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "cert.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, private
