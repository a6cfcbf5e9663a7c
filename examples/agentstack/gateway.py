"""The API gateway: what users call."""

import json
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from opentelemetry import trace

import belvedere
from agentstack.messages import Agent, AgentSpec, ChatRequest, Event, Run
from agentstack.request_metrics import RequestMetrics
from agentstack.serve import serve
from agentstack.settings import settings
from belvedere import metrics

_TIMEOUT_S = 60.0

log = belvedere.get_logger()


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Keep the connections to the services behind."""
    chosen = settings()
    async with (
        httpx.AsyncClient(base_url=chosen.control_plane_url, timeout=_TIMEOUT_S) as control_plane,
        httpx.AsyncClient(base_url=chosen.runtime_url, timeout=_TIMEOUT_S) as runtime,
    ):
        app.state.control_plane, app.state.runtime = control_plane, runtime
        yield


app = FastAPI(title="AgentStack", lifespan=lifespan)
app.add_middleware(RequestMetrics)
app.mount("/metrics", metrics.asgi_app())


@app.exception_handler(httpx.HTTPStatusError)
async def refused(_: Request, error: httpx.HTTPStatusError) -> Response:
    """Pass on what a service behind said."""
    return JSONResponse(error.response.json(), error.response.status_code)


@app.exception_handler(httpx.TransportError)
async def unreachable(_: Request, error: httpx.TransportError) -> Response:
    """Say which service behind is not there."""
    log.error("service unreachable", url=str(error.request.url), reason=str(error))
    return JSONResponse({"detail": f"{error.request.url.host} is not there"}, 502)


@app.post("/v1/agents", status_code=201)
async def create_agent(spec: AgentSpec, request: Request) -> Agent:
    """Create an agent, and deploy it."""
    answer = await request.app.state.control_plane.post("/agents", json=spec.model_dump())
    return Agent.model_validate(answer.raise_for_status().json())


@app.get("/v1/agents")
async def list_agents(request: Request) -> list[Agent]:
    """All agents."""
    answer = await request.app.state.control_plane.get("/agents")
    return [Agent.model_validate(agent) for agent in answer.raise_for_status().json()]


@app.post("/v1/agents/{agent_id}/chat")
async def chat(agent_id: str, asked: ChatRequest, request: Request) -> Response:
    """Ask an agent; with `stream`, its answer comes as server-sent events (`Event`)."""
    began_s = time.perf_counter()
    found = await request.app.state.control_plane.get(f"/agents/{agent_id}")
    agent = Agent.model_validate(found.raise_for_status().json())
    if agent.status != "ready":
        return JSONResponse({"detail": f"agent {agent_id} is {agent.status}"}, 409)
    conversation_id = asked.conversation_id or f"conv_{uuid.uuid4().hex[:12]}"
    run = Run(agent=agent, conversation_id=conversation_id, message=asked.message)
    # From here on all spans, of the services behind too, know whose they are.
    with belvedere.context(
        conversation_id=conversation_id, user_id=asked.user_id, project_id=agent.project_id
    ):
        log.info("chat accepted", agent_id=agent_id, stream=asked.stream)
        runtime = request.app.state.runtime
        sent = runtime.build_request("POST", "/runs", json=run.model_dump())
        answer = await runtime.send(sent, stream=True)
    answer.raise_for_status()
    events = _events(answer, agent, began_s)
    headers = {"traceresponse": _trace_response()}
    if asked.stream:
        lines = (event.line() async for event in events)
        return StreamingResponse(lines, media_type="text/event-stream", headers=headers)
    return await _whole(events, conversation_id, headers)


async def _events(answer: httpx.Response, agent: Agent, began_s: float) -> AsyncIterator[Event]:
    """What the runtime tells, measured at its end."""
    labels: dict[str, Any] = {
        "agent_id": agent.id,
        "project_id": agent.project_id,
        "model": agent.model,
    }
    try:
        async for line in answer.aiter_lines():
            if not line.startswith("data: "):
                continue
            event = Event(**json.loads(line.removeprefix("data: ")))
            yield event
            if event.type in {"done", "error"}:
                metrics.chat_tokens_total.add(event.input_tokens + event.output_tokens, **labels)
            if event.type == "error":
                log.error("chat failed", agent_id=agent.id, reason=event.text)
    finally:
        await answer.aclose()
        metrics.chat_latency_seconds.record(time.perf_counter() - began_s, **labels)


async def _whole(
    events: AsyncIterator[Event], conversation_id: str, headers: dict[str, str]
) -> Response:
    last = Event(type="error", text="the runtime said nothing")
    async for event in events:
        last = event
    if last.type == "error":
        return JSONResponse({"detail": last.text}, 502, headers)
    return JSONResponse(
        {
            "answer": last.text,
            "conversation_id": conversation_id,
            "usage": {"input_tokens": last.input_tokens, "output_tokens": last.output_tokens},
        },
        headers=headers,
    )


def _trace_response() -> str:
    """Tells the caller which trace it is: `traceresponse` of W3C Trace Context, level 2."""
    span = trace.get_current_span().get_span_context()
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}"


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    serve(app, settings().gateway_url)
