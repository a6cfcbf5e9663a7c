"""OpenTelemetry's names as Prometheus has them.

The rules of Prometheus's own OTLP receiver (github.com/prometheus/otlptranslator and the section
`otlp:` of Prometheus's configuration with its defaults), which follow "Prometheus and OpenMetrics
Compatibility" of the OpenTelemetry specification. The store does the same in SQL (migration
`metrics`), for the default strategy; a property test holds the two equal.
"""

import math
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Final


class Strategy(StrEnum):
    """`translation_strategy` of Prometheus: may names change, and do units and types end them."""

    UNDERSCORE_ESCAPING_WITH_SUFFIXES = "UnderscoreEscapingWithSuffixes"
    UNDERSCORE_ESCAPING_WITHOUT_SUFFIXES = "UnderscoreEscapingWithoutSuffixes"
    NO_UTF8_ESCAPING_WITH_SUFFIXES = "NoUTF8EscapingWithSuffixes"
    NO_TRANSLATION = "NoTranslation"

    @property
    def escapes(self) -> bool:
        """Characters that Prometheus did not always know become underscores."""
        return self.value.startswith("UnderscoreEscaping")

    @property
    def adds_suffixes(self) -> bool:
        """Names end with their unit and type."""
        return self.value.endswith("WithSuffixes")


class Kind(StrEnum):
    """What a metric is, as far as its name cares."""

    GAUGE = "gauge"
    COUNTER = "counter"
    """A monotonic sum."""
    UP_DOWN_COUNTER = "updowncounter"
    """A sum that is not monotonic."""
    HISTOGRAM = "histogram"
    """Of either kind, with explicit bounds or exponential."""
    SUMMARY = "summary"


UNIT_WORDS: Final[Mapping[str, str]] = {
    # time
    "d": "days",
    "h": "hours",
    "min": "minutes",
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    # bytes
    "By": "bytes",
    "KiBy": "kibibytes",
    "MiBy": "mebibytes",
    "GiBy": "gibibytes",
    "TiBy": "tebibytes",
    "kBy": "kilobytes",
    "KBy": "kilobytes",  # not UCUM, but what older tables had
    "MBy": "megabytes",
    "GBy": "gigabytes",
    "TBy": "terabytes",
    # SI
    "m": "meters",
    "V": "volts",
    "A": "amperes",
    "J": "joules",
    "W": "watts",
    "g": "grams",
    # others
    "Cel": "celsius",
    "Hz": "hertz",
    "1": "",
    "%": "percent",
}
"""UCUM symbol → Prometheus's word. Another unit is its own word."""

PER_WORDS: Final[Mapping[str, str]] = {
    "s": "second",
    "m": "minute",
    "h": "hour",
    "d": "day",
    "w": "week",
    "mo": "month",
    "y": "year",
}
"""The same for what a unit is divided by, where `m` is not a meter."""

_MAIN_UNIT: Final = re.compile(r"[\t\n\f\r ]*([^/{}]*?)[\t\n\f\r ]*(?:/|\Z)")
_PER_UNIT: Final = re.compile(r"[^/]*/[\t\n\f\r ]*([^{}]*?)[\t\n\f\r ]*\Z")
_WORD: Final = re.compile(r"[a-zA-Z0-9:]+")
_BETWEEN_WORDS: Final = re.compile(r"[^a-zA-Z0-9:]+")
_BETWEEN_VALID: Final = re.compile(r"[^a-zA-Z0-9:_]+")
_NOT_IN_LABEL: Final = re.compile(r"[^a-zA-Z0-9_]")


def metric_name(
    name: str,
    unit: str,
    kind: Kind,
    strategy: Strategy = Strategy.UNDERSCORE_ESCAPING_WITH_SUFFIXES,
    *,
    namespace: str = "",
) -> str:
    """The name of a metric (of a histogram or summary: of the family).

    A namespace comes before all of it, and is escaped as the name is. A name that has nothing
    which escaping keeps (`温度`) stays as it is: Prometheus takes UTF-8 names, and its own
    translation would refuse the metric.

    >>> metric_name("http.server.request.duration", "s", Kind.HISTOGRAM)
    'http_server_request_duration_seconds'
    >>> metric_name("db.reads", "By/s", Kind.COUNTER)
    'db_reads_bytes_per_second_total'
    >>> metric_name("2xx", "", Kind.COUNTER, namespace="my.shop")
    'my_shop_2xx_total'
    """
    if not strategy.escapes:
        name = f"{namespace}_{name}" if namespace else name
        return _with_suffixes(name, unit, kind) if strategy.adds_suffixes else name
    if strategy.adds_suffixes:
        translated = "_".join(_words(name, unit, kind))
    else:
        translated = "_".join(part for part in _BETWEEN_VALID.split(name) if part)
    if namespace:
        prefix = "_".join(part for part in _BETWEEN_VALID.split(namespace) if part)
        translated = "_".join(part for part in (prefix, translated or name) if part)
    return f"_{translated}" if translated[:1].isdigit() else translated or name


