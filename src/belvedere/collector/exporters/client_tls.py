"""`tls` of an exporter: whom it trusts, and how it shows who it is."""

import ssl
from pathlib import Path

import grpc
import structlog
from pydantic import Field

from belvedere.collector.errors import ConfigError
from belvedere.collector.tls import TlsKeys, any_version, pem

log = structlog.get_logger(__name__)


class ClientTlsConfig(TlsKeys):
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
    ca_pem: str = Field("", description="The authorities themselves, instead of ca_file.")
    include_system_ca_certs_pool: bool = Field(
        False, description="Whether the usual authorities are trusted beside those of ca_file."
    )
    server_name_override: str = Field(
        "", description="Name that the peer's certificate must have, instead of the endpoint's."
    )

    def ssl_context(self) -> ssl.SSLContext:
        """The context of Python's TLS clients.

        Raises:
            ConfigError: a file cannot be read or holds no certificate or key.
        """
        self._check_files()
        try:
            if self.include_system_ca_certs_pool:
                context = ssl.create_default_context()
                if self.ca_file or self.ca_pem:
                    context.load_verify_locations(self.ca_file, cadata=self.ca_pem or None)
            else:
                context = ssl.create_default_context(
                    cafile=self.ca_file, cadata=self.ca_pem or None
                )
            self.load_into(context)
        except (OSError, ValueError) as error:
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
        self._check_files()
        certificate, key = self.certificate_and_key() or (None, None)
        return grpc.ssl_channel_credentials(
            roots or pem(self.ca_file, self.ca_pem), key, certificate
        )

    def _check_files(self) -> None:
        for file in (self.ca_file, self.cert_file, self.key_file):
            try:
                pem(file, "")
            except OSError as error:
                raise ConfigError(f"tls: {file} cannot be read: {error.strerror}") from error


def renew(context: ssl.SSLContext, config: ClientTlsConfig) -> None:
    """Read the own certificate again, for connections to come.

    Where the files do not fit each other (yet), the old certificate stays.
    """
    try:
        config.load_into(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))  # so that none is half loaded
        config.load_into(context)
    except OSError as error:
        reason = error.strerror or str(error)
        log.warning("certificate_not_renewed", error=reason, used="the old one")


def for_grpc(tls: ClientTlsConfig) -> ClientTlsConfig:
    """The `tls` of a gRPC client.

    Raises:
        ValueError: it asks for what gRPC's library cannot do.
    """
    any_version(tls)
    if tls.include_system_ca_certs_pool:
        raise ValueError(
            "gRPC's library trusts either its own authorities or those of ca_file: remove"
            " include_system_ca_certs_pool, and put all authorities into ca_file"
        )
    return tls
