"""`routing`: where each item goes."""

from dataclasses import replace
from typing import Any

import pytest
from collector_samples import Recorder
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from telemetry_samples import attributes_of, gauges, logs, resources_of, traces

from belvedere.collector.component import Host
from belvedere.collector.config import load_config
from belvedere.collector.connectors.routing import Routing
from belvedere.collector.connectors.routing.config import RoutingConfig
from belvedere.collector.connectors.telemetry import DROPPED
from belvedere.collector.errors import ConfigError, Permanent, Retryable
from belvedere.collector.service import Service
from belvedere.collector.source import Source
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal

A, B, REST = "logs/a", "logs/b", "logs/rest"


class Routed:
    """A connector to three pipelines of each signal."""

    def __init__(self, *table: dict[str, Any], **config: Any) -> None:
        self.pipelines = {
            f"{signal}/{name}": Recorder() for signal in Signal for name in ("a", "b", "rest")
        }
        self.connector = Routing(
            RoutingConfig.model_validate({"table": table, **config}),
            Host("routing"),
            {
                signal: {
                    name: each for name, each in self.pipelines.items() if name.startswith(signal)
                }
                for signal in Signal
            },
        )

    async def take(self, batch: Batch) -> dict[str, Any]:
        """Pipeline → the numbers `n` of what came there."""
        await self.connector.consume(batch)
        return {
            name: [each["n"] for batch in recorder.batches for each in attributes_of(batch)]
            for name, recorder in self.pipelines.items()
            if recorder.batches
        }


def to(pipeline: str, condition: str, **of: Any) -> dict[str, Any]:
    return {"condition": condition, "pipelines": [pipeline], **of}


FOUR = logs(*({"n": n} for n in range(4)))


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        pytest.param([to(A, 'log.attributes["n"] < 2')], {A: [0, 1], REST: [2, 3]}, id="inferred"),
        pytest.param(
            [to(A, 'attributes["n"] < 2', context="log")], {A: [0, 1], REST: [2, 3]}, id="context"
        ),
        pytest.param([to(A, 'log.attributes["n"] < 9')], {A: [0, 1, 2, 3]}, id="all"),
        pytest.param([to(A, 'log.attributes["n"] > 9')], {REST: [0, 1, 2, 3]}, id="none"),
        pytest.param(
            [to(A, 'log.attributes["n"] < 2'), to(B, 'log.attributes["n"] < 3')],
            {A: [0, 1], B: [2], REST: [3]},
            id="first_wins",
        ),
        pytest.param(
            [to(A, 'log.attributes["n"] < 2', action="copy"), to(B, 'log.attributes["n"] < 3')],
            {A: [0, 1], B: [0, 1, 2], REST: [3]},
            id="copy",
        ),
        pytest.param(
            [to(A, 'log.attributes["n"] == 3'), to(A, 'log.attributes["n"] == 0')],
            {A: [3, 0], REST: [1, 2]},
            id="one_batch_a_pipeline",
        ),
        pytest.param(
            [
                {
                    "statement": 'route() where log.attributes["n"] == 1',
                    "pipelines": [A, B],
                    "context": "log",
                }
            ],
            {A: [1], B: [1], REST: [0, 2, 3]},
            id="statement",
        ),
        pytest.param(
            [{"statement": "route()", "pipelines": [A]}], {A: [0, 1, 2, 3]}, id="unconditional"
        ),
    ],
)
async def test_the_table(table: list[dict[str, Any]], expected: dict[str, Any]) -> None:
    routed = Routed(*table, default_pipelines=[REST])
    assert await routed.take(FOUR) == expected
    assert all(len(each.batches) <= 1 for each in routed.pipelines.values())


@pytest.mark.parametrize(
    ("batch", "condition", "context", "moved"),
    [
        pytest.param(traces({"n": 1}, {"n": 2}), 'attributes["n"] == 1', "span", [1], id="spans"),
        pytest.param(gauges({"n": 1}, {"n": 2}), 'name == "m"', "metric", [1, 2], id="metrics"),
        pytest.param(
            gauges({"n": 1}, {"n": 2}, {"n": 3}),
            'attributes["n"] != 2',
            "datapoint",
            [1, 3],
            id="datapoints",
        ),
        pytest.param(
            logs({"n": 1}, resource={"env": "prod"}),
            'attributes["env"] == "prod"',
            "resource",
            [1],
            id="resource",
        ),
        pytest.param(
            logs({"n": 1}, resource={"env": "prod"}),
            'attributes["env"] == "prod"',
            "",
            [1],
            id="resource_by_default",
        ),
    ],
)
async def test_contexts(batch: Batch, condition: str, context: str, moved: list[int]) -> None:
    routed = Routed(to(f"{batch.signal}/a", condition, context=context))
    assert (await routed.take(batch))[f"{batch.signal}/a"] == moved


