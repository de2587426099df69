"""The console, served: granian in front, TLS where there is a certificate."""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server import Server
from starlette.types import ASGIApp

from imvume import config as settings
from imvume.app import open_house
from imvume.basics import log as logs
from imvume.config import Config
from imvume.errors import BadInput
from imvume.web.console import console

# What the command line said, for the process that serves: granian starts it anew and it reads the settings again.
SAID: Final = "IMVUME_WEB_SAID"

PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h


class _Said(msgspec.Struct, frozen=True):
    home: str
    listen: str
    tls_certificate: str
    tls_key: str
    parent: int


def serve(config: Config, *, workers: int = 1) -> None:
    """Serve the console of `config.home` until SIGTERM or SIGINT.

    Raises BadInput for an address or a certificate that cannot be used.
    """
    host, port = place(config.listen)
    if bool(config.tls_certificate) != bool(config.tls_key):
        raise _tls("One of the two is not named.")
    for path in filter(None, (config.tls_certificate, config.tls_key)):
        if not os.access(path, os.R_OK):
            raise _tls("A file of them cannot be read.")
    said = _Said(str(config.home), config.listen, config.tls_certificate, config.tls_key, os.getpid())
    os.environ[SAID] = msgspec.json.encode(said).decode()
    Server(
        "imvume.web.serving:application",
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        http=HTTPModes.auto if config.tls_certificate else HTTPModes.http1,
        websockets=False,
        factory=True,
        workers=workers,
        respawn_failed_workers=False,  # whoever started us sees it end, and starts it anew
        log_level=LogLevels.warning,
        log_access=False,  # ours knows no addresses and no queries
        ssl_cert=Path(config.tls_certificate) if config.tls_certificate else None,
        ssl_key=Path(config.tls_key) if config.tls_key else None,
        workers_kill_timeout=10,
    ).serve()


def application() -> ASGIApp:
    """The console in a process of its own, with a house of its own. Called by granian."""
    logs.configure()
    said = msgspec.json.decode(os.environ[SAID], type=_Said)
    _end_with(said.parent)
    stack = ExitStack()
    atexit.register(stack.close)
    house = stack.enter_context(open_house(Path(said.home)))
    config = replace(house.config, listen=said.listen, tls_certificate=said.tls_certificate, tls_key=said.tls_key)
    return console(replace(house, config=config))


def _end_with(parent: int) -> None:
    # Killed outright, granian leaves this process behind, still listening beside its successor.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it was faster
            os.kill(os.getpid(), signal.SIGKILL)


def place(listen: str) -> tuple[str, int]:
    """Host and port of a `listen` setting. Raises BadInput for what is none."""
    host, colon, port = listen.rpartition(":")
    if not (colon and host and port.isascii() and port.isdigit() and int(port) < 65536):
        raise BadInput(
            "web.listen.unreadable",
            "That is no place to listen.",
            remedy="Write host and port, such as 127.0.0.1:8443.",
        )
    return host.strip("[]"), int(port)


def address(config: Config) -> str:
    """What to type to reach the console."""
    if config.address:
        return config.address.rstrip("/")
    host, port = place(config.listen)
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"{'https' if config.tls_certificate else 'http'}://{shown}:{port}"


def with_options(home: Path, *, listen: str | None, certificate: str | None, key: str | None) -> Config:
    """The settings of the house, with what the command line said instead."""
    config = settings.load(home)
    return replace(
        config,
        listen=listen or config.listen,
        tls_certificate=certificate or config.tls_certificate,
        tls_key=key or config.tls_key,
    )


def _tls(why: str) -> BadInput:
    return BadInput(
        "web.tls.files",
        "TLS needs a certificate and its key.",
        why=why,
        remedy="Name both as PEM files, readable by the user that runs imvume.",
    )
