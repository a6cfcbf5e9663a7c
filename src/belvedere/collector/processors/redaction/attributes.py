"""One set of attributes redacted."""

from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from belvedere.collector.processors.redaction.rules import Fate, Rules
from belvedere.collector.processors.redaction.summary import Findings
from belvedere.otlp.any_value import text_of


def redact_attributes(attributes: Any, rules: Rules, *, look: bool) -> Findings:
    """Delete and mask attributes, in place.

    Args:
        attributes: the repeated field.
        rules: by which.
        look: whether any value may be blocked or allowed; if not, their keys alone count.
    """
    findings = Findings()
    fate_of = rules.fate
    doomed = []
    for index, attribute in enumerate(attributes):
        key = attribute.key
        fate = fate_of(key)
        if fate is Fate.LOOK:
            if look:
                _look(key, attribute.value, rules, findings)
        elif fate is Fate.IGNORE:
            findings.ignored.append(key)
        elif fate is Fate.DELETE:
            findings.redacted.append(key)
            doomed.append(index)
        else:
            _mask(key, attribute.value, rules, findings)
    for index in reversed(doomed):
        del attributes[index]
    return findings


def _look(key: str, value: AnyValue, rules: Rules, findings: Findings) -> None:
    is_text = value.HasField("string_value")
    if not is_text and not rules.all_types:
        return
    text = value.string_value if is_text else text_of(value)
    if rules.is_allowed(text):
        findings.allowed.append(key)
    elif (masked := rules.masked(text)) != text:
        findings.masked.append(key)
        value.string_value = masked


def _mask(key: str, value: AnyValue, rules: Rules, findings: Findings) -> None:
    text = text_of(value)
    if rules.is_allowed(text):
        findings.allowed.append(key)
    else:
        findings.masked.append(key)
        value.string_value = rules.mask(text)
