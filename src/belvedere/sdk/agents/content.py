"""Whether and how prompts, answers and tool data are recorded: opt-in, redacted, bounded."""

import os
from collections.abc import Callable
from dataclasses import dataclass

from belvedere.sdk.agents import bounded_json, faults, redaction
from belvedere.sdk.agents.plain import Plain

CAPTURE_VARIABLE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
DEFAULT_MAX_CONTENT_BYTES = 16 * 1024

_MARK_BYTES = 40  # room for the mark that says what was cut

_ON_SPANS = frozenset({"true", "1", "span_only", "span_and_event"})
"""Values of the variable that ask for content on spans; `event_only` does not."""


def _variable() -> bool:
    return os.environ.get(CAPTURE_VARIABLE, "").strip().lower() in _ON_SPANS


@dataclass(frozen=True, slots=True)
class _Settings:
    capture: bool
    max_bytes: int = DEFAULT_MAX_CONTENT_BYTES
    redact: Callable[[str], str] | None = None

    def clean(self, text: str) -> str:
        text = redaction.redact(text)
        if self.redact is None:
            return text
        replaced = self.redact(text)
        return replaced if isinstance(replaced, str) else redaction.mark("by hook")


_configured: tuple[_Settings, ...] = ()
_unconfigured: _Settings | None = None


def _current() -> _Settings:
    global _unconfigured  # noqa: PLW0603 - one process, one policy
    if _configured:
        return _configured[-1]
    if _unconfigured is None:
        _unconfigured = _Settings(_variable())
    return _unconfigured


def configure(
    capture_content: bool | None = None,  # noqa: FBT001 - the seam that init calls
    max_content_bytes: int = DEFAULT_MAX_CONTENT_BYTES,
    redact: Callable[[str], str] | None = None,
) -> Callable[[], None]:
    """Sets what is recorded of content from now on, in this process.

    Args:
        capture_content: Record content; `None` asks the variable
            `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`, and without it nothing is.
        max_content_bytes: Most bytes of UTF-8 in one attribute of content, at least 64.
        redact: Gets each text (after keys, cards and addresses are replaced), returns what may be
            recorded. If it raises, that attribute is left out.

    Returns:
        The undo, in whatever order: of the others the last one counts.

    Raises:
        ValueError: `max_content_bytes` is below 64.
    """
    global _configured  # noqa: PLW0603 - one process, one policy
    if max_content_bytes < 64:
        raise ValueError(
            f"max_content_bytes is {max_content_bytes}; at least 64 are needed to say what was cut"
        )
    capture = _variable() if capture_content is None else capture_content
    mine = _Settings(capture, max_content_bytes, redact)
    _configured = (*_configured, mine)

    def undo() -> None:
        global _configured  # noqa: PLW0603 - one process, one policy
        _configured = tuple(each for each in _configured if each is not mine)

    return undo


def captured() -> bool:
    """Whether content is recorded. Ask before doing work for `encode`."""
    return _current().capture


def encode(value: object) -> str | None:
    """`value` as redacted, bounded, valid JSON; `None` if it may not or cannot be recorded.

    Never raises: what cannot be cleaned is not recorded.
    """
    settings = _current()
    if not settings.capture:
        return None
    try:
        tree = Plain(settings.clean, settings.max_bytes).convert(value)
        return bounded_json.encode(tree, settings.max_bytes)
    except Exception:  # noqa: BLE001 - a hook or a repr of the application failed
        faults.report("content (not recorded)")
        return None


def text(value: object) -> str | None:
    """Like `encode`, for attributes that are plain text rather than JSON."""
    settings = _current()
    if not settings.capture:
        return None
    try:
        cleaned = Plain(settings.clean, settings.max_bytes).text(str(value))
    except Exception:  # noqa: BLE001 - a hook or a repr of the application failed
        faults.report("content (not recorded)")
        return None
    return _cut(cleaned, settings.max_bytes)


def _cut(text: str, max_bytes: int) -> str:
    encoded = text.encode()
    if len(encoded) <= max_bytes:
        return text
    head = encoded[: max_bytes - _MARK_BYTES].decode("utf-8", "ignore")
    return f"{head}…[{len(text) - len(head)} characters cut]"


def max_characters() -> int:
    """How much of a stream is worth keeping: 0 if content is not captured."""
    settings = _current()
    return 2 * settings.max_bytes if settings.capture else 0
