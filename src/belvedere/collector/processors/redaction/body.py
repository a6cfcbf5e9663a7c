"""The body of a log record redacted: in depth, where it is a map or a list."""

from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from belvedere.collector.processors.redaction.rules import Fate, Rules
from belvedere.collector.processors.redaction.summary import Findings
from belvedere.otlp.any_value import text_of


def redact_body(body: AnyValue, rules: Rules) -> Findings:
    """Delete and mask parts of a body, in place; findings are paths: `user.cards.[0]`.

    Keys of maps are held against the rules at each depth; other values are looked at as texts,
    of whatever type they are.
    """
    findings = Findings()
    _redact(body, "", rules, findings)
    return findings


def _redact(value: AnyValue, path: str, rules: Rules, findings: Findings) -> None:
    kind = value.WhichOneof("value")
    if kind == "kvlist_value":
        _redact_map(value.kvlist_value.values, path, rules, findings)
    elif kind == "array_value":
        for index, element in enumerate(value.array_value.values):
            _redact(element, _join(path, f"[{index}]"), rules, findings)
    elif kind is not None:
        _redact_text(value, path or "body", rules, findings)


def _redact_map(pairs: Any, path: str, rules: Rules, findings: Findings) -> None:
    doomed = []
    for index, pair in enumerate(pairs):
        inner = _join(path, pair.key)
        fate = rules.fate(pair.key)
        if fate is Fate.IGNORE:
            findings.ignored.append(inner)
        elif fate is Fate.DELETE:
            findings.redacted.append(inner)
            doomed.append(index)
        elif fate is Fate.MASK:
            findings.masked.append(inner)
            pair.value.string_value = rules.mask(text_of(pair.value))
        else:
            _redact(pair.value, inner, rules, findings)
    for index in reversed(doomed):
        del pairs[index]


def _redact_text(value: AnyValue, path: str, rules: Rules, findings: Findings) -> None:
    text = text_of(value)
    if rules.is_allowed(text):
        findings.allowed.append(path)
    elif (masked := rules.masked(text)) != text:
        findings.masked.append(path)
        value.string_value = masked


def _join(path: str, part: str) -> str:
    return f"{path}.{part}" if path else part
