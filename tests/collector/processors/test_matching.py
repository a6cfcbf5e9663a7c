"""`include` and `exclude`: which items are acted upon."""

from typing import Any

import pytest
from collector_samples import Recorder
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from pydantic import ValidationError
from telemetry_samples import attributes_of, gauges, logs, span, traces

from belvedere.collector.component import Host
from belvedere.collector.processors.attributes import AttributesConfig, AttributesProcessor
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal

MARK = [{"key": "marked", "action": "upsert", "value": True}]


async def marked(batch: Batch, **selection: Any) -> list[bool]:
    """Which items were acted upon."""
    recorder = Recorder()
    config = AttributesConfig.model_validate({"actions": MARK, **selection})
    await AttributesProcessor(config, Host("attributes"), recorder).consume(batch)
    return ["marked" in each for each in attributes_of(recorder.batches[0])]


SERVER = Span.SpanKind.SPAN_KIND_SERVER
SPANS = traces(
    span({"a": "x", "n": 1, "f": 1.5, "b": True, "l": ["x"]}, name="GET /a", kind=SERVER),
    span({"a": "xy", "n": 2}, name="GET /b"),
    resource={"service.name": "shop", "zone": 7},
    scope=("lib", "1.2"),
)


@pytest.mark.parametrize(
    ("match_type", "properties", "expected"),
    [
        ("strict", {"span_names": ["GET /a", "other"]}, [True, False]),
        ("regexp", {"span_names": ["/a", "^b"]}, [True, False]),
        ("regexp", {"span_names": ["GET"]}, [True, True]),
        ("strict", {"services": ["shop"]}, [True, True]),
        ("regexp", {"services": ["ho"]}, [True, True]),
        ("strict", {"services": ["ho"]}, [False, False]),
        ("strict", {"span_kinds": ["SPAN_KIND_SERVER"]}, [True, False]),
        ("regexp", {"span_kinds": ["SERVER|CLIENT"]}, [True, False]),
        ("strict", {"attributes": [{"key": "a", "value": "x"}]}, [True, False]),
        ("regexp", {"attributes": [{"key": "a", "value": "x"}]}, [True, True]),
        ("strict", {"attributes": [{"key": "b"}]}, [True, False]),
        ("strict", {"attributes": [{"key": "n", "value": 1}]}, [True, False]),
        ("strict", {"attributes": [{"key": "n", "value": "1"}]}, [False, False]),
        ("strict", {"attributes": [{"key": "n", "value": True}]}, [False, False]),
        ("regexp", {"attributes": [{"key": "n", "value": "^1$"}]}, [True, False]),
        ("regexp", {"attributes": [{"key": "f", "value": "^1.5$"}]}, [True, False]),
        ("regexp", {"attributes": [{"key": "b", "value": "true"}]}, [True, False]),
        ("regexp", {"attributes": [{"key": "l", "value": "x"}]}, [False, False]),
        ("strict", {"attributes": [{"key": "l", "value": ["x"]}]}, [True, False]),
        ("strict", {"attributes": [{"key": "a", "value": "xy"}, {"key": "n"}]}, [False, True]),
        ("strict", {"attributes": [{"key": "a"}, {"key": "none"}]}, [False, False]),
        ("strict", {"resources": [{"key": "zone", "value": 7}]}, [True, True]),
        ("strict", {"resources": [{"key": "zone"}, {"key": "none"}]}, [False, False]),
        ("strict", {"libraries": [{"name": "other"}, {"name": "lib"}]}, [True, True]),
        ("strict", {"libraries": [{"name": "lib", "version": "1"}]}, [False, False]),
        ("regexp", {"libraries": [{"name": "^l", "version": "1"}]}, [True, True]),
        ("strict", {"libraries": [{"name": "lib", "version": ""}]}, [False, False]),
        ("strict", {"services": ["shop"], "span_names": ["GET /b"]}, [False, True]),
        ("strict", {"services": ["no"], "span_names": ["GET /b"]}, [False, False]),
    ],
    ids=repr,
)
async def test_spans(match_type: str, properties: dict[str, Any], expected: list[bool]) -> None:
    selection = {"match_type": match_type, **properties}
    assert await marked(SPANS, include=selection) == expected
    assert await marked(SPANS, exclude=selection) == [not each for each in expected]


