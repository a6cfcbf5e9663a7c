"""The metrics of an agent platform: the one table of their names, units, buckets, attributes.

Names are Prometheus's, as the design names them, and come out the same by OTLP and by `/metrics`.
Attributes are few and of few values each (an agent, a project, a model, a route; never a
conversation or a user): every combination is a series.
"""

from typing import Any, Final, TypedDict

from belvedere.sdk.metrics.instruments import Counter, Histogram, Instrument, UpDownCounter


class HttpRoute(TypedDict, total=False):
    """A request to a route."""

    method: str
    """`GET`, `POST`, ..."""
    path: str
    """The route's template, `/v1/agents/{id}/chat`, never the path with its ids."""


class HttpResponse(HttpRoute, total=False):
    """A request and how it was answered."""

    status: int
    """The status code."""


class Deployed(TypedDict, total=False):
    """Agents of a project."""

    project_id: str
    framework: str
    """What the agent is built with."""


class Deployment(Deployed, total=False):
    """The deployment of an agent."""

    status: str
    """`ok` or `error`."""


class Chat(TypedDict, total=False):
    """A chat with an agent."""

    agent_id: str
    project_id: str
    model: str


class Model(TypedDict, total=False):
    """A model."""

    provider: str
    """As `gen_ai.provider.name` has it: `openai`, `anthropic`, ..."""
    model: str


class ModelCall(Model, total=False):
    """A call of a model."""

    status: str
    """`ok` or `error`."""


KEYS: Final = {"agent_id": "agent.id", "project_id": "project.id"}
"""Attributes whose key is no Python name. As Prometheus's labels they are `agent_id`, ..."""

# fmt: off
http_requests_total = Counter(
    "http_requests_total", unit="{request}", attributes=HttpResponse,
    description="HTTP requests that were answered",
)
http_request_duration_seconds = Histogram(
    "http_request_duration_seconds", unit="s", attributes=HttpRoute,
    description="Duration of HTTP requests",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
agents_active = UpDownCounter(
    "agents_active", unit="{agent}", attributes=Deployed, keys=KEYS,
    description="Agents that are deployed and running",
)
agent_deploy_duration_seconds = Histogram(
    "agent_deploy_duration_seconds", unit="s", attributes=Deployment, keys=KEYS,
    description="Duration of agent deployments",
    buckets=(0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600),
)
chat_tokens_total = Counter(
    "chat_tokens_total", unit="{token}", attributes=Chat, keys=KEYS,
    description="Tokens that chats used, input and output",
)
chat_latency_seconds = Histogram(
    "chat_latency_seconds", unit="s", attributes=Chat, keys=KEYS,
    description="Time from a chat message to the end of its answer",
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
)
llm_calls_total = Counter(
    "llm_calls_total", unit="{call}", attributes=ModelCall,
    description="Calls of models",
)
llm_call_duration_seconds = Histogram(
    "llm_call_duration_seconds", unit="s", attributes=ModelCall,
    description="Duration of calls of models",
    buckets=(0.1, 0.5, 1, 2, 5, 10, 30, 60),
)
llm_tokens_input_total = Counter(
    "llm_tokens_input_total", unit="{token}", attributes=Model,
    description="Tokens that models were given, cached ones included",
)
llm_tokens_output_total = Counter(
    "llm_tokens_output_total", unit="{token}", attributes=Model,
    description="Tokens that models answered",
)
# fmt: on

NAMED: Final[tuple[Instrument[..., Any], ...]] = (
    http_requests_total,
    http_request_duration_seconds,
    agents_active,
    agent_deploy_duration_seconds,
    chat_tokens_total,
    chat_latency_seconds,
    llm_calls_total,
    llm_call_duration_seconds,
    llm_tokens_input_total,
    llm_tokens_output_total,
)
"""All of them, in the order of the table."""
