"""The agent API: workflows, agents, tools, model calls and retrievals as OpenTelemetry spans."""

from belvedere.sdk.agents.api import agent, model_call, retrieval, task, tool, workflow
from belvedere.sdk.agents.baggage import context
from belvedere.sdk.agents.evaluation import feedback, score
from belvedere.sdk.agents.kinds import AgentRun, RetrievalRun, TaskRun, ToolCall, WorkflowRun
from belvedere.sdk.agents.model import ModelCall
from belvedere.sdk.agents.run import Run

__all__ = [
    "AgentRun",
    "ModelCall",
    "RetrievalRun",
    "Run",
    "TaskRun",
    "ToolCall",
    "WorkflowRun",
    "agent",
    "context",
    "feedback",
    "model_call",
    "retrieval",
    "score",
    "task",
    "tool",
    "workflow",
]
