"""Addresses to listen on."""

import errno
import os
import socket

import pytest

from belvedere.collector.errors import ConfigError
from belvedere.collector.serving.listen import cannot_listen, close, listen, split_endpoint


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("localhost:4317", ("localhost", 4317)),
        (":0", ("", 0)),
        ("[::1]:80", ("::1", 80)),
        ("0.0.0.0:1", ("0.0.0.0", 1)),
    ],
)
def test_endpoints(endpoint: str, expected: tuple[str, int]) -> None:
    assert split_endpoint(endpoint) == expected


@pytest.mark.parametrize("endpoint", ["localhost:0", ":0", "127.0.0.1:0", "0.0.0.0:0"])
def test_all_addresses_of_an_endpoint_share_a_port(endpoint: str) -> None:
    sockets = listen(endpoint, "key")
    try:
        ports = {each.getsockname()[1] for each in sockets}
        assert len(ports) == 1
        socket.create_connection(("127.0.0.1", ports.pop()), 5).close()
    finally:
        close(sockets)


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [
        ("192.0.2.1:0", "cannot listen on 192.0.2.1:0"),
        ("no-such-host.invalid:0", "there is no host 'no-such-host.invalid'"),
    ],
    ids=["not ours", "unknown"],
)
def test_addresses_that_cannot_be_had(endpoint: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        listen(endpoint, "key")


def test_a_port_that_needs_privileges_is_explained() -> None:
    error = OSError(errno.EACCES, os.strerror(errno.EACCES))
    assert "above 1023" in str(cannot_listen("localhost:80", "key", error))
