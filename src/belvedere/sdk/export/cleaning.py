"""What leaves the process, cleaned: secrets replaced, long texts cut, content removed if it is off.

The one place that every span and log record passes, whatever wrote it and whatever exports it. It
runs on the exporting thread; the attributes of measurements alone are cleaned on the caller's,
before they are aggregated (`sdk/metrics/cleaning.py`). What needs no cleaning is passed on as the
same object.

- Content (see `agents/content_names.py`) is removed where it is not captured; where it is, secrets
  are replaced, then the application's `redact` is applied.
- In all other texts (names, status descriptions, attributes, events, bodies) secrets are replaced.
  Texts of exceptions and the bodies of log records pass `redact`, too.
- Every text is limited to `max_bytes`. JSON stays JSON.
- `user.id`, `enduser.id` and `user.email` are written to identify a person, and stay as they are.
"""

import copy
import functools
import re
from collections.abc import Callable, Mapping, Sequence
from operator import is_ as _is
from typing import Any, Final, TypeVar, cast

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.util import BoundedList
from opentelemetry.trace import Link, Status

from belvedere.sdk.agents import bounded_json, content_names, faults
from belvedere.sdk.agents.content import Recorded, Settings, cut
from belvedere.sdk.agents.plain import Plain, parsed, same, sound
from belvedere.sdk.agents.redaction import is_secret_field, mark, redact

_IDENTITIES: Final = frozenset({"user.id", "enduser.id", "user.email"})
_EXCEPTION_TEXTS: Final = frozenset({"exception.message", "exception.stacktrace"})
_STACKTRACE: Final = "exception.stacktrace"
_NUMBERS: Final = frozenset({bool, int, float})
_REMEMBERED_CHARACTERS: Final = 128
"""Characters up to which a text is remembered as clean: names and ids, not prompts."""
_REMEMBERED_TEXTS: Final = 8192
_REMEMBERED_SETS: Final = 2048
_REMEMBERED_RESOURCES: Final = 256
_STACKTRACE_CHARACTERS: Final = 1 << 18
"""Up to which a stack trace is cleaned as a whole, to keep its end; else its beginning is kept."""

_LONGEST_PART: Final = 640
_LAST_TOKEN: Final = re.compile(r"(?:\d[\d -]{0,24})?\S*\Z")
"""What may be the first part of a secret, at the end of a text that the SDK has cut."""

_REMOVED: Final = object()

_is_content: Final = functools.lru_cache(4096)(content_names.is_content)
Attributes = Mapping[str, Any]
Clean = Callable[[str], str]
Item = TypeVar("Item", Event, Link)


@functools.lru_cache(4096)
def _is_secret(key: str) -> bool:
    return is_secret_field(key.rpartition(".")[2])


