"""Addresses to listen on, with errors that say what to change."""

import errno
import socket
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import AfterValidator

from belvedere.collector.errors import ConfigError

_NOT_ON_THIS_MACHINE: Final = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


@dataclass(frozen=True, slots=True)
class Address:
    """A numeric address of this machine."""

    family: socket.AddressFamily
    host: str

    def with_port(self, port: int) -> str:
        """As URLs write it."""
        return f"[{self.host}]:{port}" if self.family == socket.AF_INET6 else f"{self.host}:{port}"


def split_endpoint(endpoint: str) -> tuple[str, int]:
    """Host and port of `host:port`. An empty host is all addresses of the machine.

    Raises:
        ValueError: it is no such thing.
    """
    host, colon, port = endpoint.rpartition(":")
    if not colon or "/" in endpoint or not (port.isascii() and port.isdigit()):
        raise ValueError(f"{endpoint!r} is no endpoint; write host:port, like localhost:4317")
    if int(port) > 65535:
        raise ValueError(f"{endpoint!r}: ports end at 65535")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"{endpoint!r}: write an IPv6 address in brackets, like [::1]:4317")
    return host, int(port)


def _checked_endpoint(endpoint: str) -> str:
    split_endpoint(endpoint)
    return endpoint


Endpoint = Annotated[str, AfterValidator(_checked_endpoint)]
"""A configuration field with an address to listen on: `host:port`."""


def _checked_path(path: str) -> str:
    return path if path.startswith("/") else f"/{path}"


UrlPath = Annotated[str, AfterValidator(_checked_path)]
"""A configuration field with the path of a URL."""


def listen(endpoint: str, key: str) -> list[socket.socket]:
    """Bound sockets for all addresses of an endpoint, on one port. Their owner closes them.

    Args:
        endpoint: `host:port`; port 0 picks a free one.
        key: the configuration key to name if it cannot be had.

    Raises:
        ConfigError: the port is taken or not allowed, or the host is none of this machine.
    """
    _, port = split_endpoint(endpoint)
    sockets: list[socket.socket] = []
    problem: OSError | None = None
    try:
        for address in _addresses(endpoint, key):
            try:
                sockets.append(_bound(address, port))
            except OSError as error:
                # localhost may have an IPv6 address that the machine does not serve.
                if error.errno not in _NOT_ON_THIS_MACHINE:
                    raise
                problem = error
                continue
            port = sockets[0].getsockname()[1]
    except OSError as error:
        close(sockets)
        raise cannot_listen(endpoint, key, error) from None
    if not sockets:
        raise cannot_listen(endpoint, key, problem)
    return sockets


def address_of(bound: socket.socket) -> tuple[Address, int]:
    """The address and the port that a socket is bound to."""
    name = bound.getsockname()
    return Address(socket.AddressFamily(bound.family), name[0]), name[1]


def close(sockets: list[socket.socket]) -> None:
    """Close all."""
    for each in sockets:
        each.close()


def cannot_listen(endpoint: str, key: str, error: OSError | None) -> ConfigError:
    """The error for an endpoint that cannot be had."""
    _, port = split_endpoint(endpoint)
    if error is not None and error.errno == errno.EADDRINUSE:
        return ConfigError(
            f"port {port} is taken by another process",
            key=key,
            hint=f"stop that process, or set {key} to another port",
        )
    if error is not None and error.errno == errno.EACCES:
        return ConfigError(
            f"this user may not listen on port {port}",
            key=key,
            hint=f"set {key} to a port above 1023",
        )
    reason = error.strerror if error is not None and error.strerror else "it is not available"
    return ConfigError(f"cannot listen on {endpoint}: {reason}", key=key)


def _addresses(endpoint: str, key: str) -> list[Address]:
    host, port = split_endpoint(endpoint)
    if not host:
        host = "::" if socket.has_dualstack_ipv6() else "0.0.0.0"
    try:
        found = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_NUMERICSERV
        )
    except OSError as error:
        raise ConfigError(f"there is no host {host!r}: {error.strerror}", key=key) from None
    addresses = [Address(family, str(name[0])) for family, _, _, _, name in found]
    # IPv4 first: where only one of localhost's addresses is served, it is this.
    return sorted(dict.fromkeys(addresses), key=lambda each: each.family != socket.AF_INET)


def _bound(address: Address, port: int) -> socket.socket:
    bound = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if address.family == socket.AF_INET6:
            # The address of all interfaces is that of IPv4's as well.
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address.host != "::")
        bound.bind((address.host, port))
        bound.listen()
    except OSError:
        bound.close()
        raise
    return bound
