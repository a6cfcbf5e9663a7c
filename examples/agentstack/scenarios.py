"""How the model behaves, and what users ask of which agent to see it."""

from dataclasses import dataclass
from typing import Final

from agentstack.messages import AgentSpec
from belvedere.testing import Call, Fault, Scenario

RESEARCHER: Final = "researcher"
"""The agent that others ask by the tool `ask_researcher`."""

AGENTS: Final = {
    spec.name: spec
    for spec in (
        AgentSpec(
            name="support",
            model="gpt-4o-mini",
            instructions="You help the customers of a shop. Be short and friendly.",
            tools=["lookup_order", "search_docs"],
            project_id="shop",
        ),
        AgentSpec(
            name="analyst",
            model="gpt-4.1",
            instructions="You answer questions about numbers. Compute, do not guess.",
            tools=["run_analysis", "ask_researcher"],
            project_id="shop",
        ),
        AgentSpec(
            name="planner",
            model="o4-mini",
            instructions="You plan. Think first.",
            tools=["search_docs", "ask_researcher"],
            project_id="home",
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Question:
    """What a user asks, and what comes of it."""

    agent: str
    message: str
    stream: bool = False
    fails: bool = False


QUESTIONS: Final = (
    Question("support", "Where is my order 8123?", stream=True),
    Question("analyst", "How did revenue develop last quarter?"),
    Question("planner", "Plan my move, with all the documents.", fails=True),
    Question("support", "Where is my order 9999?", stream=True),
    Question("analyst", "Why do people return things? Ask around.", stream=True),
    Question("support", "Can I still return it? Everybody asks today."),
    Question("analyst", "Forecast the next quarter."),
    Question("planner", "Write the long report about traces.", stream=True),
    Question("support", "Is your provider out of order?", fails=True),
    Question("support", "Thank you!", stream=True),
    Question("planner", "What should I read about shipping?"),
    Question("analyst", "Explain the outliers in detail.", stream=True, fails=True),
)

SCENARIOS: Final = (
    # The judge looks at questions and answers, so its scenarios come first.
    Scenario("^Judge(.|\n)*sorry", answer="0.3"),
    Scenario("^Judge", answer="0.9"),
    Scenario(
        "order 8123",
        turns=((Call("lookup_order", {"order_id": "8123"}),),),
        answer="Your order 8123 was shipped on Monday and arrives on Thursday.",
    ),
    Scenario(
        "order 9999",
        turns=((Call("lookup_order", {"order_id": "9999"}),),),
        answer="I am sorry, I cannot find an order 9999. Is the number right?",
    ),
    Scenario(
        "still return",
        fault=Fault(429, "Rate limit reached for gpt-4o-mini.", retry_after_s=0.3),
        turns=((Call("search_docs", {"query": "returns"}),),),
        answer="Yes: returns are free within 30 days.",
    ),
    Scenario(
        "revenue",
        turns=((Call("run_analysis", {"question": "revenue by month"}),),),
        answer="Revenue rose by four percent, most of it in the last month.",
    ),
    Scenario(
        "forecast",
        # The worker's first try of this job fails.
        turns=((Call("run_analysis", {"question": "forecast, flaky"}),),),
        answer="I expect two percent more, give or take three.",
    ),
    Scenario(
        "return things",
        turns=(
            (
                Call("ask_researcher", {"task": "Find out: what is said about returns?"}),
                Call("run_analysis", {"question": "returns by reason"}),
            ),
        ),
        answer="Mostly because of the size; returns being free helps.",
    ),
    Scenario(
        "^Find out",
        turns=((Call("search_docs", {"query": "returns and shipping"}),),),
        reasoning_tokens=40,
    ),
    Scenario("my move", turns=((Call("search_docs", {"query": "moving"}),),), loops=True),
    Scenario(
        "long report",
        turns=((Call("search_docs", {"query": "traces"}),),),
        answer="A trace tells where the time of a request went. " * 8,
        reasoning_tokens=120,
        slowness=4.0,
    ),
    Scenario("out of order", fault=Fault(500, "The server is overloaded.", times=1000)),
    Scenario(
        "outliers",
        fault=Fault(500, "The stream was interrupted.", times=1000, after_chunks=6),
        answer="There are three outliers, and all of them are due to a single customer.",
    ),
    Scenario("read about", turns=((Call("search_docs", {"query": "shipping"}),),)),
)
