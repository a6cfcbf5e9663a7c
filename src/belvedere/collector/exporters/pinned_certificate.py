"""`insecure_skip_verify` for gRPC, whose library for Python always verifies the peer.

The peer is asked for its certificate first, unverified, and the channel then trusts exactly that
one and expects the name that stands in it. What this cannot do: a certificate that has expired
is still refused.
"""

import socket
import ssl
from dataclasses import dataclass
from typing import Any

from belvedere.collector.exporters.client_tls import ClientTlsConfig

_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class PinnedCertificate:
    """What a peer shows now; its next one needs a new channel."""

    pem: bytes
    name: str
    """A name or address that the certificate is for."""


def fetch_certificate(tls: ClientTlsConfig, host: str, port: int) -> PinnedCertificate:
    """Ask a peer for its certificate. Blocks.

    Raises:
        OSError: it does not answer, or does not speak TLS.
        ConfigError: a file of `tls` cannot be read.
    """
    with _connected(tls.ssl_context(), host, port) as connection:
        pem = ssl.DER_cert_to_PEM_cert(connection.getpeercert(binary_form=True) or b"")
    # Python tells the names only of a certificate that it has verified: here, by itself.
    context = tls.ssl_context()
    context.load_verify_locations(cadata=pem)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_mode = ssl.CERT_REQUIRED
    with _connected(context, host, port) as connection:
        certificate: dict[str, Any] = dict(connection.getpeercert() or {})
    names = [
        name
        for kind, name in certificate.get("subjectAltName", ())
        if kind in {"DNS", "IP Address"}
    ]
    return PinnedCertificate(pem.encode(), (names or [host])[0].replace("*", "any", 1))


def _connected(context: ssl.SSLContext, host: str, port: int) -> ssl.SSLSocket:
    return context.wrap_socket(
        socket.create_connection((host, port), timeout=_TIMEOUT_S), server_hostname=host
    )
