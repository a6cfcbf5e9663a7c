"""References to environment variables in configuration values: `${env:NAME}`.

After the Collector's `confmap`: `${env:NAME}`, `${NAME}` and `${env:NAME:-default}` are replaced,
`$$` is one dollar sign, any other `$` stays as it is. A default may hold references; what a
variable holds is taken as it is.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

log = structlog.get_logger(__name__)

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SPECIAL = re.compile(r"\$\$|\$\{")
_BRACES = re.compile(r"\$\{|\}")


class ExpansionError(ValueError):
    """A reference that cannot be resolved. The message says what to write."""


@dataclass(frozen=True, slots=True)
class Expanded:
    """A scalar after expansion."""

    text: str
    whole: bool
    """The whole scalar was one reference, so the text is YAML of its own (a number, a list)."""


def expand(text: str, env: Mapping[str, str]) -> Expanded:
    """Replace the references in one scalar.

    A variable that is not set and has no default is empty, with a warning, as in the Collector.

    Raises:
        ExpansionError: a reference is malformed or of a kind other than `env`.
    """
    parts: list[str] = []
    position, whole = 0, False
    while match := _SPECIAL.search(text, position):
        parts.append(text[position : match.start()])
        if match[0] == "$$":
            parts.append("$")
            position = match.end()
            continue
        end = _closing_brace(text, match.end())
        parts.append(_resolve(text[match.end() : end], env))
        position = end + 1
        whole = match.start() == 0 and position == len(text)
    parts.append(text[position:])
    return Expanded("".join(parts), whole)


def _closing_brace(text: str, start: int) -> int:
    """The index of the `}` that closes the `${` before `start`."""
    depth = 1
    for brace in _BRACES.finditer(text, start):
        depth += 1 if brace[0] == "${" else -1
        if depth == 0:
            return brace.start()
    raise ExpansionError(f"${{ without its }} in {text!r}; a plain dollar sign is written $$")


def _resolve(reference: str, env: Mapping[str, str]) -> str:
    """The value of what stands between `${` and `}`."""
    head, has_default, default = reference.partition(":-")
    scheme, has_scheme, name = head.rpartition(":")
    if has_scheme and scheme != "env":
        raise ExpansionError(
            f"${{{reference}}}: {scheme!r} references are not supported, only ${{env:NAME}}"
        )
    if not _NAME.fullmatch(name):
        raise ExpansionError(
            f"${{{reference}}}: {name!r} is no name of an environment variable"
            " (letters, digits and _, not beginning with a digit)"
        )
    if name in env:
        return env[name]
    if has_default:
        return expand(default, env).text
    log.warning("environment_variable_not_set", variable=name, used="")
    return ""