class Cleaner:
    """Cleans the records of one signal. Any thread may use it.

    Args:
        settings: what may be recorded of content.
        capture: whether content may be recorded on this signal.
    """

    def __init__(self, settings: Settings, *, capture: bool) -> None:
        self._settings = settings
        self._max_bytes = settings.max_bytes
        self._capture = capture
        self._clean: set[tuple[str, str]] = set()
        self._clean_numbers: set[str] = set()
        self._clean_sets: set[tuple[tuple[str, Any], ...]] = set()
        self._resources: dict[int, tuple[Resource, Resource]] = {}

    def span(self, span: ReadableSpan) -> ReadableSpan:
        """The span as it may leave."""
        resource = self.resource(span.resource)
        name = self._short("name", span.name, redact)
        # The properties copy, and most spans have nothing that has to be cleaned.
        given, given_events, given_links = span._attributes, span._events, span._links  # noqa: SLF001
        attributes = self._attributes(given, span.dropped_attributes) if given else None
        events = self._events(given_events, span.dropped_events) if given_events else given_events
        links = self._links(given_links, span.dropped_links) if given_links else given_links
        status = self._status(span.status)
        unchanged = name is span.name and attributes is None and events is given_events
        if (
            unchanged
            and links is given_links
            and status is span.status
            and resource is span.resource
        ):
            return span
        return ReadableSpan(
            name=name,
            context=span.context,
            parent=span.parent,
            resource=resource,
            attributes=given if attributes is None else attributes,
            events=events,
            links=links,
            kind=span.kind,
            status=status,
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )

    def log_record(self, readable: Any) -> Any:
        """The `ReadWriteLogRecord` or `ReadableLogRecord` as it may leave."""
        record = readable.log_record
        resource = readable.resource and self.resource(readable.resource)
        name = record.event_name or (record.attributes or {}).get("event.name")
        genai = isinstance(name, str) and content_names.is_genai(name)
        attributes = self._attributes(record.attributes, readable.dropped_attributes, genai=genai)
        event_name = record.event_name and self._short("name", record.event_name, redact)
        body = record.body
        if body is not None:
            body = None if genai and not self._capture else self._body(body)
        if (
            attributes is None
            and body is record.body
            and event_name is record.event_name
            and resource is readable.resource
        ):
            return readable
        cleaned = copy.copy(record)
        cleaned.body, cleaned.event_name = body, event_name
        if attributes is not None:
            cleaned.attributes = attributes
        whole = copy.copy(readable)
        object.__setattr__(whole, "log_record", cleaned)  # one of the two classes is frozen
        object.__setattr__(whole, "resource", resource)
        return whole

    def measured(self, attributes: Attributes) -> Attributes:
        """The attributes of a measurement as they may be aggregated; clean sets are remembered."""
        items = tuple(attributes.items())
        if items in self._clean_sets:
            return attributes
        cleaned = self._attributes(attributes, 0)
        if cleaned is not None:
            return dict(cleaned)
        if len(self._clean_sets) >= _REMEMBERED_SETS:
            self._clean_sets.clear()
        self._clean_sets.add(items)
        return attributes

    def _attributes(
        self, attributes: Attributes | None, dropped: int, *, genai: bool = False
    ) -> BoundedAttributes | None:
        """The attributes as they may leave; None if that is as they are."""
        if not attributes:
            return None
        changed: dict[str, Any] | None = None
        limit = getattr(attributes, "max_value_len", None)
        # Each kind of mapping can copy itself: cheaper than a look-up for each key.
        attributes = cast("dict[str, Any]", attributes).copy()
        clean, clean_numbers = self._clean, self._clean_numbers
        for key, value in attributes.items():
            kind = type(value)
            if kind is str:
                if (key, value) in clean:
                    continue
            elif kind in _NUMBERS and key in clean_numbers:
                continue
            whole = _whole_tokens(value, limit)
            cleaned = self._attribute(key, whole, attributes, genai=genai)
            if cleaned is not value:
                if changed is None:
                    changed = dict(attributes)
                if cleaned is _REMOVED:
                    del changed[key]
                else:
                    changed[key] = cleaned
        if changed is None:
            return None
        bounded = BoundedAttributes(attributes=changed)
        bounded.dropped = dropped + len(attributes) - len(changed)
        return bounded

    def _attribute(self, key: str, value: Any, beside: Attributes, *, genai: bool) -> Any:
        """The value as it may leave, `_REMOVED` if it may not. What is clean is remembered."""
        if key in _IDENTITIES:
            return value
        ambiguous = content_names.is_content_beside_genai(key)
        content = _is_content(key) or (
            ambiguous and (genai or any(map(content_names.is_genai, beside)))
        )
        if content and not self._capture:
            return _REMOVED
        if type(value) in _NUMBERS or value is None:
            if not ambiguous and len(self._clean_numbers) < _REMEMBERED_TEXTS:
                self._clean_numbers.add(key)
            return value
        cleaned = mark("secret")
        if not _is_secret(key):
            clean = self._settings.clean if content or key in _EXCEPTION_TEXTS else redact
            try:
                cleaned = self._value(value, clean, keep_end=key == _STACKTRACE)
            except Exception:  # noqa: BLE001 - a hook of the application failed
                faults.report("the cleaning of an attribute (left out)")
                return _REMOVED
        if cleaned is value and type(value) is str and not ambiguous:
            self._remember(key, value)
        return cleaned

    def _value(self, value: Any, clean: Clean, *, keep_end: bool = False) -> Any:
        """An attribute's value or a body. Raises what `clean` raises."""
        if isinstance(value, Recorded):
            if len(value.encode()) <= self._max_bytes:
                return value
            clean = str  # it is clean
        if isinstance(value, str):
            return self._text(value, clean, keep_end=keep_end)
        if not isinstance(value, bytes | bytearray | Mapping | Sequence):
            return value
        tree = Plain(clean, self._max_bytes).convert(value)
        encoded = bounded_json.encode(tree, self._max_bytes)
        bounded = parsed(encoded) if not isinstance(tree, str) else tree
        return value if same(bounded, value) else bounded

    def _text(self, text: str, clean: Clean, *, keep_end: bool) -> str:
        max_bytes = self._max_bytes
        value = parsed(text)
        if value is not text:
            tree = Plain(clean, max_bytes).convert(value)
            if tree == value and len(text.encode()) <= max_bytes:
                return text
            return bounded_json.encode(tree, max_bytes) or ""
        if keep_end and len(text) <= _STACKTRACE_CHARACTERS:
            cleaned = clean(sound(text))
        else:
            cleaned = Plain(clean, max_bytes).text(text)
        cleaned = cut(cleaned, max_bytes, keep_end=keep_end)
        return text if cleaned == text else cleaned

    def _body(self, body: Any) -> Any:
        try:
            return self._value(body, self._settings.clean)
        except Exception:  # noqa: BLE001 - a hook of the application failed
            faults.report("the cleaning of a log record's body (left out)")
            return None

    def _short(self, what: str, text: str, clean: Clean) -> str:
        """A name or a description; what is clean is remembered."""
        if (what, text) in self._clean:
            return text
        try:
            cleaned = self._text(text, clean, keep_end=False)
        except Exception:  # noqa: BLE001 - a hook of the application failed
            faults.report(f"the cleaning of a {what} (left out)")
            return ""
        if cleaned is text:
            self._remember(what, text)
        return cleaned

    def _remember(self, key: str, text: str) -> None:
        if len(text) <= _REMEMBERED_CHARACTERS:
            if len(self._clean) >= _REMEMBERED_TEXTS:
                self._clean.clear()
            self._clean.add((key, text))

    def _status(self, status: Status) -> Status:
        if not status.description:
            return status
        description = self._short("status description", status.description, self._settings.clean)
        if description is status.description:
            return status
        return Status(status.status_code, description)

    def _events(self, events: Sequence[Event], dropped: int) -> Sequence[Event]:
        kept: list[Event] = []
        for event in events:
            if not self._capture and content_names.is_content_event(event.name):
                continue
            genai = content_names.is_genai(event.name)
            name = self._short("name", event.name, redact)
            attributes = self._attributes(event.attributes, _dropped(event.attributes), genai=genai)
            if attributes is None and name is event.name:
                kept.append(event)
            else:
                kept.append(
                    Event(
                        name,
                        event.attributes if attributes is None else attributes,
                        event.timestamp,
                    )
                )
        return _unless_same(kept, events, dropped)

    def _links(self, links: Sequence[Link], dropped: int) -> Sequence[Link]:
        kept: list[Link] = []
        for link in links:
            attributes = self._attributes(link.attributes, _dropped(link.attributes))
            kept.append(link if attributes is None else Link(link.context, attributes))
        return _unless_same(kept, links, dropped)

    def resource(self, resource: Resource) -> Resource:
        """The same object for the same one: exporters group by it."""
        found = self._resources.get(id(resource))
        if found is None:
            attributes = self._attributes(resource.attributes, 0)
            cleaned = (
                resource if attributes is None else Resource(dict(attributes), resource.schema_url)
            )
            if len(self._resources) >= _REMEMBERED_RESOURCES:
                self._resources.clear()
            self._resources[id(resource)] = found = (resource, cleaned)
        return found[1]