def unit_name(unit: str) -> str:
    """The unit as Prometheus's metadata has it.

    >>> unit_name("By/s"), unit_name("1"), unit_name("{request}")
    ('bytes_per_second', '', '')
    """
    main, per = _escaped_unit(unit)
    return "_".join(word for word in (main.removesuffix("_"), per) if word)


@lru_cache(4096)  # attribute keys are few, and come with each point
def label_name(key: str) -> str:
    """The label of an attribute; "" for `__name__`, which is not an attribute's to give.

    >>> label_name("http.route"), label_name("2xx"), label_name("_private")
    ('http_route', 'key_2xx', 'key_private')
    """
    name = _NOT_IN_LABEL.sub("_", key)
    if not name or name[0].isdigit():
        return f"key_{name}"
    if name.startswith("_") and not name.startswith("__"):
        return f"key{name}"
    return "" if name == "__name__" else name


def labels(
    attributes: Iterable[tuple[str, str]],
    strategy: Strategy = Strategy.UNDERSCORE_ESCAPING_WITH_SUFFIXES,
) -> dict[str, str]:
    """Labels from attributes and their text. An empty value is no label.

    Keys that become the same label share it: their values, in the order of the original keys,
    joined by `;`.

    >>> labels([("a_b", "2"), ("a.b", "1"), ("c", "")])
    {'a_b': '1;2'}
    """
    name_of = label_name if strategy.escapes else _kept_label_name
    result: dict[str, str] = {}
    for key, text in sorted(attributes):
        name = name_of(key)
        if name and text:
            result[name] = f"{result[name]};{text}" if name in result else text
    return result


def target_labels(resource: Mapping[str, str]) -> dict[str, str]:
    """`job` and `instance`, as far as the resource's attributes have them."""
    name, namespace = resource.get("service.name", ""), resource.get("service.namespace", "")
    target = {
        "job": f"{namespace}/{name}" if name and namespace else name,
        "instance": resource.get("service.instance.id", ""),
    }
    return {label: value for label, value in target.items() if value}


TARGET_ATTRIBUTES: Final = frozenset({"service.name", "service.namespace", "service.instance.id"})
"""Resource attributes that `target_labels` takes; the others are the labels of `target_info`."""


def scope_labels(
    name: str,
    version: str,
    schema_url: str,
    attributes: Iterable[tuple[str, str]],
    strategy: Strategy = Strategy.UNDERSCORE_ESCAPING_WITH_SUFFIXES,
) -> dict[str, str]:
    """The labels that an instrumentation scope gives to its metrics."""
    scope = {
        **labels(((f"otel_scope_{key}", text) for key, text in attributes), strategy),
        **{
            f"otel_scope_{field}": value
            for field, value in (("name", name), ("version", version), ("schema_url", schema_url))
        },
    }
    return {label: value for label, value in scope.items() if value}


def float_text(value: float) -> str:
    """A number as `le` and `quantile` have it: the shortest that is still this number.

    Without exponent; in the store, numbers below 1e-20 and from 1e37 on have one.

    >>> float_text(0.005), float_text(10.0), float_text(1e-9), float_text(float("inf"))
    ('0.005', '10', '0.000000001', '+Inf')
    """
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return format(Decimal(repr(value)).normalize(), "f")


def _kept_label_name(key: str) -> str:
    """The label of an attribute where names may have any character."""
    return "" if key == "__name__" else key


def _words(name: str, unit: str, kind: Kind) -> list[str]:
    """The words of an escaped name: the name's, the unit's unless they are there, the type's."""
    words = _WORD.findall(name)
    main, per = _escaped_unit(unit)
    has_main, has_per = main in words, per in words
    if main and not has_main:
        words.append(main.removesuffix("_") if per and not has_per else main)
    if per and not has_per:
        words.append(per)
    last = _type_word(unit, kind)
    return [*(word for word in words if word != last), last] if last else words


def _with_suffixes(name: str, unit: str, kind: Kind) -> str:
    """The name with unit and type at its end, each of them once, and otherwise as it is."""
    main, per = _unit_words(unit)
    last = _type_word(unit, kind)
    ends = [end for end in (last, per) if end]
    for end in ends:
        if name.endswith(end) and len(name) > len(end) + 1:
            name = name[: -len(end) - 1]
    if main and not name.endswith(main):
        name = f"{name}_{main}"
    return "_".join([name, *reversed(ends)])


def _type_word(unit: str, kind: Kind) -> str:
    if kind is Kind.COUNTER:
        return "total"
    return "ratio" if kind is Kind.GAUGE and unit == "1" else ""


def _unit_words(unit: str) -> tuple[str, str]:
    """Words for a unit and for what it is divided by, as `per_…`; "" for `{annotations}`."""
    main = found[1] if (found := _MAIN_UNIT.match(unit)) else ""
    per = found[1] if (found := _PER_UNIT.match(unit)) else ""
    per_word = PER_WORDS.get(per, per)
    return UNIT_WORDS.get(main, main), f"per_{per_word}" if per_word else ""


def _escaped_unit(unit: str) -> tuple[str, str]:
    main, per = _unit_words(unit)
    main = _BETWEEN_WORDS.sub("_", main).removeprefix("_")
    per = _BETWEEN_WORDS.sub("_", per).removesuffix("_")
    return main, "" if per == "per" else per
