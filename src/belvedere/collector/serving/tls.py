"""`tls` of what listens: certificates of the server, and of its clients."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final, Self

import grpc
import structlog
from pydantic import Field, model_validator

from belvedere.collector.errors import ConfigError
from belvedere.collector.tls import Renewal, TlsKeys, pem

log = structlog.get_logger(__name__)

_CLIENTS_CA: Final = "the authorities of clients are client_ca_file"


class TlsConfig(TlsKeys):
    """Server certificate; with `client_ca_file` clients must show one, too (mTLS)."""

    unsupported: ClassVar[Mapping[str, str]] = {
        **TlsKeys.unsupported,
        "ca_pem": _CLIENTS_CA,
        "include_system_ca_certs_pool": _CLIENTS_CA,
        "client_ca_file_reload": "the authorities are read at the start",
    }

    without_effect: ClassVar[Mapping[str, str]] = {"ca_file": "client_ca_file"}

    client_ca_file: Path | None = Field(
        None, description="Clients must have a certificate by one of these authorities, PEM."
    )

    @model_validator(mode="after")
    def _has_certificate(self) -> Self:
        if not (self.cert_file or self.cert_pem):
            raise ValueError("a server needs a certificate: set cert_file and key_file")
        return self


def ssl_context(config: TlsConfig, key: str) -> ssl.SSLContext:
    """For the HTTP server. With `reload_interval`, handshakes to come get a renewed certificate.

    Raises:
        ConfigError: a file cannot be read or holds no certificate; `key` is named.
    """
    context = current = _context(config, key)
    renewal = Renewal(config)

    def at_handshake(connection: ssl.SSLObject | ssl.SSLSocket, *_: object) -> None:
        nonlocal current
        if renewal.is_due():
            current = _renewed(config, key) or current
        if connection.context is not current:
            connection.context = current

    context.sni_callback = at_handshake
    return context


def grpc_credentials(config: TlsConfig, key: str) -> grpc.ServerCredentials:
    """For the gRPC server. With `reload_interval`, handshakes to come get a renewed certificate.

    Raises:
        ConfigError: a file cannot be read or holds no certificate; `key` is named.
    """
    _context(config, key)  # gRPC itself would complain at the first connection, in its log
    authorities = pem(config.client_ca_file, "")
    renewal = Renewal(config)

    def read() -> grpc.ServerCertificateConfiguration:
        certificate, private_key = config.certificate_and_key() or (b"", b"")
        return grpc.ssl_server_certificate_configuration([(private_key, certificate)], authorities)

    def at_handshake() -> grpc.ServerCertificateConfiguration | None:
        is_new = renewal.is_due() and _renewed(config, key)
        return read() if is_new else None  # None: what it has

    return grpc.dynamic_ssl_server_credentials(
        read(),
        at_handshake,  # type: ignore[arg-type]  # gRPC documents None, the stub does not
        authorities is not None,
    )


def _context(config: TlsConfig, key: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    try:
        config.load_into(context)
    except OSError as error:
        raise ConfigError(
            f"cannot use the certificate {config.cert_file or 'of cert_pem'} with the key"
            f" {config.key_file or 'of key_pem'}: {error.strerror or error}",
            key=key,
            hint="both must be PEM files, and the key that of the certificate",
        ) from None
    if config.client_ca_file is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        try:
            context.load_verify_locations(config.client_ca_file)
        except OSError as error:
            raise ConfigError(
                f"cannot use the authorities {config.client_ca_file}: {error.strerror or error}",
                key=f"{key}::client_ca_file",
            ) from None
    return context


def _renewed(config: TlsConfig, key: str) -> ssl.SSLContext | None:
    """A context with what the files hold now; None if they do not fit each other (yet)."""
    try:
        return _context(config, key)
    except ConfigError as error:
        log.warning("certificate_not_renewed", error=str(error), used="the old one")
        return None
