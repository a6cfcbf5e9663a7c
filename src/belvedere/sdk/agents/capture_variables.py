"""The environment variables by which instrumentors record content, kept as one switch has them.

Each family of instrumentors has a variable of its own, and most read it at each call. They are set
for as long as a policy of content holds; processes that the application starts inherit them.
"""

import os
from collections.abc import Callable, Mapping
from typing import Final

CAPTURE: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"

_MODES: Final = {
    (False, False): "NO_CONTENT",
    (True, False): "SPAN_ONLY",
    (False, True): "EVENT_ONLY",
    (True, True): "SPAN_AND_EVENT",
}
"""(on spans, on events) → the value of OpenTelemetry's variable."""

_TRUE_TO_RECORD: Final = ("TRACELOOP_TRACE_CONTENT",)
_TRUE_TO_HIDE: Final = tuple(
    f"OPENINFERENCE_HIDE_{what}"
    for what in (
        *("INPUTS", "INPUT_MESSAGES", "INPUT_TEXT"),
        *("OUTPUTS", "OUTPUT_MESSAGES", "OUTPUT_TEXT"),
    )
)

_applied: tuple[Mapping[str, str], ...] = ()
_given: dict[str, str | None] = {}


def given(name: str) -> str | None:
    """The variable as the user set it, whatever is applied now."""
    return _given[name] if name in _given else os.environ.get(name)


def apply(*, spans: bool, events: bool) -> Callable[[], None]:
    """Make instrumentors record content on spans, on events, on both or not at all.

    Returns:
        The undo, in whatever order: of the others the last one counts, and without any the
        variables are as they were.
    """
    global _applied  # noqa: PLW0603 - the environment is one
    values = {
        CAPTURE: _MODES[spans, events],
        **dict.fromkeys(_TRUE_TO_RECORD, str(spans).lower()),
        **dict.fromkeys(_TRUE_TO_HIDE, str(not spans).lower()),
    }
    for name in values:
        _given.setdefault(name, os.environ.get(name))
    _applied = (*_applied, values)
    os.environ.update(values)

    def undo() -> None:
        global _applied  # noqa: PLW0603 - as above
        _applied = tuple(each for each in _applied if each is not values)
        if _applied:
            os.environ.update(_applied[-1])
            return
        for name in values:
            before = _given.pop(name, None)
            if before is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = before

    return undo
