"""AgentStack against a real `belvedere up`: a chat is one trace, with its metrics and log lines."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import pytest

from belvedere.cli.demo.agentstack import make_importable

CHAT = "agentstack-gateway POST /v1/agents/{agent_id}/chat"
RUN = ("agentstack-runtime POST /runs", "agentstack-gateway POST", CHAT)
ANALYST = ("agentstack-runtime invoke_agent analyst", *RUN)
RESEARCHER = (
    "agentstack-runtime invoke_agent researcher",
    "agentstack-runtime execute_tool ask_researcher",
    *ANALYST,
)
SERVICES = {"agentstack-gateway", "agentstack-control-plane", "agentstack-runtime"}
EVERYWHERE = {*SERVICES, "agentstack-worker", "agentstack-tools"}


@dataclass
class Ran:
    """What there is when AgentStack has run and ended."""

    server: Any
    outcomes: list[Any]
    scraped: str
    """The gateway's /metrics."""
    refused: list[httpx.Response]
    """Answers to an unknown agent, and to an agent whose model does not exist."""

    @cached_property
    def spans(self) -> dict[str, list[dict[str, Any]]]:
        """Trace id → its spans."""
        rows = self.server.sql(
            """SELECT TraceId, SpanId, ParentSpanId, ServiceName, SpanName, SpanKind, StatusCode,
                SpanAttributes AS a, `Links.TraceId` AS link_traces, `Links.SpanId` AS links
            FROM otel_traces ORDER BY Timestamp"""
        )
        traces: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            traces.setdefault(row["TraceId"], []).append(row)
        return traces

    def trace(self, message: str) -> list[dict[str, Any]]:
        """The spans of the chat that began with a message."""
        (found,) = (o.trace_id for o in self.outcomes if message in o.question.message)
        return self.spans[found]

    def logs(self, where: str = "true") -> list[dict[str, Any]]:
        return self.server.sql(
            f"""SELECT TraceId, SpanId, ServiceName, SeverityText, Body, EventName,
                LogAttributes AS a FROM otel_logs WHERE {where} ORDER BY Timestamp"""
        )

    def total(self, metric: str, **labels: str) -> float:
        """The sum of the last values of a metric's series."""
        rows = self.server.sql(
            f"""SELECT labels, last FROM (SELECT fingerprint, argMax(value, timestamp) AS last
                FROM metric_samples GROUP BY fingerprint) AS v
            JOIN (SELECT fingerprint, anyLast(labels) AS labels FROM metric_series
                WHERE name = '{metric}' GROUP BY fingerprint) AS s USING fingerprint"""
        )
        return sum(row["last"] for row in rows if labels.items() <= row["labels"].items())


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    """AgentStack has run: each of its questions was asked once."""
    from running_server import RunningServer

    make_importable()
    from agentstack.load import Users
    from agentstack.processes import AgentStack

    server = RunningServer(tmp_path_factory.mktemp("agentstack") / "data")
    telemetry = {"OTEL_EXPORTER_OTLP_ENDPOINT": server.http}
    try:
        with AgentStack(telemetry, speed=20.0) as stack:
            gateway = stack.settings.gateway_url
            users = Users(gateway)
            outcomes = asyncio.run(users.run(12, check=stack.check))
            refused = _refused(gateway)
            scraped = httpx.get(f"{gateway}/metrics/").text
            stack.settle()
        server.stored()
        yield Ran(server, outcomes, scraped, refused)
    finally:
        server.kill()


def _refused(gateway: str) -> list[httpx.Response]:
    spec = {"name": "oracle", "model": "gpt-99"}
    question = {"message": "hello"}
    with httpx.Client(base_url=gateway, timeout=30) as client:
        unknown = client.post("/v1/agents/agent_0/chat", json=question)
        created = client.post("/v1/agents", json=spec)
        chat = client.post(f"/v1/agents/{created.json()['id']}/chat", json=question)
        return [unknown, created, chat]


