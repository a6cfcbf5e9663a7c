"""What the worker does."""

import time
from typing import Any

import httpx

import belvedere
from agentstack.job_queue import job
from agentstack.settings import settings
from belvedere import metrics

_TIMEOUT_S = 30.0
_COMPUTE_S = 0.05
_JUDGE_MODEL = "gpt-4.1-mini"

log = belvedere.get_logger()


class NumbersNotReadyError(Exception):
    """The numbers are still being computed; a moment later they may be there."""


_asked_before: set[str] = set()


@job(retries=1)
def deploy(agent: dict[str, Any]) -> str:
    """Deploy an agent. Returns its status."""
    chosen = settings()
    labels = {"project_id": agent["project_id"], "framework": "agentstack"}
    began_s = time.perf_counter()
    with httpx.Client(timeout=_TIMEOUT_S) as client:
        answer = client.post(f"{chosen.runtime_url}/deployments", json=agent)
        status = "ready" if answer.is_success else "failed"
        url = f"{chosen.control_plane_url}/agents/{agent['id']}"
        client.patch(url, json={"status": status}).raise_for_status()
    metrics.agent_deploy_duration_seconds.record(
        time.perf_counter() - began_s, status="ok" if status == "ready" else "error", **labels
    )
    log.info("agent deployed", agent_id=agent["id"], status=status)
    return status


@job(retries=1)
def analyse(question: str) -> str:
    """Compute something from the shop's numbers."""
    log.info("analysis started", question=question)
    time.sleep(_COMPUTE_S)
    if "flaky" in question and question not in _asked_before:
        _asked_before.add(question)
        log.warning("numbers are not ready", question=question)
        raise NumbersNotReadyError(question)
    _asked_before.discard(question)
    return f"{question}: 4.0 percent more than before"


@job()
def judge(question: str, answer: str, run: str) -> float:
    """Have a model judge an answer, and score the agent's run with it.

    Args:
        question: the user's.
        answer: the agent's.
        run: the `handle` of the agent's run.
    """
    from openai import OpenAI  # noqa: PLC0415 - who only sends jobs does not need it

    chosen = settings()
    prompt = f"Judge from 0 to 1.\nQuestion: {question}\nAnswer: {answer}"
    with (
        OpenAI(base_url=chosen.model_url, api_key=chosen.model_key) as client,
        belvedere.model_call(_JUDGE_MODEL, provider="openai") as call,
    ):
        completion = client.chat.completions.create(
            model=_JUDGE_MODEL, messages=[{"role": "user", "content": prompt}]
        )
        call.response(completion)
    value = float(completion.choices[0].message.content or 0)
    belvedere.score("relevance", value, span=run)
    log.info("answer judged", score=value)
    return value