async def test_parts_keep_what_they_are_in() -> None:
    routed = Routed(to("traces/a", 'span.attributes["n"] == 1'), default_pipelines=["traces/rest"])
    batch = traces(
        {"n": 1},
        {"n": 2},
        resource={"r": 1},
        scope=("lib", "2"),
        project="p",
        metadata={"h": ("v",)},
    )
    await routed.take(batch)
    for name in ("traces/a", "traces/rest"):
        (part,) = routed.pipelines[name].batches
        assert (part.items, part.project, part.metadata) == (1, "p", {"h": ("v",)})
        message: Any = part.message
        assert resources_of(part) == [{"r": 1}]
        assert message.resource_spans[0].scope_spans[0].scope.name == "lib"


@pytest.mark.parametrize(
    ("condition", "tenants", "goes_to"),
    [
        pytest.param('request["X-Tenant"] == "acme"', ("acme",), A, id="equal"),
        pytest.param('request["X-Tenant"] == "acme"', ("other", "acme"), A, id="one_of_several"),
        pytest.param('request["X-Tenant"] == "acme"', ("other",), REST, id="another"),
        pytest.param('request["X-Tenant"] == "acme"', (), REST, id="no_header"),
        pytest.param('request["X-Tenant"] != "acme"', ("other",), A, id="unequal"),
        pytest.param('request["X-Tenant"] != "acme"', (), REST, id="unequal_without_header"),
    ],
)
async def test_requests(condition: str, tenants: tuple[str, ...], goes_to: str) -> None:
    routed = Routed(to(A, condition, context="request"), default_pipelines=[REST])
    batch = logs({"n": 1})
    batch.metadata = {"x-tenant": tenants} if tenants else {}
    assert await routed.take(batch) == {goes_to: [1]}


async def test_a_statement_may_change_what_it_routes() -> None:
    statement = 'delete_key(attributes, "env") where attributes["env"] == "prod"'
    row = {"context": "resource", "statement": statement, "pipelines": [A]}
    routed = Routed(row)
    batch = logs({"n": 1}, resource={"env": "prod", "k": 1})
    await routed.take(batch)
    (part,) = routed.pipelines[A].batches
    assert resources_of(part) == [{"k": 1}]
    assert resources_of(batch) == [{"env": "prod", "k": 1}]


async def test_what_takes_no_route_is_counted_if_there_is_no_default() -> None:
    routed = Routed(to(A, 'log.attributes["n"] == 1'))
    dropped = DROPPED[Signal.LOGS].labels("routing", "no_route")
    before = dropped._value.get()
    assert await routed.take(FOUR) == {A: [1]}
    assert dropped._value.get() - before == 3


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        pytest.param({}, {REST: [1]}, id="default"),
        pytest.param({"error_mode": "silent"}, {REST: [1]}, id="silent"),
        pytest.param({"error_mode": "propagate"}, None, id="propagate"),
    ],
)
async def test_a_value_that_does_not_fit(
    mode: dict[str, str], expected: dict[str, list[int]] | None
) -> None:
    row = to(A, 'IsMatch(log.attributes["x"], log.attributes["y"])')
    routed = Routed(row, default_pipelines=[REST], **mode)
    batch = logs({"n": 1, "x": "a", "y": "["})
    if expected is None:
        with pytest.raises(Permanent, match="routing"):
            await routed.take(batch)
    else:
        assert await routed.take(batch) == expected


async def test_all_pipelines_are_asked_before_an_error_is_told() -> None:
    routed = Routed(to(A, 'log.attributes["n"] == 1'), default_pipelines=[REST])
    routed.pipelines[A].outcomes = [Retryable("later")]
    with pytest.raises(Retryable, match="later"):
        await routed.take(FOUR)
    assert len(routed.pipelines[REST].batches) == 1


