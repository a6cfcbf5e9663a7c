"""Whether and how prompts, answers and tool data are recorded: opt-in, redacted, bounded."""

from collections.abc import Callable
from dataclasses import dataclass

from belvedere.sdk.agents import bounded_json, capture_variables, faults, redaction
from belvedere.sdk.agents.plain import BORDER, Plain

DEFAULT_MAX_CONTENT_BYTES = 16 * 1024

_MARK_BYTES = 40  # room for the mark that says what was cut

_ON_SPANS = frozenset({"true", "1", "span_only", "span_and_event"})
"""Values of the variable that ask for content on spans; `event_only` does not."""
_ON_EVENTS = frozenset({"event_only", "span_and_event"})


def _variable() -> str:
    return (capture_variables.given(capture_variables.CAPTURE) or "").strip().lower()


class Recorded(str):
    """A text that `encode` or `text` returned: cleaned already, and JSON where it has to be."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """What is recorded of content, and how.

    Attributes:
        capture: Record content on spans.
        on_logs: Record content on log records.
        max_bytes: Most bytes of UTF-8 in one text.
        redact: The application's own cleaning of content, after ours.
    """

    capture: bool
    on_logs: bool
    max_bytes: int = DEFAULT_MAX_CONTENT_BYTES
    redact: Callable[[str], str] | None = None

    def clean(self, text: str) -> str:
        """`text` without secrets. Raises what `redact` raises."""
        text = redaction.redact(text)
        if self.redact is None:
            return text
        replaced = self.redact(text)
        return replaced if isinstance(replaced, str) else redaction.mark("by hook")


_configured: tuple[Settings, ...] = ()
_unconfigured: Settings | None = None


def _chosen(
    capture: bool | None,  # noqa: FBT001 - as `configure` has it
    max_bytes: int = DEFAULT_MAX_CONTENT_BYTES,
    redact: Callable[[str], str] | None = None,
) -> Settings:
    if capture is None:
        on_spans = _variable() in _ON_SPANS
        return Settings(on_spans, on_spans or _variable() in _ON_EVENTS, max_bytes, redact)
    return Settings(capture, capture, max_bytes, redact)


def current() -> Settings:
    """The settings that hold now."""
    global _unconfigured  # noqa: PLW0603 - one process, one policy
    if _configured:
        return _configured[-1]
    if _unconfigured is None:
        _unconfigured = _chosen(None)
    return _unconfigured


def configure(
    capture_content: bool | None = None,  # noqa: FBT001 - the seam that init calls
    max_content_bytes: int = DEFAULT_MAX_CONTENT_BYTES,
    redact: Callable[[str], str] | None = None,
) -> Callable[[], None]:
    """Set what is recorded of content from now on, by our API and by instrumentors.

    Args:
        capture_content: Record content; `None` asks the variable
            `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`, and without it nothing is.
        max_content_bytes: Most bytes of UTF-8 in one text, at least 64.
        redact: Gets each text of content (after keys, cards and addresses are replaced), returns
            what may be recorded. If it raises, that attribute is left out.

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
    mine = _chosen(capture_content, max_content_bytes, redact)
    _configured = (*_configured, mine)
    events = mine.on_logs and _variable() in _ON_EVENTS
    undo_variables = capture_variables.apply(spans=mine.capture, events=events)

    def undo() -> None:
        global _configured  # noqa: PLW0603 - one process, one policy
        _configured = tuple(each for each in _configured if each is not mine)
        undo_variables()

    return undo


def captured() -> bool:
    """Whether content is recorded. Ask before doing work for `encode`."""
    return current().capture


def encode(value: object) -> str | None:
    """`value` as redacted, bounded, valid JSON; `None` if it may not or cannot be recorded.

    Never raises: what cannot be cleaned is not recorded.
    """
    settings = current()
    if not settings.capture:
        return None
    try:
        tree = Plain(settings.clean, settings.max_bytes).convert(value)
        encoded = bounded_json.encode(tree, settings.max_bytes)
        return None if encoded is None else Recorded(encoded)
    except Exception:  # noqa: BLE001 - a hook or a repr of the application failed
        faults.report("content (not recorded)")
        return None


def text(value: object) -> str | None:
    """Like `encode`, for attributes that are plain text rather than JSON."""
    settings = current()
    if not settings.capture:
        return None
    try:
        cleaned = Plain(settings.clean, settings.max_bytes).text(str(value))
    except Exception:  # noqa: BLE001 - a hook or a repr of the application failed
        faults.report("content (not recorded)")
        return None
    return Recorded(cut(cleaned, settings.max_bytes))


def cut(text: str, max_bytes: int, *, keep_end: bool = False) -> str:
    """`text`, of which the beginning (or the end) and a mark are left if it is too long."""
    if len(text) * 4 <= max_bytes:
        return text
    encoded = text.encode()
    if len(encoded) <= max_bytes:
        return text
    left = max_bytes - _MARK_BYTES
    if keep_end:
        tail = encoded[-left:].decode("utf-8", "ignore")
        return f"[{len(text) - len(tail)} characters cut]…{tail}"
    head = encoded[:left].decode("utf-8", "ignore")
    return f"{head}…[{len(text) - len(head)} characters cut]"


def max_characters() -> int:
    """How much of a stream is worth keeping: 0 if content is not captured.

    More than a text may have, because the end of what was cut is left out.
    """
    settings = current()
    return 2 * settings.max_bytes + BORDER if settings.capture else 0
