"""One set of attributes redacted."""

from typing import Any

from belvedere.collector.processors.redaction.rules import Fate, Rules
from belvedere.collector.processors.redaction.summary import Findings
from belvedere.otlp.any_value import text_of


def redact_attributes(attributes: Any, rules: Rules, *, look: bool) -> Findings:
    """Delete and mask attributes, in place.

    Args:
        attributes: the repeated field.
        rules: by which.
        look: whether any value may be blocked; if not, values are not looked at for that.
    """
    findings = Findings()
    fate_of, allowed = rules.fate, rules.is_allowed
    doomed = []
    for index, attribute in enumerate(attributes):
        key = attribute.key
        fate = fate_of(key)
        if fate is Fate.IGNORE:
            findings.ignored.append(key)
            continue
        if fate is Fate.DELETE:
            findings.redacted.append(key)
            doomed.append(index)
            continue
        value = attribute.value
        if fate is Fate.MASK:
            text = text_of(value)
            if allowed(text):
                findings.allowed.append(key)
            else:
                findings.masked.append(key)
                value.string_value = rules.mask(text)
            continue
        kind = value.WhichOneof("value")
        if kind != "string_value" and not rules.all_types:
            continue
        text = value.string_value if kind == "string_value" else text_of(value)
        if allowed(text):
            findings.allowed.append(key)
        elif look and (masked := rules.masked(text)) != text:
            findings.masked.append(key)
            value.string_value = masked
    for index in reversed(doomed):
        del attributes[index]
    return findings
