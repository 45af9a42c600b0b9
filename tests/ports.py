"""Ports for servers under test."""

import contextlib
import itertools
import os
import socket

# Below the ports that systems give to those who call (Linux: 32768 and up): a free one of those may be taken by a client
# before our server listens on it. Each worker of pytest has some thousand of its own.
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
FIRST, EACH, WORKERS_MAX = 20_000, 2_000, 6
PORTS = itertools.cycle(range(FIRST + WORKER % WORKERS_MAX * EACH, FIRST + (WORKER % WORKERS_MAX + 1) * EACH))


def free_port() -> int:
    """Return a port that nobody listens on, another one each time."""
    return next(port for port in PORTS if _is_free(port))


def _is_free(port: int) -> bool:
    with contextlib.suppress(OSError), socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        return True
    return False
