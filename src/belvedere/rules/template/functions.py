"""The functions that Prometheus adds to templates."""

import ipaddress
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote_plus, urlsplit

from belvedere.collector.regex import compile_regex
from belvedere.query.go_format import format_g, quote
from belvedere.query.promql.duration import parse_duration
from belvedere.query.promql.errors import PromQLError
from belvedere.query.promql.numbers_syntax import parse_number
from belvedere.rules.template.builtins import BUILTINS, SHORT_CIRCUIT
from belvedere.rules.template.errors import FunctionError
from belvedere.rules.template.signature import ANY, SAMPLE, SAMPLES, STRING, TemplateFunction
from belvedere.rules.template.values import Duration, Sample, Time, type_name

_BIG: Final = ("k", "M", "G", "T", "P", "E", "Z", "Y")
_BINARY: Final = ("ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")
_SMALL: Final = ("m", "u", "n", "p", "f", "a", "z", "y")
_WORD: Final = re.compile(r"[^\W_][\w'\u2019]*")
_GROUP: Final = re.compile(r"\$(?:\$|\{(\w+)\}|(\w+))")
_MAX_NS: Final = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What functions know of the rule that is evaluated.

    Attributes:
        query: PromQL at the time of the evaluation → its vector. May raise `PromQLError`.
        at_ms: The time of the evaluation.
        external_url: Where users find this server.
    """

    query: Callable[[str], Sequence[Sample]]
    at_ms: int
    external_url: str


def functions(around: Surroundings) -> Mapping[str, TemplateFunction]:
    """All functions of a template, those of text/template with them."""
    return {
        **BUILTINS,
        **_FUNCTIONS,
        "query": TemplateFunction(lambda text: _queried(around, text), (STRING,)),
        "now": TemplateFunction(lambda: around.at_ms / 1000),
        "externalURL": TemplateFunction(lambda: around.external_url),
        "pathPrefix": TemplateFunction(lambda: urlsplit(around.external_url).path),
    }


def table_link(expression: str) -> str:
    """Where the table of an expression is, below the external URL."""
    return f"/graph?g0.expr={quote_plus(expression)}&g0.tab=1"


def _queried(around: Surroundings, text: str) -> list[Sample]:
    try:
        return list(around.query(text))
    except PromQLError as error:
        raise FunctionError(str(error)) from None


def _first(samples: list[Sample]) -> Sample:
    if not samples:
        raise FunctionError("first() called on vector with no elements")
    return samples[0]


def to_float(value: Any) -> float:
    """The number that a number, a text, or a duration (in seconds) is.

    Raises:
        FunctionError: it is none.
    """
    if isinstance(value, float | int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, Duration):
        return value.nanoseconds / 1e9
    if isinstance(value, str):
        try:
            number = parse_number(value.lstrip("+-"))
        except ValueError:
            problem = f"strconv.ParseFloat: parsing {quote(value)}: invalid syntax"
            raise FunctionError(problem) from None
        return -number if value.startswith("-") else number
    raise FunctionError(f"can't convert {type_name(value)} to float")


def _short(value: float) -> str:
    return format_g(value, 4)


def _scaled(value: float, base: float, prefixes: tuple[str, ...]) -> tuple[float, str]:
    """As many times divided by the base as it takes; for small prefixes, multiplied."""
    used = ""
    for prefix in prefixes:
        if abs(value) >= 1 if prefixes is _SMALL else abs(value) < base:
            break
        used = prefix
        value = value * base if prefixes is _SMALL else value / base
    return value, used


def _humanize(given: Any) -> str:
    value = to_float(given)
    if value == 0 or not math.isfinite(value):
        return _short(value)
    value, prefix = _scaled(value, 1000, _BIG if abs(value) >= 1 else _SMALL)
    return _short(value) + prefix


def _humanize_1024(given: Any) -> str:
    value = to_float(given)
    if abs(value) <= 1 or not math.isfinite(value):
        return _short(value)
    value, prefix = _scaled(value, 1024, _BINARY)
    return _short(value) + prefix


def _humanize_duration(given: Any) -> str:
    value = to_float(given)
    if not math.isfinite(value):
        return _short(value)
    if value == 0:
        return "0s"
    if abs(value) < 1:
        value, prefix = _scaled(value, 1000, _SMALL)
        return f"{_short(value)}{prefix}s"
    sign, value = "-" if value < 0 else "", abs(value)
    minutes, seconds = divmod(int(value), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {seconds}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {seconds}s"
    return f"{sign}{minutes}m {seconds}s" if minutes else f"{sign}{_short(value)}s"


def _time(given: Any) -> Time:
    value = to_float(given)
    if not math.isfinite(value):
        raise FunctionError("value is NaN or Inf")
    if abs(value * 1e9) > _MAX_NS:
        raise FunctionError(f"{format_g(value)} cannot be represented as a nanoseconds timestamp")
    # Upstream goes by way of its own milliseconds.
    return Time(int(value * 1e9) // 1_000_000 * 1_000_000)


def _humanize_timestamp(given: Any) -> str:
    value = to_float(given)
    return str(_time(value)) if math.isfinite(value) else _short(value)


def _duration(given: Any) -> Duration:
    value = to_float(given) * 1e9
    if not abs(value) <= _MAX_NS:
        raise FunctionError("value is no duration: it is NaN, Inf or out of range")
    return Duration(int(value))


def _parsed_duration(text: str) -> float:
    try:
        return parse_duration(text) / 1000
    except ValueError as error:
        raise FunctionError(str(error)) from None


def _compiled(pattern: str) -> Any:
    try:
        return compile_regex(pattern)
    except ValueError as error:
        raise FunctionError(f"error parsing regexp: {error}") from None


def _replace_all(pattern: str, replacement: str, text: str) -> str:
    regex = _compiled(pattern)

    def expanded(match: Any) -> str:
        def group(reference: re.Match[str]) -> str:
            name = reference[1] or reference[2]
            if not name:
                return "$"
            try:
                return match.group(int(name) if name.isdigit() else name) or ""
            except (IndexError, KeyError):
                return ""

        return _GROUP.sub(group, replacement)

    return str(regex.sub(expanded, text))


def _split_host_port(text: str) -> tuple[str, str] | None:
    """Go's `net.SplitHostPort`; None where it gives an error."""
    host, colon, port = text.rpartition(":")
    if not colon:
        return None
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        return None
    return None if "[" in host + port or "]" in host + port else (host, port)


