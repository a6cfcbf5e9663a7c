"""What the services say to each other."""

from typing import Literal

from pydantic import BaseModel, Field


class AgentSpec(BaseModel):
    """An agent as its owner describes it."""

    name: str = Field(min_length=1, max_length=100)
    model: str
    instructions: str = ""
    tools: list[str] = []
    project_id: str = "default"


class Agent(AgentSpec):
    """An agent as the control plane knows it."""

    id: str
    status: Literal["deploying", "ready", "failed"]


class Status(BaseModel):
    """What became of a deployment."""

    status: Literal["ready", "failed"]


class ChatRequest(BaseModel):
    """A user's message to an agent."""

    message: str = Field(min_length=1)
    conversation_id: str | None = None
    user_id: str = "anonymous"
    stream: bool = False


class Turn(BaseModel):
    """What was said in a conversation, by one side."""

    role: Literal["user", "assistant"]
    content: str


class Run(BaseModel):
    """What the runtime is asked to do."""

    agent: Agent
    conversation_id: str
    message: str


class Event(BaseModel):
    """What the runtime tells while it runs an agent: a server-sent event."""

    type: Literal["token", "tool", "done", "error"]
    text: str = ""
    """Of the answer, the tool's name, the whole answer, or what went wrong."""
    input_tokens: int = 0
    output_tokens: int = 0

    def line(self) -> str:
        """As it is sent."""
        return f"data: {self.model_dump_json()}\n\n"
