"""The processor: everywhere where there are attributes, and in bodies."""

from typing import Any

from belvedere.collector.component import Consumer, Host
from belvedere.collector.processors.redaction.attributes import redact_attributes
from belvedere.collector.processors.redaction.body import redact_body
from belvedere.collector.processors.redaction.config import RedactionConfig
from belvedere.collector.processors.redaction.rules import Rules
from belvedere.collector.processors.redaction.summary import BODY_PREFIX, PREFIX, summary_of
from belvedere.collector.processors.rewriting import RewritingProcessor, rewritten
from belvedere.otlp.batch import Batch
from belvedere.otlp.levels import LEVELS, points_of
from belvedere.otlp.signal import Signal


class RedactionProcessor(RewritingProcessor):
    """Redacts attributes of resources, scopes, spans and their events, data points and log records.

    As in the Collector, by these rules, of which the first that applies counts: an ignored key;
    a key that is not allowed (deleted); an allowed value; a blocked key (masked); blocked parts
    of the value (masked). The bodies of log records are redacted too. Of links and exemplars
    nothing is looked at, nor of names.
    """

    Config = RedactionConfig

    def __init__(self, config: RedactionConfig, host: Host, consumer: Consumer) -> None:
        super().__init__(host, consumer)
        self._rules = Rules(config)
        self._summarize = summary_of(config.summary)

    def rewrite(self, batch: Batch) -> Batch:
        """The batch, redacted."""
        message: Any = batch.take_message()
        levels = LEVELS[batch.signal]
        look = self._rules.may_find(batch.data)
        for entry in getattr(message, levels.resources):
            self._redact(entry.resource.attributes, look=look)
            for scope in getattr(entry, levels.scopes):
                if scope.HasField("scope"):
                    self._redact(scope.scope.attributes, look=look)
                for record in getattr(scope, levels.records):
                    self._redact_record(record, batch.signal, look=look)
        return rewritten(batch, message)

    def _redact_record(self, record: Any, signal: Signal, *, look: bool) -> None:
        if signal is Signal.METRICS:
            for point in points_of(record):
                self._redact(point.attributes, look=look)
            return
        self._redact(record.attributes, look=look)
        if signal is Signal.TRACES:
            for event in record.events:
                self._redact(event.attributes, look=look)
        else:
            findings = redact_body(record.body, self._rules)
            self._summarize(record.attributes, findings, BODY_PREFIX)

    def _redact(self, attributes: Any, *, look: bool) -> None:
        findings = redact_attributes(attributes, self._rules, look=look)
        self._summarize(attributes, findings, PREFIX)
