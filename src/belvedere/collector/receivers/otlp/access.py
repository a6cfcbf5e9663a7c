"""Who may send, and into which project."""

import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol, TypeAlias

import yaml

from belvedere.collector.errors import ConfigError
from belvedere.collector.receivers.otlp.config import ALL_PROJECTS
from belvedere.otlp.batch import (
    CLIENT_ADDRESS,
    DEFAULT_PROJECT,
    PROJECT_NAME_RULE,
    is_project_name,
)
from belvedere.otlp.errors import Malformed, Unauthenticated

Headers: TypeAlias = Mapping[str, tuple[str, ...]]
"""A request's headers or metadata, by their lower-case names."""

PROJECT_HEADER: Final = "x-scope-orgid"
"""What Loki, Mimir and Tempo call it."""

_CREDENTIALS: Final = frozenset({"authorization", "cookie", "proxy-authorization"})
_EMPTY: Final = "empty token: anyone could send it"


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
        self._tokens = tokens
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
        if project is not None and project != ALL_PROJECTS:
            return project
        named = headers.get(PROJECT_HEADER)
        if named is None:
            return DEFAULT_PROJECT
        if len(named) > 1 or not is_project_name(named[0]):
            raise Malformed(
                f"X-Scope-OrgID {', '.join(named)[:100]!r} cannot name a project: expected one"
                f" name, {PROJECT_NAME_RULE}"
            )
        return named[0]

    def _project_of_token(self, headers: Headers) -> str:
        scheme, _, shown = headers.get("authorization", ("",))[0].partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthenticated("send the header Authorization: Bearer and a token")
        token = shown.strip()
        project = project_of_token(token, self._tokens)
        if project is None:
            reason = "" if token else ": it is empty"
            raise Unauthenticated(f"the bearer token is not valid here{reason}")
        return project


def project_of_token(token: str, tokens: Mapping[str, str]) -> str | None:
    """The project of a bearer token; None if it is not one of `tokens`, or is empty.

    All are compared, in constant time each, so that time tells nothing about the tokens.
    """
    found = None
    for known, project in tokens.items():
        if hmac.compare_digest(token.encode(), known.encode()):
            found = project
    return found if token else None


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
    """Return tokens and their projects from a YAML file of lines `token: project`.

    A token is taken as it is written. `"*"` in place of the project stands for all projects.

    Raises:
        ConfigError: the file cannot be read, is not such a mapping, or holds an empty or a
            duplicate token; `key`, file and line are named, never a token.
    """
    text = ""
    try:
        text = file.read_text(encoding="utf-8")
        root = yaml.compose(text, yaml.SafeLoader)
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror}", key=key) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:  # its text would show tokens
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        is_empty = (
            mark is not None and "".join(text.splitlines()[mark.line :][:1]).lstrip()[:1] == ":"
        )
        problem = _EMPTY if is_empty else "does not map tokens to projects"
        raise _bad_tokens(problem, file, line, key) from None
    if not isinstance(root, yaml.MappingNode):
        raise _bad_tokens("does not map tokens to projects", file, None, key)
    tokens: dict[str, str] = {}
    for token, project in root.value:
        problem = _problem(token, project, tokens)
        if problem:
            raise _bad_tokens(problem, file, token.start_mark.line + 1, key)
        tokens[token.value] = project.value
    if not tokens:
        raise _bad_tokens("missing tokens", file, None, key)
    return tokens


def _problem(token: yaml.Node, project: yaml.Node, before: Mapping[str, str]) -> str:
    """What is wrong with a line of a file of tokens; empty if nothing is."""
    if not isinstance(token, yaml.ScalarNode) or not isinstance(project, yaml.ScalarNode):
        return "does not map tokens to projects"
    text: str = token.value
    if not text.strip():
        return _EMPTY
    if text.split() != [text]:
        return "invalid token: it holds spaces"
    if text in before:
        return "duplicate token"
    if project.value != ALL_PROJECTS and not is_project_name(project.value):
        return f"does not map tokens to projects: expected {PROJECT_NAME_RULE}"
    return ""


def _bad_tokens(problem: str, file: Path, line: int | None, key: str) -> ConfigError:
    return ConfigError(
        problem,
        key=key,
        file=file,
        line=line,
        hint='write one line for each: the token, a colon, its project; or "*", with the quotes,'
        " for the token of an operator, who sees all projects",
    )
