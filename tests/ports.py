"""Ports for what has to know its port before it listens.

A port that the kernel chose (port 0) and that was closed is chosen again for another socket, of
another worker for instance. These lie below the range that it chooses from.
"""

import random
import socket

_candidates = random.SystemRandom().sample(range(10_000, 32_768), 22_768)


def free_port() -> int:
    """Return a port on which nothing listens; each call returns another one."""
    while True:
        port = _candidates.pop()
        with socket.socket() as probe:
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                continue
            return port
