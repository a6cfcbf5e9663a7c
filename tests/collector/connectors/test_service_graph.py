"""`service_graph`: which spans are a request, and what becomes of those without a pair."""

from typing import Any

import pytest
from connector_samples import Made, points_in, series_of
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from pydantic import ValidationError
from telemetry_samples import span, traces

from belvedere.collector.connectors.servicegraph.config import ServiceGraphConfig
from belvedere.collector.connectors.telemetry import DROPPED_SPANS, EXPIRED_EDGES, TOTAL_EDGES
from belvedere.collector.errors import Retryable

MS = 1_000_000
CLIENT, SERVER = Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_SERVER
PRODUCER, CONSUMER = Span.SPAN_KIND_PRODUCER, Span.SPAN_KIND_CONSUMER
ERROR = Status(code=Status.STATUS_CODE_ERROR)
TOTAL = "traces_service_graph_request_total"


def one(kind: int, attributes: dict[str, Any] | None = None, *, ms: float = 10, **of: Any) -> Any:
    """A span of trace `t`, whose own id is that of the client or below it."""
    times = {"start_time_unix_nano": 10**18, "end_time_unix_nano": 10**18 + round(ms * MS)}
    ids = (
        {"span_id": b"c" * 8}
        if kind in (CLIENT, PRODUCER)
        else {"span_id": b"s" * 8, "parent_span_id": b"c" * 8}
    )
    return span(attributes, kind=kind, **(times | ids | of))


async def send(connector: Made, service: str, *spans: Any, **more: Any) -> None:
    await connector.connector.consume(traces(*spans, resource={"service.name": service, **more}))


def edge(client: str, server: str, connection: str = "", **of: Any) -> dict[str, Any]:
    return {
        "client": client,
        "server": server,
        "connection_type": connection,
        "failed": False,
        **of,
    }


@pytest.mark.parametrize(
    ("first", "second", "connection"),
    [
        pytest.param(CLIENT, SERVER, "", id="client_first"),
        pytest.param(SERVER, CLIENT, "", id="server_first"),
        pytest.param(PRODUCER, CONSUMER, "messaging_system", id="messages"),
    ],
)
async def test_spans_of_both_sides_are_a_request(first: int, second: int, connection: str) -> None:
    connector = Made("service_graph")
    services = {CLIENT: "app", PRODUCER: "app", SERVER: "api", CONSUMER: "api"}
    durations = {CLIENT: 30, PRODUCER: 30, SERVER: 20, CONSUMER: 20}
    for kind in (first, second):
        await send(connector, services[kind], one(kind, ms=durations[kind]))
    values = await connector.after(60)
    labels = edge("app", "api", connection)
    assert values.pop(series_of(TOTAL, labels)) == 1
    server = values.pop(series_of("traces_service_graph_request_server", labels))
    client = values.pop(series_of("traces_service_graph_request_client", labels))
    assert (server.sum, client.sum, server.count, client.count) == (0.02, 0.03, 1, 1)
    assert list(server.explicit_bounds)[:2] == [0.002, 0.004]
    assert values == {}


async def test_a_database_needs_no_span_of_its_own() -> None:
    connector = Made("service_graph", database_name_attributes=["db.namespace", "db.name"])
    await send(connector, "app", one(CLIENT, {"db.name": "x", "db.namespace": "orders"}))
    values = await connector.after(60)
    assert values[series_of(TOTAL, edge("app", "orders", "database"))] == 1


@pytest.mark.parametrize("failing", [CLIENT, SERVER])
async def test_a_failure_of_either_side_is_one_of_the_request(failing: int) -> None:
    connector = Made("service_graph")
    for service, kind in (("app", CLIENT), ("api", SERVER)):
        status = ERROR if kind == failing else Status()
        await send(connector, service, one(kind, status=status))
    values = await connector.after(60)
    labels = edge("app", "api", failed=True)
    assert values[series_of(TOTAL, labels)] == 1
    assert values[series_of("traces_service_graph_request_failed_total", labels)] == 1


async def test_other_spans_and_services_without_a_name_are_no_part_of_it() -> None:
    connector = Made("service_graph")
    await send(connector, "app", one(Span.SPAN_KIND_INTERNAL), one(0))
    await connector.connector.consume(traces(one(CLIENT)))
    assert await connector.after(60) == {}


async def test_dimensions_say_the_side_they_come_from() -> None:
    connector = Made("service_graph", dimensions=["version", "host"])
    await send(connector, "app", one(CLIENT, {"version": 1}), host="a", version="no")
    await send(connector, "api", one(SERVER, {"host": "b"}))
    labels = edge("app", "api", client_version="no", client_host="a", server_host="b")
    assert (await connector.after(60))[series_of(TOTAL, labels)] == 1


