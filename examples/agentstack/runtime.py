"""The runtime: runs agents."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import openai
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse
from openai import AsyncOpenAI

import belvedere
from agentstack.agent_loop import AgentLoop
from agentstack.job_queue import send
from agentstack.jobs import judge
from agentstack.messages import Agent, Event, Run
from agentstack.model_client import ModelClient
from agentstack.serve import serve
from agentstack.settings import settings
from agentstack.toolbox import open_toolbox

_TIMEOUT_S = 30.0

log = belvedere.get_logger()


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Keep the connections to the model, the tools and the control plane."""
    chosen = settings()
    async with (
        AsyncOpenAI(
            base_url=chosen.model_url,
            api_key=chosen.model_key,
            max_retries=0,  # model_client does it, where it is seen
        ) as client,
        httpx.AsyncClient(base_url=chosen.control_plane_url, timeout=_TIMEOUT_S) as control_plane,
        open_toolbox() as toolbox,
    ):
        app.state.loop = AgentLoop(ModelClient(client), toolbox)
        app.state.control_plane = control_plane
        yield


app = FastAPI(title="AgentStack runtime", lifespan=lifespan)


@app.post("/deployments", status_code=204)
async def deploy(agent: Agent, request: Request) -> None:
    """Make sure that an agent can run here."""
    loop: AgentLoop = request.app.state.loop
    if missing := set(agent.tools) - loop.toolbox.names:
        raise HTTPException(422, f"there are no tools {', '.join(sorted(missing))}")
    try:
        await loop.models.client.models.retrieve(agent.model)
    except openai.NotFoundError as error:
        raise HTTPException(422, error.message) from error


@app.post("/runs")
async def run(asked: Run, request: Request) -> StreamingResponse:
    """Let an agent answer; what happens is told as server-sent events (`Event`)."""
    told: asyncio.Queue[Event] = asyncio.Queue()
    # A task of its own, so that spans begin and end in one context, whoever reads the answer.
    running = asyncio.create_task(_run(asked, request.app.state, told))

    async def lines() -> AsyncIterator[str]:
        try:
            while True:
                event = await told.get()
                yield event.line()
                if event.type in {"done", "error"}:
                    break
        finally:
            running.cancel()  # the reader went away, or it is at its end

    return StreamingResponse(lines(), media_type="text/event-stream")


async def _run(asked: Run, state: Any, told: asyncio.Queue[Event]) -> None:
    last = Event(type="done")
    try:
        url = f"/conversations/{asked.conversation_id}"
        before = (await state.control_plane.get(url)).raise_for_status().json()
        question = {"role": "user", "content": asked.message}
        handle = await state.loop.run(asked.agent, [*before, question], told.put, last)
        turns = [question, {"role": "assistant", "content": last.text}]
        (await state.control_plane.post(url, json=turns)).raise_for_status()
        # The worker does it when it can: nobody waits for it.
        send(judge, question=asked.message, answer=last.text, run=handle)
    except Exception as error:
        last = last.model_copy(update={"type": "error", "text": str(error)})
        log.exception("run failed", agent_id=asked.agent.id)
    finally:
        await told.put(last)


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    serve(app, settings().runtime_url)
