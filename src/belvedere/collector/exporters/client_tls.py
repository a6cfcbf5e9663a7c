"""`tls` of an exporter: whom it trusts, and how it shows who it is."""

import ssl
from pathlib import Path
from typing import Self

import grpc
from pydantic import Field, model_validator

from belvedere.collector.component import ComponentConfig
from belvedere.collector.errors import ConfigError


class ClientTlsConfig(ComponentConfig):
    """`tls` of an exporter, after the Collector's `configtls.ClientConfig`."""

    insecure: bool = Field(
        False, description="Plain text rather than TLS (gRPC; HTTP has http://)."
    )
    insecure_skip_verify: bool = Field(
        False, description="TLS, but with whatever certificate the peer shows. For trials only."
    )
    ca_file: Path | None = Field(
        None, description="PEM file of the authorities to trust; without it, the usual ones."
    )
    cert_file: Path | None = Field(None, description="PEM file of the client's certificate.")
    key_file: Path | None = Field(None, description="PEM file of that certificate's key.")
    server_name_override: str = Field(
        "", description="Name that the peer's certificate must have, instead of the endpoint's."
    )

    @model_validator(mode="after")
    def _key_with_certificate(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together: set both or neither")
        return self

    def ssl_context(self) -> ssl.SSLContext:
        """The context of Python's TLS clients.

        Raises:
            ConfigError: a file cannot be read or holds no certificate or key.
        """
        for file in (self.ca_file, self.cert_file, self.key_file):
            read_file(file)
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.cert_file:
                context.load_cert_chain(self.cert_file, self.key_file)
        except (ssl.SSLError, OSError) as error:
            raise ConfigError(
                f"tls: {error}", hint="ca_file, cert_file and key_file are PEM files"
            ) from error
        if self.insecure_skip_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def grpc_credentials(self, roots: bytes | None = None) -> grpc.ChannelCredentials:
        """The credentials of a gRPC channel, which trusts `roots` or else `ca_file`.

        Raises:
            ConfigError: a file cannot be read.
        """
        return grpc.ssl_channel_credentials(
            roots or read_file(self.ca_file), read_file(self.key_file), read_file(self.cert_file)
        )


def read_file(file: Path | None) -> bytes | None:
    """The contents of a file that the configuration names; None where it names none.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return file.read_bytes() if file else None
    except OSError as error:
        raise ConfigError(f"tls: {file} cannot be read: {error.strerror}") from error
