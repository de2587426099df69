"""Ports of 127.0.0.1 that nothing uses: what a test's server may take."""

from __future__ import annotations

import socket


def free_ports(count: int) -> list[int]:
    """`count` ports that are free now, for UDP and for TCP, each another."""
    held: list[socket.socket] = []
    ports: list[int] = []
    try:
        while len(ports) < count:
            one, other = (socket.socket(type=kind) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM))
            held += [one, other]
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            try:
                other.bind(("127.0.0.1", port))
            except OSError:
                continue
            ports.append(port)
    finally:
        for end in held:
            end.close()
    return ports


def free_range(count: int) -> int | None:
    """The first of `count` free UDP ports in a row, below those that the kernel hands out; None if there is none."""
    for base in range(11_000, 32_000, count):
        held: list[socket.socket] = []
        try:
            for port in range(base, base + count):
                held.append(socket.socket(type=socket.SOCK_DGRAM))
                held[-1].bind(("127.0.0.1", port))
            return base
        except OSError:
            continue
        finally:
            for end in held:
                end.close()
    return None
