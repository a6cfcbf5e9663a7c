"""Certificates of the server, and of its clients."""

import ssl

import grpc

from belvedere.collector.errors import ConfigError
from belvedere.collector.receivers.otlp.config import TlsConfig


def ssl_context(config: TlsConfig, key: str) -> ssl.SSLContext:
    """For the HTTP server.

    Raises:
        ConfigError: a file cannot be read or holds no certificate; `key` is named.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(config.cert_file, config.key_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"cannot use the certificate {config.cert_file} with the key {config.key_file}:"
            f" {error.strerror or error}",
            key=key,
            hint="both must be PEM files, and the key that of the certificate",
        ) from None
    if config.client_ca_file is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        try:
            context.load_verify_locations(config.client_ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"cannot use the authorities {config.client_ca_file}: {error.strerror or error}",
                key=f"{key}::client_ca_file",
            ) from None
    return context


def grpc_credentials(config: TlsConfig, key: str) -> grpc.ServerCredentials:
    """For the gRPC server.

    Raises:
        ConfigError: a file cannot be read or holds no certificate; `key` is named.
    """
    ssl_context(config, key)  # gRPC itself would complain at the first connection, in its log
    ca_file = config.client_ca_file
    return grpc.ssl_server_credentials(
        [(config.key_file.read_bytes(), config.cert_file.read_bytes())],
        root_certificates=ca_file.read_bytes() if ca_file else None,
        require_client_auth=ca_file is not None,
    )
