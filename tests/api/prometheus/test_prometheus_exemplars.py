"""Exemplars lead from a series to traces."""

from typing import Any

import httpx
import pytest

T0_S = 1_795_000_000
FOUND = [
    {
        "seriesLabels": {"__name__": "latency_seconds_bucket", "le": "0.5"},
        "exemplars": [
            {
                "labels": {
                    "trace_id": "0af7651916cd43dd8448eb211c80319c",
                    "span_id": "0102030405060708",
                    "user": "u1",
                },
                "value": "0.25",
                "timestamp": T0_S + 30,
            }
        ],
    }
]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"query": "latency_seconds_bucket"}, FOUND),
        (
            {"query": "sum by (le) (rate(latency_seconds_bucket[5m])) > up"},
            FOUND,
        ),
        ({"query": "latency_seconds_bucket", "start": T0_S, "end": T0_S + 20}, []),
        ({"query": "up"}, []),
        # What Grafana asks at its start: milliseconds where seconds belong.
        ({"query": "test", "start": T0_S * 1000, "end": T0_S * 1000 + 1}, []),
    ],
    ids=["a selector", "within an expression", "another time", "another series", "year 57000"],
)
async def test_exemplars(
    prometheus: httpx.AsyncClient, params: dict[str, Any], expected: list[Any]
) -> None:
    answer = (await prometheus.post("api/v1/query_exemplars", data=params)).json()
    assert answer == {"status": "success", "data": expected}


async def test_a_query_that_is_none_is_refused(prometheus: httpx.AsyncClient) -> None:
    answer = await prometheus.get("api/v1/query_exemplars", params={"query": "up["})
    assert (answer.status_code, answer.json()["errorType"]) == (400, "bad_data")
