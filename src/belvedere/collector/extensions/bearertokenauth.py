"""`bearertokenauth`: tokens in a header, of clients that send to us, and ours to others."""

import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from belvedere.collector.component import ComponentConfig, Host
from belvedere.collector.extensions.secret import Secret
from belvedere.collector.receivers.otlp.access import Headers
from belvedere.otlp.errors import Unauthenticated


class BearerTokenAuthConfig(ComponentConfig):
    """`extensions::bearertokenauth`."""

    scheme: str = Field("Bearer", description="What stands before the token; empty: nothing.")
    header: str = Field("Authorization", min_length=1, description="The header of the token.")
    token: str = Field("", repr=False, description="The token.")
    tokens: tuple[str, ...] = Field(
        (), repr=False, description="Several: receivers take any of them, exporters show the first."
    )
    filename: Path | None = Field(
        None,
        description="File with a token a line, before the others; read again when it changes.",
    )

    @model_validator(mode="after")
    def _a_token(self) -> Self:
        if self.token and self.tokens:
            raise ValueError("token and tokens exclude each other: write all of them in tokens")
        if not (self.token or self.tokens or self.filename):
            raise ValueError("token is required, or tokens, or filename")
        return self


class BearerTokenAuth:
    """An authenticator of both sides."""

    Config = BearerTokenAuthConfig

    def __init__(self, config: BearerTokenAuthConfig, host: Host) -> None:
        self._config = config
        self._key = f"extensions::{host.component_id}::filename"
        self._header = config.header.lower()
        self._tokens = Secret("\n".join(config.tokens or (config.token,)), config.filename)

    async def start(self) -> None:
        """Read the file.

        Raises:
            ConfigError: it cannot be read.
        """
        self._tokens.read(self._key)

    async def shutdown(self) -> None:
        """Nothing to do."""

    def authenticate(self, headers: Headers) -> str | None:
        """See `Authenticator`. Tokens have no project of their own.

        Raises:
            Unauthenticated: the header is not there, or its token is none of ours.
        """
        shown = headers.get(self._header, ("",))[0].encode()
        found = False
        # All are compared, in constant time each, so that time tells nothing about the tokens.
        for value in self._values():
            found |= hmac.compare_digest(shown, value.encode())
        if not found:
            form = f"{self._config.header}: {self._config.scheme}".strip()
            raise Unauthenticated(f"send the header {form} and a token that is valid here")
        return None

    async def headers(self) -> Mapping[str, str]:
        """See `ClientAuthenticator`."""
        return {self._header: next(iter(self._values()), "")}

    def _values(self) -> list[str]:
        scheme = f"{self._config.scheme} " if self._config.scheme else ""
        return [scheme + line.strip() for line in self._tokens.text.splitlines() if line.strip()]