async def test_exclude_takes_from_include() -> None:
    include = {"match_type": "strict", "span_names": ["GET /a", "GET /b"]}
    exclude = {"match_type": "regexp", "attributes": [{"key": "a", "value": "y"}]}
    assert await marked(SPANS, include=include, exclude=exclude) == [True, False]


async def test_a_service_without_name() -> None:
    include = {"match_type": "strict", "services": ["<nil-service-name>"]}
    assert await marked(traces({}), include=include) == [True]


async def test_remembered_outcomes_are_the_same() -> None:
    cache = {"cacheenabled": True, "cachemaxnumentries": 1}
    include = {"match_type": "regexp", "regexp": cache, "span_names": ["/a"]}
    assert await marked(SPANS, include=include) == [True, False]


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"log_bodies": ["hello"]}, [True, False]),
        ({"log_bodies": ["5"]}, [False, True]),
        ({"log_severity_texts": ["INFO"]}, [True, True]),
        ({"log_severity_number": {"min": 9}}, [True, True]),
        ({"log_severity_number": {"min": 10}}, [False, False]),
        ({"attributes": [{"key": "a"}]}, [True, False]),
    ],
    ids=repr,
)
async def test_logs(properties: dict[str, Any], expected: list[bool]) -> None:
    batch = logs({"a": 1}, {}, bodies=("hello", 5), severity_text="INFO", severity_number=9)
    assert await marked(batch, include={"match_type": "strict", **properties}) == expected


@pytest.mark.parametrize("match_undefined", [True, False])
async def test_logs_without_severity(match_undefined: bool) -> None:  # noqa: FBT001 - a parameter of a test
    number = {"min": 1, "match_undefined": match_undefined}
    include = {"match_type": "strict", "log_severity_number": number}
    assert await marked(logs({}), include=include) == [match_undefined]


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"metric_names": ["m"]}, [True, True]),
        ({"metric_names": ["n"]}, [False, False]),
        ({"metric_names": ["m"], "resources": [{"key": "r"}]}, [True, True]),
        ({"resources": [{"key": "s"}]}, [False, False]),
    ],
    ids=repr,
)
async def test_metrics(properties: dict[str, Any], expected: list[bool]) -> None:
    batch = gauges({}, {}, resource={"r": 1})
    assert await marked(batch, include={"match_type": "strict", **properties}) == expected


@pytest.mark.parametrize(
    ("properties", "signals"),
    [
        ({"span_names": ["a"]}, {Signal.TRACES}),
        ({"log_bodies": ["a"]}, {Signal.LOGS}),
        ({"metric_names": ["a"], "resources": [{"key": "a"}]}, {Signal.METRICS}),
        ({"attributes": [{"key": "a"}]}, {Signal.TRACES, Signal.LOGS}),
        ({"resources": [{"key": "a"}]}, set(Signal)),
    ],
    ids=lambda value: "+".join(sorted(value)) if isinstance(value, set) else repr(value),
)
def test_properties_tell_the_pipelines_it_can_stand_in(
    properties: dict[str, Any], signals: set[Signal]
) -> None:
    include = {"match_type": "strict", **properties}
    assert AttributesConfig.model_validate({"actions": MARK, "include": include}).signals == signals


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ({"include": {"match_type": "strict"}}, "at least one of services"),
        ({"include": {"services": ["a"]}}, "Field required"),
        ({"include": {"match_type": "regexp", "services": ["("]}}, "no regular expression"),
        (
            {"include": {"match_type": "regexp", "attributes": [{"key": "a", "value": 1}]}},
            "must be text",
        ),
        ({"include": {"match_type": "strict", "span_kinds": ["server"]}}, "SPAN_KIND_SERVER"),
        (
            {"include": {"match_type": "strict", "span_names": ["a"], "log_bodies": ["b"]}},
            "no signal has span_names and log_bodies",
        ),
        (
            {
                "include": {"match_type": "strict", "span_names": ["a"]},
                "exclude": {"match_type": "strict", "log_bodies": ["b"]},
            },
            "different signals",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_refuses_configurations(selection: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        AttributesConfig.model_validate({"actions": MARK, **selection})
