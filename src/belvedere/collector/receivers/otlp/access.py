"""Who may send, and into which project."""

import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol, TypeAlias

import yaml
from pydantic import TypeAdapter, ValidationError

from belvedere.collector.errors import ConfigError
from belvedere.collector.receivers.otlp.config import ProjectName
from belvedere.otlp.batch import CLIENT_ADDRESS, DEFAULT_PROJECT, is_project_name
from belvedere.otlp.errors import Malformed, Unauthenticated

Headers: TypeAlias = Mapping[str, tuple[str, ...]]
"""A request's headers or metadata, by their lower-case names."""

PROJECT_HEADER: Final = "x-scope-orgid"
"""What Loki, Mimir and Tempo call it."""

_CREDENTIALS: Final = frozenset({"authorization", "cookie", "proxy-authorization"})
_TOKENS: Final = TypeAdapter(dict[str, ProjectName])


class Authenticator(Protocol):
    """An extension that knows the clients."""

    def authenticate(self, headers: Headers) -> str | None:
        """The project of the client who sent these headers; None: what the headers say.

        Raises:
            Unauthenticated: this is no client.
        """
        ...


class Access:
    """The rule by which a request gets its project."""

    def __init__(
        self, tokens: Mapping[str, str], authenticator: Authenticator | None = None
    ) -> None:
        """A rule.

        Args:
            tokens: bearer tokens and their projects; if there are any, a request needs one.
            authenticator: asked instead of `tokens`.
        """
        self._tokens = [(token.encode(), project) for token, project in tokens.items()]
        self._authenticator = authenticator

    def project(self, headers: Headers) -> str:
        """The project that a request belongs to.

        Raises:
            Unauthenticated: the request shows no valid token.
            Malformed: the project that it names cannot be one.
        """
        project: str | None = None
        if self._authenticator is not None:
            project = self._authenticator.authenticate(headers)
        elif self._tokens:
            project = self._project_of_token(headers)
        if project is not None:
            return project
        named = headers.get(PROJECT_HEADER)
        if named is None:
            return DEFAULT_PROJECT
        if len(named) > 1 or not is_project_name(named[0]):
            raise Malformed("X-Scope-OrgID must name one project: 1 to 64 of A-Z a-z 0-9 _ -")
        return named[0]

    def _project_of_token(self, headers: Headers) -> str:
        scheme, _, shown = headers.get("authorization", ("",))[0].partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthenticated("send the header Authorization: Bearer and a token")
        token = shown.strip().encode()
        found = ""
        # All are compared, in constant time each, so that time tells nothing about the tokens.
        for known, project in self._tokens:
            if hmac.compare_digest(token, known):
                found = project
        if not found:
            raise Unauthenticated("the bearer token is not valid here")
        return found


def metadata_of(headers: Headers, address: str, *, include_headers: bool) -> Headers:
    """What components may see of a request: its headers without credentials, and its client.

    `address` is the client's IP address, or empty where it has none (a Unix socket).
    """
    metadata: dict[str, tuple[str, ...]] = {}
    if address:
        # A socket for both families shows IPv4 clients as ::ffff:10.1.0.5.
        metadata[CLIENT_ADDRESS] = (address.removeprefix("::ffff:"),)
    if include_headers:
        metadata |= {name: each for name, each in headers.items() if name not in _CREDENTIALS}
    return metadata


def read_tokens(file: Path, key: str) -> dict[str, str]:
    """Tokens and their projects from a YAML file.

    Raises:
        ConfigError: the file cannot be read, or is no such mapping; `key` is named.
    """
    hint = "write one line for each: the token, a colon, its project"
    try:
        tokens = _TOKENS.validate_python(yaml.safe_load(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror}", key=key) from None
    except (yaml.YAMLError, UnicodeDecodeError, ValidationError):
        # Their texts would show tokens.
        raise ConfigError(f"{file} does not map tokens to projects", key=key, hint=hint) from None
    if not tokens:
        raise ConfigError(f"there are no tokens in {file}", key=key, hint=hint)
    return tokens