async def test_one_connector_may_serve_several_signals() -> None:
    row = {"condition": 'attributes["env"] == "prod"', "pipelines": ["logs/a", "traces/b"]}
    routed = Routed(row)
    await routed.take(logs({"n": 1}, resource={"env": "prod"}))
    found = await routed.take(traces({"n": 2}, resource={"env": "prod"}))
    assert found == {"logs/a": [1], "traces/b": [2]}


@settings(max_examples=50, deadline=None)
@given(
    numbers=st.lists(st.integers(0, 9), max_size=12),
    limits=st.lists(st.integers(0, 9), min_size=1, max_size=3),
)
async def test_nothing_is_lost_or_doubled(numbers: list[int], limits: list[int]) -> None:
    rows = [
        to(pipeline, f'log.attributes["n"] < {limit}')
        for pipeline, limit in zip((A, B, A), limits, strict=False)
    ]
    routed = Routed(*rows, default_pipelines=[REST])
    found = await routed.take(logs(*({"n": n} for n in numbers)))
    assert sorted(n for each in found.values() for n in each) == sorted(numbers)


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        pytest.param({"table": []}, "at least 1", id="empty"),
        pytest.param({"table": [{"pipelines": [A]}]}, "either a condition", id="neither"),
        pytest.param({"table": [to(A, "true", statement="route()")]}, "either", id="both"),
        pytest.param({"table": [to(A, "true", pipelines=[])]}, "at least 1", id="no_pipelines"),
        pytest.param({"table": [to(A, "true", context="scope")]}, "Input should be", id="context"),
        pytest.param({"table": [to(A, "bod == 1", context="log")]}, "bod", id="path"),
        pytest.param(
            {"table": [to(A, 'x["y"] == "z"', context="request")]}, "request", id="request"
        ),
        pytest.param(
            {"table": [{"statement": "route()", "pipelines": [A], "context": "request"}]},
            "needs a condition",
            id="request_statement",
        ),
        pytest.param(
            {"table": [{"statement": 'set(attributes["a"], 1)', "pipelines": [A]}]},
            "cannot set",
            id="editor",
        ),
        pytest.param(
            {"table": [to(A, "true")], "match_once": True}, "not supported", id="match_once"
        ),
    ],
)
def test_configurations_that_cannot_be(config: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        RoutingConfig.model_validate(config)


@pytest.mark.parametrize(
    ("routing", "line", "complaint"),
    [
        pytest.param(
            "{default_pipelines: [logs/acm], table: [{condition: 'true', pipelines: [logs/acme]}]}",
            4,
            "default_pipelines: no pipeline 'logs/acm'.*did you mean 'logs/acme'",
            id="default",
        ),
        pytest.param(
            "{table: [{condition: 'true', pipelines: [traces]}]}",
            4,
            "table::0::pipelines: no pipeline 'traces'.*there are logs/acme",
            id="row",
        ),
        pytest.param(
            "{table: [{context: span, condition: 'true', pipelines: [logs/acme]}]}",
            4,
            "table::0::context: logs have no span",
            id="signal",
        ),
    ],
)
def test_a_pipeline_that_is_not_there_is_told_with_its_place(
    routing: str, line: int, complaint: str
) -> None:
    text = f"""
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: '127.0.0.1:0'}}}}}}}}
connectors:
  routing: {routing}
exporters: {{nop: }}
service:
  pipelines:
    logs/in: {{receivers: [otlp], exporters: [routing]}}
    logs/acme: {{receivers: [routing], exporters: [nop]}}
"""
    with pytest.raises(ConfigError, match=complaint) as caught:
        Service(load_config(Source("a.yaml", text), env={}))
    assert caught.value.line == line


async def test_conditions_of_every_context_see_the_request() -> None:
    """The context `request` is the older way to write it."""
    acme = 'otelcol.client.metadata["X-Tenant"][0] == "acme"'
    routed = Routed(to(A, acme), to(B, f'{acme} or attributes["n"] == 1', context="log"))
    for tenant in ("acme", "other"):
        await routed.connector.consume(replace(FOUR, metadata={"x-tenant": (tenant,)}))
    found = {
        name: [[each["n"] for each in attributes_of(batch)] for batch in recorder.batches]
        for name, recorder in routed.pipelines.items()
        if recorder.batches
    }
    assert found == {A: [[0, 1, 2, 3]], B: [[1]]}
