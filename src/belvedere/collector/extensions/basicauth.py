"""`basicauth`: user names and passwords, of clients that send to us, or ours to others."""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final, Self

from pydantic import Field, model_validator

from belvedere.collector.component import ComponentConfig, Host
from belvedere.collector.errors import ConfigError
from belvedere.collector.extensions.htpasswd import is_password, read_htpasswd
from belvedere.collector.extensions.secret import Secret
from belvedere.collector.receivers.otlp.access import Headers
from belvedere.otlp.errors import Unauthenticated

_REMEMBERED: Final = 1000
"""Credentials that were right, and need not be hashed again: good hashes take their time."""


class HtpasswdConfig(ComponentConfig):
    """`htpasswd`: the users that may send."""

    file: Path | None = Field(None, description="An htpasswd file.")
    inline: str = Field(
        "", repr=False, description="Contents of such a file; its users win over the file's."
    )

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if self.file is None and not self.inline.strip():
            raise ValueError("htpasswd needs file or inline")
        return self


class ClientAuthConfig(ComponentConfig):
    """`client_auth`: who we are."""

    unsupported: ClassVar[Mapping[str, str]] = {
        "aws_secrets_manager": "have the secret in a file, and name it in password_file"
    }

    username: str = Field("", description="User name.")
    password: str = Field("", repr=False, description="Password.")
    username_file: Path | None = Field(
        None, description="File with the user name, before username; read again when it changes."
    )
    password_file: Path | None = Field(
        None, description="File with the password, before password; read again when it changes."
    )


class BasicAuthConfig(ComponentConfig):
    """`extensions::basicauth`."""

    htpasswd: HtpasswdConfig | None = Field(None, description="For receivers: who may send.")
    client_auth: ClientAuthConfig | None = Field(None, description="For exporters: who we are.")

    @model_validator(mode="after")
    def _one_side(self) -> Self:
        if (self.htpasswd is None) == (self.client_auth is None):
            raise ValueError("htpasswd (for receivers) or client_auth (for exporters) is required")
        return self


class BasicAuth:
    """An authenticator of one side: it has `authenticate` with htpasswd, else `headers`.

    So whoever looks for one of the two finds out before anything starts.
    """

    Config = BasicAuthConfig

    def __init__(self, config: BasicAuthConfig, host: Host) -> None:
        self._config, self._key = config, f"extensions::{host.component_id}"
        self._users: dict[str, str] = {}
        self._right: set[bytes] = set()
        """Digests of headers that were right."""
        if config.client_auth is None:
            self.authenticate = self._authenticate
        else:
            self.headers = self._headers
            client = config.client_auth
            self._username = Secret(client.username, client.username_file)
            self._password = Secret(client.password, client.password_file)

    async def start(self) -> None:
        """Read the files.

        Raises:
            ConfigError: one cannot be read, or is no htpasswd file.
        """
        htpasswd, client = self._config.htpasswd, self._config.client_auth
        if htpasswd is not None:
            if htpasswd.file is not None:
                file = Secret("", htpasswd.file)
                file.read(f"{self._key}::htpasswd::file")
                self._add_users(file.text, "htpasswd::file")
            self._add_users(htpasswd.inline, "htpasswd::inline")
        if client is not None:
            self._username.read(f"{self._key}::client_auth::username_file")
            self._password.read(f"{self._key}::client_auth::password_file")

    async def shutdown(self) -> None:
        """Nothing to do."""

    def _authenticate(self, headers: Headers) -> str | None:
        """See `Authenticator`. Users have no project of their own.

        Raises:
            Unauthenticated: no user of that name and password.
        """
        shown = headers.get("authorization", ("",))[0]
        digest = hashlib.sha256(shown.encode()).digest()
        if digest in self._right:
            return None
        scheme, _, credentials = shown.partition(" ")
        if scheme.lower() != "basic":
            raise Unauthenticated("send the header Authorization: Basic with user and password")
        try:
            decoded = base64.b64decode(credentials, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise Unauthenticated("the header Authorization is not valid") from None
        user, _, password = decoded.partition(":")
        if user not in self._users or not is_password(password, self._users[user]):
            raise Unauthenticated("user name or password are not valid here")
        if len(self._right) < _REMEMBERED:
            self._right.add(digest)
        return None

    async def _headers(self) -> Mapping[str, str]:
        """See `ClientAuthenticator`."""
        credentials = f"{self._username.text}:{self._password.text}"
        return {"authorization": f"Basic {base64.b64encode(credentials.encode()).decode()}"}

    def _add_users(self, text: str, key: str) -> None:
        try:
            self._users.update(read_htpasswd(text))
        except ValueError as error:
            raise ConfigError(str(error), key=f"{self._key}::{key}") from None
