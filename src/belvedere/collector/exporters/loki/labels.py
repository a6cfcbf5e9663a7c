"""Which labels a log record has in Loki, and what its hints say (contrib's `translator/loki`)."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

import orjson
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from pydantic import Field

from belvedere.collector.component import ComponentConfig
from belvedere.otlp.any_value import text_of
from belvedere.otlp.prometheus import target_labels

ATTRIBUTE_LABELS: Final = "loki.attribute.labels"
RESOURCE_LABELS: Final = "loki.resource.labels"
TENANT: Final = "loki.tenant"
FORMAT: Final = "loki.format"
HINTS: Final = frozenset({ATTRIBUTE_LABELS, RESOURCE_LABELS, TENANT, FORMAT})
"""Attributes that say how a record is exported; they are not exported themselves."""

Attributes = Mapping[str, AnyValue]

_LEVEL: Final = "level"
_LEVELS: Final = {
    4 * kind + step + 1: name + (str(step + 1) if step else "")
    for kind, name in enumerate(("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"))
    for step in range(4)
}
"""OpenTelemetry's severity number → its short name."""

_NO_LABEL_CHARACTER: Final = re.compile(r"[^\w]")
_TARGET: Final = ("service.name", "service.namespace", "service.instance.id")


class DefaultLabels(ComponentConfig):
    """`default_labels_enabled`: labels without hints."""

    exporter: bool = Field(True, description="exporter=OTLP.")
    job: bool = Field(True, description="job=service.namespace/service.name, or the name alone.")
    instance: bool = Field(True, description="instance=service.instance.id.")
    level: bool = Field(
        True, description="level=the severity (INFO, ...), or the attribute level where it is."
    )


def by_key(attributes: Iterable[KeyValue]) -> dict[str, AnyValue]:
    """Attributes by their keys."""
    return {pair.key: pair.value for pair in attributes}


def with_level(attributes: dict[str, AnyValue], severity: int) -> dict[str, AnyValue]:
    """The attributes of a record of that severity number, with `level` and the hint to it.

    An attribute `level` that is there wins. A hint that is neither text nor a list stays as it is.
    """
    if severity not in _LEVELS:
        return attributes
    hint = attributes.get(ATTRIBUTE_LABELS)
    names = [_LEVEL] if hint is None else [*_names(hint), _LEVEL]
    result = {_LEVEL: AnyValue(string_value=_LEVELS[severity])} | attributes
    if hint is None or hint.WhichOneof("value") in {"string_value", "array_value"}:
        result[ATTRIBUTE_LABELS] = AnyValue(string_value=",".join(names))
    return result


def labels_of(
    attributes: Attributes, resource: Attributes, enabled: DefaultLabels
) -> dict[str, str]:
    """Attribute name → value of what becomes a label; names are not yet fit for Loki.

    A name in a hint may lead into maps: `a.b` is the attribute `a.b`, or else `b` of `a`. Later
    ones win: default labels, hinted resource attributes, hinted attributes, the tenant.
    """
    labels = {"exporter": "OTLP"} if enabled.exporter else {}
    target = target_labels({key: text_of(resource[key]) for key in _TARGET if key in resource})
    labels |= {name: target[name] for name in ("job", "instance") if name in target}
    for name in ("job", "instance"):
        if not getattr(enabled, name):
            labels.pop(name, None)
    for holder in (resource, attributes):
        labels |= _chosen(resource, holder.get(RESOURCE_LABELS))
    labels |= _chosen(attributes, attributes.get(ATTRIBUTE_LABELS))
    if TENANT in resource:
        return labels | _chosen(resource, resource[TENANT])
    return labels | _chosen(attributes, attributes.get(TENANT))


def tenant_of(attributes: Attributes, resource: Attributes) -> str:
    """The tenant that a hint leads to; empty: none."""
    hint = resource.get(TENANT) or attributes.get(TENANT)
    if hint is None:
        return ""
    value = resource.get(hint.string_value) or attributes.get(hint.string_value)
    return text_of(value) if value else ""


def format_of(attributes: Attributes, resource: Attributes) -> str:
    """The format of the line; the resource's hint wins."""
    hint = resource.get(FORMAT) or attributes.get(FORMAT)
    return text_of(hint) if hint else "json"


def loki_name(name: str) -> str:
    """A name as Loki takes it, by the rules of contrib's `prometheus.NormalizeLabel`.

    >>> loki_name("service.name"), loki_name("1st"), loki_name("_a"), loki_name("__a")
    ('service_name', 'key_1st', 'key_a', '__a')
    """
    name = _NO_LABEL_CHARACTER.sub("_", name)
    if name[:1].isdigit():
        return f"key_{name}"
    return f"key{name}" if name.startswith("_") and not name.startswith("__") else name


def selector(labels: Mapping[str, str]) -> str:
    """Labels as a stream of the push API has them.

    >>> print(selector({"b": "2", "a": "1"}))
    {a="1", b="2"}
    """
    # A JSON string is a Go string with the same meaning.
    pairs = (f"{name}={orjson.dumps(labels[name]).decode()}" for name in sorted(labels))
    return "{" + ", ".join(pairs) + "}"


def _chosen(attributes: Attributes, hint: AnyValue | None) -> dict[str, str]:
    if hint is None:
        return {}
    found = {name: _nested(name, attributes) for name in map(str.strip, _names(hint))}
    return {name: text_of(value) for name, value in found.items() if value is not None}


def _names(hint: AnyValue) -> list[str]:
    if hint.WhichOneof("value") == "array_value":
        return [text_of(value) for value in hint.array_value.values]
    return text_of(hint).split(",")


def _nested(name: str, attributes: Attributes) -> AnyValue | None:
    if (value := attributes.get(name)) is not None:
        return value
    first, _, rest = name.partition(".")
    outer = attributes.get(first)
    return _nested(rest, by_key(outer.kvlist_value.values)) if outer and rest else None
