"""Certificates, as the Collector's `configtls` has them: what servers and clients share."""

import ssl
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from belvedere.collector.component import ComponentConfig
from belvedere.collector.duration import Duration

_OWN_CHOICE: Final = "the TLS library's own choice is used, which is safe; remove this key"
_VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def _text(value: Any) -> Any:
    """`min_version: 1.2` without quotes is a number in YAML."""
    return str(value) if isinstance(value, float) else value


class TlsKeys(ComponentConfig):
    """The keys of `tls` that servers and clients have."""

    unsupported: ClassVar[Mapping[str, str]] = {
        "cipher_suites": _OWN_CHOICE,
        "include_insecure_cipher_suites": _OWN_CHOICE,
        "curve_preferences": _OWN_CHOICE,
        "tpm": "keys are read from key_file or key_pem",
    }

    cert_file: Path | None = Field(None, description="PEM file of the own certificate chain.")
    cert_pem: str = Field("", description="The certificate chain itself, instead of cert_file.")
    key_file: Path | None = Field(None, description="PEM file of the certificate's private key.")
    key_pem: str = Field("", repr=False, description="The private key itself, instead of key_file.")
    min_version: Annotated[Literal["", "1.0", "1.1", "1.2", "1.3"], BeforeValidator(_text)] = Field(
        "", description="Least version of TLS: 1.2 (also for 1.0 and 1.1) or 1.3."
    )
    max_version: Annotated[Literal["", "1.2", "1.3"], BeforeValidator(_text)] = Field(
        "", description="Greatest version of TLS; unset: 1.3."
    )
    reload_interval: Duration = Field(
        0.0, description="Time after which certificate and key are read again; 0s: never."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name in ("cert", "key", "ca"):
            if getattr(self, f"{name}_file", None) and getattr(self, f"{name}_pem", ""):
                raise ValueError(f"{name}_file and {name}_pem exclude each other: remove one")
        has_certificate = bool(self.cert_file or self.cert_pem)
        if has_certificate != bool(self.key_file or self.key_pem):
            raise ValueError("certificate and key belong together: cert_file and key_file")
        if self.min_version == "1.3" and self.max_version == "1.2":
            raise ValueError("min_version is above max_version")
        return self

    def load_into(self, context: ssl.SSLContext) -> None:
        """Give a context the own certificate, if there is one, and the versions.

        Raises:
            OSError: a file cannot be read, or does not hold a certificate or the key of it (then
                it is an `ssl.SSLError`).
        """
        context.minimum_version = _VERSIONS.get(self.min_version, ssl.TLSVersion.TLSv1_2)
        if self.max_version:
            context.maximum_version = _VERSIONS[self.max_version]
        if self.cert_file or self.cert_pem:
            with (
                _as_file(self.cert_file, self.cert_pem) as certificate,
                _as_file(self.key_file, self.key_pem) as key,
            ):
                context.load_cert_chain(certificate, key)

    def certificate_and_key(self) -> tuple[bytes, bytes] | None:
        """The own certificate chain and its key, PEM; None without one.

        Raises:
            OSError: a file cannot be read.
        """
        if not self.cert_file and not self.cert_pem:
            return None
        return pem(self.cert_file, self.cert_pem) or b"", pem(self.key_file, self.key_pem) or b""


def any_version(tls: TlsKeys | None) -> TlsKeys | None:
    """The `tls` of a gRPC component, which cannot choose the version.

    Raises:
        ValueError: it does.
    """
    if tls and (tls.min_version == "1.3" or tls.max_version == "1.2"):
        raise ValueError(
            "gRPC's library speaks TLS 1.2 and 1.3: remove min_version and max_version"
        )
    return tls


class Renewal:
    """When a certificate is to be read again."""

    def __init__(self, config: TlsKeys, now_s: Callable[[], float] = time.monotonic) -> None:
        self._interval_s, self._now_s = config.reload_interval, now_s
        self._read_s = now_s()

    def is_due(self) -> bool:
        """Whether `reload_interval` is over; then it begins again."""
        now_s = self._now_s()
        if not self._interval_s or now_s - self._read_s < self._interval_s:
            return False
        self._read_s = now_s
        return True


def pem(file: Path | None, text: str) -> bytes | None:
    """What a file holds, or else the text; None where there is neither.

    Raises:
        OSError: the file cannot be read.
    """
    if file:
        return file.read_bytes()
    return text.encode() if text else None


@contextmanager
def _as_file(file: Path | None, text: str) -> Iterator[Path | str]:
    """The file, or one with the text for the time being: OpenSSL reads keys from files alone."""
    if file:
        yield file
        return
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as made:  # readable by its owner only
        made.write(text)
        made.flush()
        yield made.name