@pytest.mark.parametrize(
    ("config", "spans", "expected"),
    [
        pytest.param(
            {},
            [one(CLIENT, {"peer.service": "bank"})],
            {TOTAL: edge("shop", "bank", "virtual_node")},
            id="peer",
        ),
        pytest.param(
            {}, [one(CLIENT)], {TOTAL: edge("shop", "unknown", "virtual_node")}, id="unknown_server"
        ),
        pytest.param(
            {},
            [one(SERVER, parent_span_id=b"")],
            {TOTAL: edge("user", "shop", "virtual_node")},
            id="user",
        ),
        pytest.param(
            {"virtual_node_extra_label": True},
            [one(SERVER, parent_span_id=b"\0" * 8)],
            {TOTAL: edge("user", "shop", "virtual_node", virtual_node="client")},
            id="extra_label",
        ),
        pytest.param(
            {},
            [one(SERVER)],
            {
                "traces_service_graph_unpaired_spans_total": {
                    "client": "",
                    "server": "shop",
                    "connection_type": "",
                }
            },
            id="lost_client",
        ),
        pytest.param(
            {"virtual_node_peer_attributes": []},
            [one(CLIENT, {"peer.service": "bank"})],
            {
                "traces_service_graph_unpaired_spans_total": {
                    "client": "shop",
                    "server": "",
                    "connection_type": "",
                }
            },
            id="no_virtual_nodes",
        ),
    ],
)
async def test_spans_whose_pair_does_not_come(
    config: dict[str, Any], spans: list[Any], expected: dict[str, Any]
) -> None:
    connector = Made("service_graph", **config)
    expired = EXPIRED_EDGES._value.get()
    await send(connector, "shop", *spans)
    connector.clock.now += 1.9
    connector.connector.expire()
    assert await connector.after(0) == {}
    connector.clock.now += 0.2
    connector.connector.expire()
    values = await connector.after(0)
    counts = {name: dict(labels) for name, labels in values if name.endswith("total")}
    assert counts == expected
    assert EXPIRED_EDGES._value.get() - expired == len(spans)


async def test_a_full_store_drops_and_counts() -> None:
    connector = Made("service_graph", store={"max_items": 1, "ttl": "2s"})
    dropped, total = DROPPED_SPANS._value.get(), TOTAL_EDGES._value.get()
    await send(connector, "a", one(CLIENT), one(CLIENT, span_id=b"d" * 8))
    values = await connector.after(1)
    name = "traces_service_graph_dropped_spans_total"
    labels = {"client": "a", "server": "", "connection_type": ""}
    assert values == {series_of(name, labels): 1}
    connector.clock.now += 1.5
    await send(connector, "a", one(CLIENT, span_id=b"d" * 8))
    assert DROPPED_SPANS._value.get() - dropped == 1
    assert TOTAL_EDGES._value.get() - total == 2
    assert (await connector.after(0))[series_of(TOTAL, edge("a", "unknown", "virtual_node"))] == 1


async def test_exponential_buckets() -> None:
    connector = Made("service_graph", exponential_histogram_max_size=10)
    await send(connector, "app", one(CLIENT, {"db.name": "x"}, ms=1000))
    values = await connector.after(1)
    point = values[series_of("traces_service_graph_request_client", edge("app", "x", "database"))]
    assert (point.sum, list(point.positive.bucket_counts)) == (1.0, [1])


async def test_names_and_labels_can_be_others() -> None:
    connector = Made(
        "service_graph",
        namespace="graph",
        metric_names={"request_total": "calls"},
        label_names={"client": "from"},
    )
    await send(connector, "app", one(CLIENT, {"db.name": "x"}))
    labels = {key: value for key, value in edge("app", "x", "database").items() if key != "client"}
    assert (await connector.after(1))[series_of("graph_calls", labels | {"from": "app"})] == 1


async def test_times_of_points_may_lie_in_the_past() -> None:
    connector = Made("service_graph", metrics_timestamp_offset="10s")
    await send(connector, "app", one(CLIENT, {"db.name": "x"}))
    await connector.after(60)
    for _, point in points_in(connector.recorder.batches[0]):
        times = (point.start_time_unix_nano // 10**9, point.time_unix_nano // 10**9)
        assert times == (990, 1050)


async def test_edges_without_requests_for_15_minutes_are_forgotten() -> None:
    connector = Made("service_graph")
    await send(connector, "app", one(CLIENT, {"db.name": "old"}))
    connector.clock.now += 899
    await send(connector, "app", one(CLIENT, {"db.name": "new"}))
    connector.clock.now += 2
    connector.connector.forget()
    assert {dict(labels)["server"] for _, labels in await connector.after(0)} == {"new"}


async def test_an_interval_of_0_flushes_after_each_batch() -> None:
    connector = Made("service_graph", Retryable("later"), metrics_flush_interval="0s")
    for _ in range(2):
        await send(connector, "app", one(CLIENT, {"db.name": "x"}))
    connector.recorder.batches.pop(0)  # which was refused, and came again
    totals = [dict(points_in(batch)) for batch in connector.recorder.batches]
    labels = edge("app", "x", "database")
    assert [each[series_of(TOTAL, labels)].as_int for each in totals] == [1, 2]


async def test_what_waits_is_decided_at_shutdown() -> None:
    connector = Made("service_graph")
    await connector.connector.start()
    await send(connector, "app", one(CLIENT))
    await connector.connector.shutdown()
    assert connector.values[series_of(TOTAL, edge("app", "unknown", "virtual_node"))] == 1
    with pytest.raises(Retryable, match="shutting down"):
        await send(connector, "app", one(CLIENT))


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        pytest.param(
            {"latency_histogram_buckets": ["1s"], "exponential_histogram_max_size": 5},
            "either",
            id="buckets",
        ),
        pytest.param({"latency_histogram_buckets": ["2s", "1s"]}, "ascend", id="order"),
        pytest.param({"exponential_histogram_max_size": -1}, "greater", id="negative"),
        pytest.param({"exponential_histogram_max_size": 1}, "at least 2", id="one_bucket"),
        pytest.param({"label_names": {"client": "x", "server": "x"}}, "one name", id="labels"),
    ],
)
def test_configurations_that_cannot_be(config: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        ServiceGraphConfig.model_validate(config)


def test_the_older_key_of_databases() -> None:
    assert ServiceGraphConfig.model_validate({"database_name_attribute": "a"}).databases == ("a",)