def _whole_tokens(text: Any, limit: int | None) -> Any:
    """A text without its last token if the SDK has cut it to its limit; anything else as it is."""
    if not isinstance(text, str) or len(text) != limit:
        return text
    end = _LAST_TOKEN.search(text, max(len(text) - _LONGEST_PART, 0))
    return text[: end.start()] if end is not None else text


def _dropped(attributes: Attributes | None) -> int:
    return attributes.dropped if isinstance(attributes, BoundedAttributes) else 0


def _unless_same(kept: list[Item], given: Sequence[Item], dropped: int) -> Sequence[Item]:
    if len(kept) == len(given) and all(map(_is, kept, given)):
        return given
    bounded: Any = BoundedList.from_seq(None, kept)
    bounded.dropped = dropped + len(given) - len(kept)
    return bounded  # type: ignore[no-any-return] # the SDK's is untyped


class CleaningSpanExporter(SpanExporter):
    """Hands cleaned spans to an exporter that another package offers."""

    def __init__(self, exporter: SpanExporter, cleaner: Cleaner) -> None:
        self._exporter = exporter
        self._cleaner = cleaner

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._exporter.export([self._cleaner.span(span) for span in spans])

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


class CleaningLogRecordExporter(LogRecordExporter):
    """Hands cleaned log records to an exporter that another package offers."""

    def __init__(self, exporter: LogRecordExporter, cleaner: Cleaner) -> None:
        self._exporter = exporter
        self._cleaner = cleaner

    def export(self, batch: Sequence[Any]) -> LogRecordExportResult:
        return self._exporter.export([self._cleaner.log_record(record) for record in batch])

    def shutdown(self) -> None:
        self._exporter.shutdown()  # type: ignore[no-untyped-call] # the SDK's is untyped

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        flush = getattr(self._exporter, "force_flush", None)
        return bool(flush(timeout_millis)) if flush is not None else True
