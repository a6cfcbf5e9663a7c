"""What `init` was told: arguments, else `OTEL_*` variables, else defaults."""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

from belvedere.sdk.errors import SettingError

_log = logging.getLogger("belvedere.sdk")
_Number = TypeVar("_Number", int, float)

DELAY_S: Final = 5.0
BATCH_SIZE: Final = 512
QUEUE_SIZE: Final = 16_384
"""Room for 1.6 s at 10,000 spans a second; the stock SDK has 2,048."""
PRODUCTION_RATIO: Final = 0.1

_CONVENTIONS: Final = "OTEL_SEMCONV_STABILITY_OPT_IN"


@dataclass(frozen=True, slots=True)
class Batching:
    """How one signal is batched.

    Attributes:
        signal: `spans` or `logs`, for the thread's name.
        delay_s: how long a batch that is not full waits.
        batch_size: items in a request at most.
        queue_size: items kept at most.
    """

    signal: str
    delay_s: float
    batch_size: int
    queue_size: int


def batching(
    signal: Literal["spans", "logs"],
    *,
    delay_s: float | None,
    batch_size: int | None,
    queue_size: int | None,
) -> Batching:
    """The batching of `signal`, by `OTEL_BSP_*` for spans and `OTEL_BLRP_*` for logs.

    Raises:
        SettingError: an argument is not positive.
    """
    prefix = "OTEL_BSP" if signal == "spans" else "OTEL_BLRP"
    size = _positive("batch_size", batch_size, f"{prefix}_MAX_EXPORT_BATCH_SIZE", int, BATCH_SIZE)
    default_room = max(QUEUE_SIZE, 4 * size)
    room = _positive("queue_size", queue_size, f"{prefix}_MAX_QUEUE_SIZE", int, default_room)
    if delay_s is None:
        delay_ms = _positive("", None, f"{prefix}_SCHEDULE_DELAY", float, DELAY_S * 1000)
        delay_s = delay_ms / 1000
    elif delay_s <= 0:
        raise SettingError(f"batch_delay_s is {delay_s}; it has to be positive")
    return Batching(signal, delay_s, min(size, room), room)


def _positive(
    argument: str,
    value: _Number | None,
    variable: str,
    convert: Callable[[str], _Number],
    default: _Number,
) -> _Number:
    if value is not None:
        if value <= 0:
            raise SettingError(f"{argument} is {value}; it has to be positive")
        return value
    text = os.environ.get(variable, "").strip()
    if not text:
        return default
    try:
        number = convert(text)
    except ValueError:
        number = default - default
    if number <= 0:
        _log.warning("%s is %r; %s is used", variable, text, default)
        return default
    return number


def exporters(signal: Literal["traces", "metrics", "logs"], default: str) -> tuple[str, ...]:
    """The names in `OTEL_{SIGNAL}_EXPORTER`; none for `none`."""
    named = os.environ.get(f"OTEL_{signal.upper()}_EXPORTER", "").strip() or default
    names = tuple(name.strip() for name in named.split(",") if name.strip())
    return () if names == ("none",) else names


_NOT_READ: Final[Mapping[str, str]] = {
    "OTEL_CONFIG_FILE": "its settings have no effect; use arguments or the other variables",
    **{
        f"OTEL_PYTHON_EXPORTER_OTLP_{protocol}{signal}_CREDENTIAL_PROVIDER": (
            "use headers= or OTEL_EXPORTER_OTLP_HEADERS"
        )
        for protocol in ("HTTP", "GRPC")
        for signal in ("", "_TRACES", "_METRICS", "_LOGS")
    },
    **{
        f"OTEL_PYTHON_{what}_CONFIGURATOR": "all scopes are recorded"
        for what in ("TRACER", "METER", "LOGGER")
    },
}
"""Variables of the stock SDK's that do nothing here, and what that means."""


def say_what_is_not_read() -> None:
    """Warn of variables that are set in vain."""
    for name, meaning in _NOT_READ.items():
        if os.environ.get(name, "").strip():
            _log.warning("%s is set, which belvedere.init does not read: %s.", name, meaning)


def disabled() -> bool:
    """Whether `OTEL_SDK_DISABLED` turns all of it off."""
    return os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


def metric_exporters(chosen: str | Sequence[str] | None) -> tuple[str, ...]:
    """The names of metric exporters: the argument, else the variable, else `otlp`.

    Raises:
        SettingError: the argument names none that we have.
    """
    if chosen is None:
        return exporters("metrics", "otlp")
    names = (chosen,) if isinstance(chosen, str) else tuple(chosen)
    for name in names:
        if name not in {"otlp", "prometheus", "none"}:
            raise SettingError(f"metrics names {name!r}; there are otlp, prometheus and none")
    return tuple(name for name in names if name != "none")


def conventions() -> str:
    """Return the semantic conventions that instrumentors follow, a list with commas.

    OTEL_SEMCONV_STABILITY_OPT_IN, else the stable ones of HTTP and databases.
    """
    return os.environ.get(_CONVENTIONS) or "http,database"


def use_stable_conventions() -> Callable[[], None]:
    """Have instrumentors follow `conventions`.

    They read the variable once per process, when the first of them is activated or used. An
    instrumentor that was activated before `init` has decided for all.

    Returns:
        What restores the variable.
    """
    before = os.environ.get(_CONVENTIONS)
    ours = os.environ[_CONVENTIONS] = conventions()

    def restore() -> None:
        if os.environ.get(_CONVENTIONS) != ours:
            return
        if before is None:
            del os.environ[_CONVENTIONS]
        else:
            os.environ[_CONVENTIONS] = before

    return restore
