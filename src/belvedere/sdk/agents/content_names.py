"""Names under which the known conventions record content: messages, prompts, tool data, documents.

One table for all who must not let content out. `N` stands for the index of a flattened list.
"""

import re
from typing import Final

_CONTENT: Final = (
    # OpenTelemetry GenAI, also before 1.42
    *("gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions"),
    *("gen_ai.tool.definitions", "gen_ai.tool.call.arguments", "gen_ai.tool.call.result"),
    *("gen_ai.retrieval.query.text", "gen_ai.retrieval.documents", "gen_ai.event.content"),
    *("gen_ai.memory.query.text", "gen_ai.memory.records", "gen_ai.memory.content"),
    *("gen_ai.evaluation.explanation", "gen_ai.prompt.variable.*"),
    *("gen_ai.prompt", "gen_ai.completion", "gen_ai.prompt.N.*", "gen_ai.completion.N.*"),
    # OpenLLMetry, of Traceloop
    *("traceloop.entity.input", "traceloop.entity.output", "gen_ai.task.input"),
    *("gen_ai.task.output", "traceloop.prompt.template", "traceloop.prompt.template_variables"),
    *("llm.request.functions.*", "llm.completions.*", "gen_ai.headers", "tool.arguments"),
    *("mcp.request.argument", "mcp.response.value", "db.query.result.*", "db.search.result.*"),
    *("db.query.embeddings.*", "db.search.embeddings.*", "crewai.task.description"),
    *("crewai.agent.goal", "crewai.agent.backstory", "crewai.crew.result", "crewai.crew.tasks"),
    *("haystack.component.input", "haystack.component.output"),
    # OpenInference
    *("input.value", "output.value", "llm.input_messages.*", "llm.output_messages.*"),
    *("llm.prompts.*", "llm.choices.*", "llm.prompt_template.template", "llm.tools.*"),
    *("llm.prompt_template.variables", "llm.invocation_parameters", "llm.function_call"),
    *("embedding.embeddings.*", "embedding.text", "embedding.vector", "tool.parameters"),
    *("embedding.invocation_parameters", "retrieval.documents.*", "tool_call.function.arguments"),
    *("reranker.query", "reranker.input_documents.*", "reranker.output_documents.*"),
    *("message.content", "message.contents.*", "message.tool_calls.*", "document.content"),
    *("input.audio.*", "output.audio.*", "image.url", "tool.json_schema"),
    # LangSmith, Logfire, pydantic-ai
    *("all_messages_events", "langsmith.inputs", "langsmith.outputs", "request_data"),
    *("response_data", "pydantic_ai.all_messages", "final_result", "tool_arguments"),
    *("tool_response", "model_request_parameters", "pydantic_ai.tool_return", "raw_input"),
    # Vercel AI SDK, MLflow, Langfuse, Google ADK
    *("ai.prompt", "ai.prompt.*", "ai.response.text", "ai.response.toolCalls", "ai.value"),
    *("ai.response.object", "ai.response.reasoning", "ai.toolCall.args", "ai.toolCall.result"),
    *("ai.values", "ai.embedding", "ai.embeddings", "mlflow.spanInputs", "mlflow.spanOutputs"),
    *("mlflow.chat.messages", "mlflow.chat.tools", "mlflow.traceInputs", "mlflow.traceOutputs"),
    *("langfuse.observation.input", "langfuse.observation.output", "langfuse.trace.input"),
    *("langfuse.trace.output", "gcp.vertex.agent.llm_request", "gcp.vertex.agent.llm_response"),
    *("gcp.vertex.agent.tool_call_args", "gcp.vertex.agent.tool_response", "gcp.vertex.agent.data"),
)
"""Attributes that hold content wherever they stand."""

_CONTENT_BESIDE_GENAI: Final = frozenset(
    {
        *("arguments", "completion", "content", "data", "events", "input", "input_data"),
        *("instructions", "message", "messages", "output", "prompt", "query", "response"),
        *("result", "text", "tool_calls"),
    }
)
"""Attributes that hold content on records of a GenAI convention; elsewhere they may be anything."""

_GENAI: Final = (
    *("gen_ai.", "llm.", "openinference.", "traceloop.", "langsmith.", "logfire."),
    *("pydantic_ai.", "ai.", "mlflow.", "langfuse.", "gcp.vertex.agent."),
)
"""What attributes begin with on the records of the conventions."""

_CONTENT_EVENTS: Final = re.compile(
    r"gen_ai\.(?:system|user|assistant|tool)\.message|gen_ai\.choice|gen_ai\.content\.\w+"
    r"|db\.(?:query|search)\.(?:embeddings|result)|llm\.content\.\w+"
)
"""Events on spans that hold nothing but content."""


def _pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    parts = (re.escape(name).replace(r"\*", ".*").replace(r"\.N\.", r"\.\d+\.") for name in names)
    return re.compile("|".join(parts), re.DOTALL)


_ATTRIBUTES: Final = _pattern(_CONTENT)


def is_content(key: str) -> bool:
    """Whether an attribute of this name holds content wherever it stands."""
    return _ATTRIBUTES.fullmatch(key) is not None


def is_content_beside_genai(key: str) -> bool:
    """Whether an attribute of this name holds content on a record that `is_genai`."""
    return key in _CONTENT_BESIDE_GENAI


def is_genai(name: str) -> bool:
    """Whether the name of this attribute or event is one of a GenAI convention."""
    return name.startswith(_GENAI)


def is_content_event(name: str) -> bool:
    """Whether an event of this name on a span holds nothing but content."""
    return _CONTENT_EVENTS.fullmatch(name) is not None
