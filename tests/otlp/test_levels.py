"""Walking through requests, and taking items out of them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from belvedere.otlp.levels import retain, scopes_of
from belvedere.otlp.signal import Signal


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(st.lists(st.booleans(), max_size=4), max_size=3), max_size=3))
def test_retain_keeps_what_passes_in_order_and_nothing_empty(
    resources: list[list[list[bool]]],
) -> None:
    request = ExportTraceServiceRequest()
    number, wanted = 0, []
    for scopes in resources:
        resource = request.resource_spans.add()
        for flags in scopes:
            scope = resource.scope_spans.add()
            for flag in flags:
                scope.spans.add(name=str(number), flags=int(flag))
                wanted += [str(number)] * flag
                number += 1
    retain(Signal.TRACES, request, lambda span: bool(span.flags))
    found = list(scopes_of(Signal.TRACES, request))
    assert [span.name for _, _, spans in found for span in spans] == wanted
    assert all(spans for _, _, spans in found)
    assert all(resource.scope_spans for resource in request.resource_spans)


@pytest.mark.parametrize("signal", list(Signal))
def test_an_empty_request_has_no_scopes(signal: Signal) -> None:
    assert list(scopes_of(signal, signal.request_type())) == []
