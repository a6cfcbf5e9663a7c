"""Changes of serialized requests: as if the request had been parsed, changed and serialized."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from otlp_strategies import field, requests, varint

from belvedere.otlp.levels import LEVELS, points_of, scopes_of
from belvedere.otlp.signal import ExportRequest, Signal
from belvedere.otlp.splice import append_attributes, change_resources

ADDED = [
    KeyValue(key="cluster", value=AnyValue(string_value="eu-1")),
    KeyValue(key="long", value=AnyValue(string_value="x" * 130)),
]


def append_parsed(signal: Signal, data: bytes) -> ExportRequest:
    message = signal.request_type.FromString(data)
    for _, _, items in scopes_of(signal, message):
        for item in items:
            for each in points_of(item) if signal is Signal.METRICS else (item,):
                each.attributes.extend(ADDED)
    return message


def rename_all(resource: Any) -> None:
    for pair in resource.attributes:
        pair.key += "." * 100
    resource.attributes.extend(ADDED)


def drop_all(resource: Any) -> None:
    del resource.attributes[:]


def change_parsed(signal: Signal, data: bytes, change: Callable[[Any], None]) -> ExportRequest:
    message = signal.request_type.FromString(data)
    for entry in getattr(message, LEVELS[signal].resources):
        resource = Resource.FromString(entry.resource.SerializeToString())
        change(resource)
        if entry.HasField("resource") or resource.attributes:
            entry.resource.CopyFrom(resource)
    return message


def parsed(signal: Signal, data: bytes | None) -> ExportRequest:
    assert data is not None
    return signal.request_type.FromString(data)


@pytest.mark.parametrize("signal", list(Signal))
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_attributes_are_appended_to_each_item(signal: Signal, data: st.DataObject) -> None:
    request = data.draw(requests(signal)).SerializeToString()
    spliced = append_attributes(signal, request, ADDED)
    assert parsed(signal, spliced) == append_parsed(signal, request)


@pytest.mark.parametrize("change", [rename_all, drop_all])
@pytest.mark.parametrize("signal", list(Signal))
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_resources_are_changed(
    signal: Signal, change: Callable[[Any], None], data: st.DataObject
) -> None:
    request = data.draw(requests(signal)).SerializeToString()
    spliced = change_resources(request, change)
    assert spliced == change_parsed(signal, request, change).SerializeToString()


ATTRIBUTE = field(1, b"k") + field(2, field(1, b"v"))
SPAN = field(5, b"name") + field(9, ATTRIBUTE)
LONG = field(5, b"n" * 200)
RESOURCE = field(1, field(1, ATTRIBUTE))


def entry(*scopes: bytes, resource: bytes = RESOURCE) -> bytes:
    return field(1, resource + b"".join(field(2, scope) for scope in scopes))


def overlong(tag: int, content: bytes) -> bytes:
    """A field whose length is written longer than it need be."""
    return bytes((tag, len(content) | 0x80, 0x80, 0)) + content


OTHER_FORMS = {
    "lengths written longer": field(1, overlong(0x0A, b"") + overlong(0x12, overlong(0x12, SPAN))),
    "a resource in parts": field(
        1, RESOURCE + field(2, field(2, SPAN)) + RESOURCE + field(2, field(2, LONG))
    ),
    "an unknown field of each wire type between": b"".join(
        varint(1000 << 3 | kind) + content + entry(field(2, SPAN) + varint(900 << 3) + b"\x05")
        for kind, content in {0: b"\xff\x01", 1: bytes(8), 2: b"\x01x", 5: bytes(4)}.items()
    ),
    "what belongs after spans before them": entry(
        field(3, b"url") + field(2, SPAN) + field(1, b"")
    ),
    "nothing": b"",
    "empty messages": field(1, b"") + field(1, field(2, b"")) + field(1, field(2, field(2, b""))),
}


@pytest.mark.parametrize("data", OTHER_FORMS.values(), ids=OTHER_FORMS)
def test_forms_that_are_not_canonical(data: bytes) -> None:
    appended = append_attributes(Signal.TRACES, data, ADDED)
    assert parsed(Signal.TRACES, appended) == append_parsed(Signal.TRACES, data)
    changed = change_resources(data, rename_all)
    assert parsed(Signal.TRACES, changed) == change_parsed(Signal.TRACES, data, rename_all)


LEFT = {
    "a group": b"\x0b\x0c",
    "a group in a scope": field(1, field(2, b"\x1b\x1c")),
    "cut short": entry(field(2, SPAN))[:-1],
    "longer than what it is in": field(1, b"\x12\x05\x12"),
}


@pytest.mark.parametrize("data", LEFT.values(), ids=LEFT)
def test_what_is_left_to_a_parser(data: bytes) -> None:
    assert append_attributes(Signal.TRACES, data, ADDED) is None


def test_a_group_among_the_fields_of_an_entry_is_left_to_a_parser() -> None:
    assert change_resources(field(1, RESOURCE + b"\x1b\x1c"), rename_all) is None