def named(spans: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [span for span in spans if span["SpanName"] == name]


def path(spans: list[dict[str, Any]], span: dict[str, Any]) -> tuple[str, ...]:
    """A span and its parents, each as service and name, up to the root."""
    by_id = {span["SpanId"]: span for span in spans}
    steps = [span]
    while parent := steps[-1]["ParentSpanId"]:
        steps.append(by_id[parent])
    return tuple(f"{step['ServiceName']} {step['SpanName']}" for step in steps)


def test_chats_end_as_they_should(ran: Ran) -> None:
    assert len(ran.outcomes) == 12
    assert [o for o in ran.outcomes if o.failed != o.question.fails] == []


def test_what_cannot_be_is_refused(ran: Ran) -> None:
    unknown, created, chat = ran.refused
    assert (unknown.status_code, unknown.json()) == (404, {"detail": "there is no agent agent_0"})
    assert (created.status_code, created.json()["status"]) == (201, "failed")
    assert (chat.status_code, "is failed" in chat.text) == (409, True)


def test_a_chat_is_one_trace(ran: Ran) -> None:
    """From the gateway down, and nothing beside it."""
    for outcome in ran.outcomes:
        spans = ran.spans[outcome.trace_id]
        ids = {span["SpanId"] for span in spans}
        assert len(ids) == len(spans)
        roots = [span for span in spans if not span["ParentSpanId"]]
        assert [f"{root['ServiceName']} {root['SpanName']}" for root in roots] == [CHAT]
        assert {span["ParentSpanId"] for span in spans} - ids == {""}
        services = {span["ServiceName"] for span in spans}
        assert services >= SERVICES
        # What was answered is judged by the worker.
        assert ("agentstack-worker" in services) >= (not outcome.failed)
    chats = {root["TraceId"] for spans in ran.spans.values() for root in named(spans, CHAT[19:])}
    assert len(chats) == 12 + 2  # the two that were refused


def test_a_trace_crosses_all_services_and_the_queue(ran: Ran) -> None:
    spans = ran.trace("Ask around")
    assert {span["ServiceName"] for span in spans} == EVERYWHERE
    paths = {path(spans, span) for span in spans}
    search = "execute_tool search_docs", "MCP send tools/call search_docs"
    assert paths >= {
        (CHAT,),
        ("agentstack-control-plane GET /agents/{agent_id}", "agentstack-gateway GET", CHAT),
        RUN,
        ANALYST,
        ("agentstack-runtime chat gpt-4.1", *ANALYST),
        ("agentstack-runtime execute_tool ask_researcher", *ANALYST),
        RESEARCHER,
        ("agentstack-runtime chat o4-mini", *RESEARCHER),
        (
            "agentstack-tools tools/call search_docs",
            *(f"agentstack-runtime {name}" for name in reversed(search)),
            *RESEARCHER,
        ),
        (
            "agentstack-worker process jobs",
            "agentstack-runtime send jobs",
            "agentstack-runtime execute_tool run_analysis",
            *ANALYST,
        ),
        (
            "agentstack-worker chat gpt-4.1-mini",
            "agentstack-worker process jobs",
            "agentstack-runtime send jobs",
            *RUN,
        ),
    }


def test_a_deployment_crosses_the_queue(ran: Ran) -> None:
    deployments = [s for s in ran.spans.values() if any(named(s, "POST /v1/agents"))]
    assert len(deployments) == 3 + 1  # the one that failed
    for spans in deployments:
        (checked,) = named(spans, "POST /deployments")
        assert path(spans, checked) == (
            "agentstack-runtime POST /deployments",
            "agentstack-worker POST",
            "agentstack-worker process jobs",
            "agentstack-control-plane send jobs",
            "agentstack-control-plane POST /agents",
            "agentstack-gateway POST",
            "agentstack-gateway POST /v1/agents",
        )


def test_jobs_link_to_who_sent_them(ran: Ran) -> None:
    """As messaging conventions have it: PRODUCER → CONSUMER, parent and link."""
    jobs = [span for spans in ran.spans.values() for span in named(spans, "process jobs")]
    assert len(jobs) > 12
    for job in jobs:
        (sent,) = (s for s in ran.spans[job["TraceId"]] if s["SpanId"] == job["ParentSpanId"])
        assert (sent["SpanName"], sent["SpanKind"]) == ("send jobs", "Producer")
        assert job["SpanKind"] == "Consumer"
        assert (job["link_traces"], job["links"]) == ([job["TraceId"]], [sent["SpanId"]])
        assert job["a"]["messaging.message.id"] == sent["a"]["messaging.message.id"]
        for span, operation in ((sent, "send"), (job, "process")):
            assert span["a"]["messaging.operation.type"] == operation
            assert span["a"]["messaging.destination.name"] == "jobs"


def test_a_job_is_tried_again(ran: Ran) -> None:
    first, second = (
        span
        for span in named(ran.trace("Forecast"), "process jobs")
        if span["a"]["agentstack.job.name"] == "analyse"
    )
    assert (first["StatusCode"], second["StatusCode"]) == ("Error", "Unset")
    assert [s["a"]["agentstack.job.attempt"] for s in (first, second)] == ["1", "2"]
    assert first["ParentSpanId"] == second["ParentSpanId"]


def test_a_busy_model_is_asked_again(ran: Ran) -> None:
    refused, answered, *_ = named(ran.trace("Everybody asks"), "chat gpt-4o-mini")
    assert (refused["StatusCode"], answered["StatusCode"]) == ("Error", "Unset")
    assert refused["a"]["error.type"] == "openai.RateLimitError"
    (line,) = ran.logs(f"TraceId = '{refused['TraceId']}' AND SeverityText = 'WARN'")
    assert line["Body"] == "model failed, trying again"
    assert line["ServiceName"] == "agentstack-runtime"


@pytest.mark.parametrize(
    ("message", "agent", "error", "chats"),
    [
        ("Plan my move", "planner", "agentstack.agent_loop.MaxTurnsExceededError", 6),
        ("out of order", "support", "openai.InternalServerError", 3),
        ("outliers", "analyst", "openai.APIError", 1),
    ],
    ids=["in circles", "model down", "stream broken"],
)
def test_failures_are_told(ran: Ran, message: str, agent: str, error: str, chats: int) -> None:
    spans = ran.trace(message)
    (run,) = named(spans, f"invoke_agent {agent}")
    assert (run["StatusCode"], run["a"]["error.type"]) == ("Error", error)
    assert len([span for span in spans if span["SpanName"].startswith("chat ")]) == chats
    lines = ran.logs(f"TraceId = '{run['TraceId']}' AND SeverityText = 'ERROR'")
    assert {line["Body"] for line in lines} >= {"run failed", "chat failed"}
    failed = next(line for line in lines if line["Body"] == "run failed")
    assert failed["a"]["exception.type"].endswith(error.rsplit(".", 1)[-1])


def test_a_failed_tool_is_told_by_the_tool_server(ran: Ran) -> None:
    (called,) = named(ran.trace("order 9999"), "tools/call lookup_order")
    assert (called["StatusCode"], called["SpanKind"]) == ("Error", "Server")
    (line,) = ran.logs("ServiceName = 'agentstack-tools' AND SeverityText = 'ERROR'")
    assert (line["Body"], line["a"]["order_id"]) == ("order not found", "9999")
    assert (line["TraceId"], line["SpanId"]) == (called["TraceId"], called["SpanId"])


def test_model_calls_tell_their_tokens(ran: Ran) -> None:
    *_, answered = named(ran.trace("long report"), "chat o4-mini")
    about = answered["a"]
    assert answered["SpanKind"] == "Client"
    assert about["gen_ai.operation.name"] == "chat"
    assert about["gen_ai.provider.name"] == "openai"
    assert about["gen_ai.response.model"] == "o4-mini"
    assert json.loads(about["gen_ai.response.finish_reasons"]) == ["stop"]
    assert about["gen_ai.usage.reasoning.output_tokens"] == "120"
    assert int(about["gen_ai.usage.output_tokens"]) > 120
    assert int(about["gen_ai.usage.input_tokens"]) > 0
    assert float(about["gen_ai.response.time_to_first_chunk"]) > 0


def test_all_spans_below_a_chat_know_whose_they_are(ran: Ran) -> None:
    """Conversation, user and project travel as baggage, across HTTP and the queue."""
    spans = ran.trace("Ask around")
    about = [
        {key: span["a"].get(key) for key in ("gen_ai.conversation.id", "user.id", "project.id")}
        for span in spans
        if span["ServiceName"] in {"agentstack-runtime", "agentstack-worker"}
    ]
    assert len(about) > 10
    assert all(each == about[0] for each in about)
    assert about[0]["gen_ai.conversation.id"].startswith("conv_")
    assert about[0]["project.id"] == "shop"


def test_log_lines_belong_to_their_traces(ran: Ran) -> None:
    accepted = ran.logs("Body = 'chat accepted'")
    assert {line["TraceId"] for line in accepted} == {o.trace_id for o in ran.outcomes}
    assert len(accepted) == 12
    spans = {(s["TraceId"], s["SpanId"]) for spans in ran.spans.values() for s in spans}
    lines = ran.logs("TraceId != ''")
    assert [line for line in lines if (line["TraceId"], line["SpanId"]) not in spans] == []
    assert {line["ServiceName"] for line in lines} == EVERYWHERE


def test_answers_are_judged(ran: Ran) -> None:
    """The worker scores the agent's run, in another process and later."""
    judged = ran.logs("EventName = 'gen_ai.evaluation.result'")
    answered = {outcome.trace_id for outcome in ran.outcomes if not outcome.failed}
    assert {line["TraceId"] for line in judged} == answered
    assert len(judged) == len(answered)
    for line in judged:
        (run,) = (s for s in ran.spans[line["TraceId"]] if s["SpanId"] == line["SpanId"])
        assert run["SpanName"].startswith("invoke_agent ")
        assert line["a"]["gen_ai.evaluation.name"] == "relevance"


def test_metrics_arrive(ran: Ran) -> None:
    chat = {"path": "/v1/agents/{agent_id}/chat", "method": "POST"}
    assert ran.total("http_requests_total", **chat, status="200") == 10
    assert ran.total("http_requests_total", **chat, status="502") == 2
    assert ran.total("http_requests_total", **chat, status="404") == 1
    assert ran.total("http_request_duration_seconds_count", **chat) == 14
    assert ran.total("agents_active") == 3
    assert ran.total("agent_deploy_duration_seconds_count", status="ok") == 3
    assert ran.total("agent_deploy_duration_seconds_count", status="error") == 1
    assert ran.total("chat_latency_seconds_count") == 12
    # Refused once, down three times, broken off once.
    assert ran.total("llm_calls_total", status="error") == 5
    calls = ran.total("llm_calls_total")
    assert calls == ran.total("llm_call_duration_seconds_count")
    assert ran.total("gen_ai_client_operation_duration_seconds_count") > calls
    tokens = ran.total("llm_tokens_input_total") + ran.total("llm_tokens_output_total")
    assert tokens == ran.total("chat_tokens_total") > 1000


def test_the_gateway_shows_its_metrics(ran: Ran) -> None:
    for line in (
        'http_requests_total{method="POST",',
        "# TYPE http_request_duration_seconds histogram",
        "chat_tokens_total{agent_id=",
    ):
        assert line in ran.scraped


def test_services_end_with_who_started_them(tmp_path: Path) -> None:
    """Also when it was killed, and could not end them."""
    import psutil

    make_importable()
    import agentstack

    program = (
        "import time\n"
        "from agentstack.processes import AgentStack\n"
        "stack = AgentStack({'OTEL_SDK_DISABLED': 'true'}).start()\n"
        "print('started', flush=True)\n"
        "time.sleep(60)\n"
    )
    starter = psutil.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        cwd=Path(agentstack.__file__).parent.parent,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    with starter:
        assert starter.stdout.readline() == b"started\n"
        services = starter.children(recursive=True)
        assert len(services) >= 5
        starter.kill()
    _, alive = psutil.wait_procs(services, timeout=30)
    assert alive == []
