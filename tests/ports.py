"""Ports of this machine for what a test starts."""

from __future__ import annotations

import contextlib
import random
import socket


def free_ports(count: int) -> list[int]:
    """Return ports of 127.0.0.1 that nobody listens on.

    They lie below those that systems give to outgoing connections: one of these could take the
    port before the process that it is for listens, or while that is away.
    """
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as one, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            found += [] if port in found else [port]
    return found