def _strip_port(text: str) -> str:
    split = _split_host_port(text)
    return split[0] if split else text


def _strip_domain(text: str) -> str:
    host, port = _split_host_port(text) or (text, "")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        host = host.split(".")[0]
        return f"{host}:{port}" if port else host
    return text


def _titled(text: str) -> str:
    return _WORD.sub(lambda word: word[0][0].upper() + word[0][1:], text)


_FUNCTIONS: Final[Mapping[str, TemplateFunction]] = {
    "first": TemplateFunction(_first, (SAMPLES,)),
    "label": TemplateFunction(lambda name, sample: sample.labels.get(name, ""), (STRING, SAMPLE)),
    "value": TemplateFunction(lambda sample: sample.value, (SAMPLE,)),
    "strvalue": TemplateFunction(lambda sample: sample.labels.get("__value__", ""), (SAMPLE,)),
    "sortByLabel": TemplateFunction(
        lambda name, samples: sorted(samples, key=lambda sample: sample.labels.get(name, "")),
        (STRING, SAMPLES),
    ),
    "args": TemplateFunction(
        lambda *values: {f"arg{at}": value for at, value in enumerate(values)}, (), ANY
    ),
    "humanize": TemplateFunction(_humanize, (ANY,)),
    "humanize1024": TemplateFunction(_humanize_1024, (ANY,)),
    "humanizeDuration": TemplateFunction(_humanize_duration, (ANY,)),
    "humanizePercentage": TemplateFunction(
        lambda value: f"{_short(to_float(value) * 100)}%", (ANY,)
    ),
    "humanizeTimestamp": TemplateFunction(_humanize_timestamp, (ANY,)),
    "toTime": TemplateFunction(_time, (ANY,)),
    "toDuration": TemplateFunction(_duration, (ANY,)),
    "parseDuration": TemplateFunction(_parsed_duration, (STRING,)),
    "title": TemplateFunction(_titled, (STRING,)),
    "toUpper": TemplateFunction(str.upper, (STRING,)),
    "toLower": TemplateFunction(str.lower, (STRING,)),
    "stripPort": TemplateFunction(_strip_port, (STRING,)),
    "stripDomain": TemplateFunction(_strip_domain, (STRING,)),
    "match": TemplateFunction(
        lambda pattern, text: _compiled(pattern).search(text) is not None, (STRING, STRING)
    ),
    "reReplaceAll": TemplateFunction(_replace_all, (STRING, STRING, STRING)),
    "graphLink": TemplateFunction(
        lambda text: f"/graph?g0.expr={quote_plus(text)}&g0.tab=0", (STRING,)
    ),
    "tableLink": TemplateFunction(table_link, (STRING,)),
    "urlQueryEscape": TemplateFunction(quote_plus, (STRING,)),
    "safeHtml": TemplateFunction(str, (STRING,)),
}
FUNCTION_NAMES: Final = frozenset(
    (*_FUNCTIONS, *BUILTINS, *SHORT_CIRCUIT, "query", "now", "externalURL", "pathPrefix")
)
"""What a template of a rule may call. Upstream's `tmpl` is for its console templates only."""
