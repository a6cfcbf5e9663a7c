"""What happens in an agent run: drawn by chance, told later."""

from dataclasses import dataclass
from random import Random
from typing import Final

AGENTS: Final = {
    "research-assistant": ("anthropic", "claude-sonnet-4-5", ("web_search", "run_code")),
    "support-agent": ("openai", "gpt-4o-mini", ("query_orders", "web_search")),
    "data-analyst": ("openai", "gpt-4o", ("query_orders", "run_code")),
}
"""Agent → its model's provider, its model, its tools."""
_QUESTIONS: Final = {
    "research-assistant": "What changed in the OTLP specification this year?",
    "support-agent": "Where is my order 8123?",
    "data-analyst": "How did revenue develop by region last quarter?",
}
OVERHEAD_MS: Final = 12
"""What a run takes besides its turns."""
HOP_MS: Final = 2
"""From one service to another."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool."""

    tool: str
    duration_ms: int
    fails: bool


@dataclass(frozen=True, slots=True)
class Turn:
    """A model call, after a refused one perhaps, and the tool call that it asks for."""

    chat_ms: int
    input_tokens: int
    output_tokens: int
    retry_after_ms: int
    """How long the model was busy before; 0: it was not."""
    tool: ToolCall | None

    @property
    def duration_ms(self) -> int:
        """From the first model call to the end of the tool call."""
        refused = self.retry_after_ms + 40 if self.retry_after_ms else 0
        tool = self.tool.duration_ms + 4 * HOP_MS if self.tool else 0
        return refused + self.chat_ms + tool


@dataclass(frozen=True, slots=True)
class Run:
    """An agent answers one question."""

    agent: str
    provider: str
    model: str
    question: str
    conversation: str
    turns: tuple[Turn, ...]
    fails: bool
    """Whether it ends without an answer."""

    @property
    def duration_ms(self) -> int:
        """From the request to the answer."""
        return OVERHEAD_MS + sum(turn.duration_ms for turn in self.turns)


def draw(random: Random) -> Run:
    """A run by chance: one in seven fails, model and tools have their moods."""
    agent = random.choice(tuple(AGENTS))
    provider, model, tools = AGENTS[agent]
    turns = []
    context_tokens = random.randint(350, 900)
    count = random.randint(2, 4)
    for number in range(count):
        output_tokens = random.randint(40, 220)
        tool = None
        if number < count - 1:
            tool = ToolCall(
                random.choice(tools), random.randint(20, 400), fails=random.random() < 0.12
            )
        turns.append(
            Turn(
                chat_ms=200 + output_tokens * random.randint(2, 5),
                input_tokens=context_tokens,
                output_tokens=output_tokens,
                retry_after_ms=random.choice((300, 600)) if random.random() < 0.1 else 0,
                tool=tool,
            )
        )
        context_tokens += output_tokens + random.randint(100, 500)
    return Run(
        agent=agent,
        provider=provider,
        model=model,
        question=_QUESTIONS[agent],
        conversation=f"conv_{random.getrandbits(48):012x}",
        turns=tuple(turns),
        fails=random.random() < 0.14,
    )
