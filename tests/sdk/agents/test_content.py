"""Content is opt-in, redacted, bounded, and always valid JSON."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from secret_samples import SECRETS, leaked

from belvedere.sdk.agents import (
    agent,
    bounded_json,
    capture_variables,
    content,
    faults,
    model_call,
    providers,
    retrieval,
    tool,
)
from belvedere.sdk.agents.bounded_json import Json
from belvedere.sdk.agents.plain import Plain
from belvedere.sdk.agents.streamed import StreamedResponse

ARGUMENTS, RESULT = "gen_ai.tool.call.arguments", "gen_ai.tool.call.result"

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.text('aé漢🙂\\"\n', min_size=40, max_size=400)
)
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=30) | st.dictionaries(st.text(max_size=60), inner, max_size=12)
    ),
    max_leaves=60,
)


def utf8(tree: Any) -> bool:
    try:
        json.dumps(tree, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


@settings(max_examples=300, deadline=None)
@given(tree=TREES.filter(utf8), max_bytes=st.integers(0, 3000))
def test_bounded_json_is_valid_and_short(tree: Json, max_bytes: int) -> None:
    text = bounded_json.encode(tree, max_bytes)
    if text is None:
        assert max_bytes < 2
        return
    assert len(text.encode()) <= max_bytes
    decoded = json.loads(text)
    whole = json.dumps(tree, ensure_ascii=False, separators=(",", ":"))
    if len(whole.encode()) <= max_bytes:
        assert decoded == tree


ANYTHING = st.recursive(
    SCALARS
    | st.binary()
    | st.floats()
    | st.integers()
    | st.sets(st.integers())
    | st.complex_numbers(),
    lambda inner: (
        st.lists(inner, max_size=20)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=60) | st.integers(), inner, max_size=12)
    ),
    max_leaves=40,
)


@settings(max_examples=200, deadline=None)
@given(value=ANYTHING, max_bytes=st.integers(64, 2000))
def test_any_value_becomes_valid_bounded_json(value: object, max_bytes: int) -> None:
    undo = content.configure(True, max_bytes)
    try:
        text = content.encode(value)
    finally:
        undo()
    assert text is not None
    assert len(text.encode()) <= max_bytes
    json.loads(text)


@pytest.mark.parametrize(
    ("tree", "max_bytes", "expected"),
    [
        pytest.param(["x" * 1000], 100, ["x" * 50 + "…[950 characters cut]"], id="a text"),
        pytest.param(
            list(range(1000)),
            100,
            [0, 1, 2, 3, 4, 5, {"type": "cut", "items": 988}, *range(994, 1000)],
            id="a list loses its middle",
        ),
        pytest.param(
            {f"k{i}": i for i in range(100)},
            60,
            {"k0": 0, "k1": 1, "k2": 2, "k3": 3, "members_cut": 96},
            id="an object loses its later members",
        ),
        pytest.param("🙂" * 100, 10, "", id="no room for a mark"),
    ],
)
def test_what_is_cut_is_marked(tree: Json, max_bytes: int, expected: Json) -> None:
    assert json.loads(bounded_json.encode(tree, max_bytes) or "null") == expected


def test_short_texts_stay_whole_beside_a_long_one() -> None:
    tree = [{"role": "system", "content": "x" * 50_000}, {"role": "user", "content": "Why?"}]
    text = bounded_json.encode(tree, 4096)
    assert text is not None
    system, user = json.loads(text)
    assert user == tree[1]
    assert len(text) > 2048
    assert system["content"].endswith("characters cut]")


def test_deep_and_cyclic_values_end() -> None:
    cyclic: list[Any] = []
    cyclic.append(cyclic)
    text = bounded_json.encode(Plain(str, 10_000).convert(cyclic), 10_000)
    assert text is not None
    assert "nested too deeply" in text


def test_a_secret_that_the_cut_divides_is_not_half_kept() -> None:
    undo = content.configure(True, 256)
    try:
        for offset in range(400, 560, 7):
            text = content.encode("a " * (offset // 2) + "4111 1111 1111 1111 " + "b " * 300) or ""
            assert "4111 1111" not in text
    finally:
        undo()


@dataclass
class Document:
    id: str
    score: float


@tool
def search(query: str, *more: str, limit: int = 3, **options: object) -> object:
    return {"found": query, "more": more}


class Desk:
    @tool
    def ring(self, times: int) -> str:
        return "ding" * times


def call_search() -> None:
    search("a", "b", limit=2, deep=True)


def test_nothing_is_captured_unless_asked_for(recorded: Any) -> None:
    call_search()
    with agent("a") as run:
        run.input("hello", system_instructions="be kind", tools=[{"name": "search"}])
        run.output("hi")
    with retrieval("docs") as search_run:
        search_run.query("why")
        search_run.documents([Document("d", 0.5)])
    with model_call("m") as call:
        call.response("hi")
    text = str([dict(span.attributes) for span in recorded.spans])
    for attribute in ("messages", "instructions", "arguments", "result", "query", "documents"):
        assert attribute not in text


def test_a_tool_s_arguments_and_result(recorded: Any, captured: None) -> None:
    call_search()
    Desk().ring(2)
    first, second = recorded.spans
    assert json.loads(first.attributes[ARGUMENTS]) == {
        "query": "a",
        "more": ["b"],
        "limit": 2,
        "options": {"deep": True},
    }
    assert json.loads(first.attributes[RESULT]) == {"found": "a", "more": ["b"]}
    assert json.loads(second.attributes[ARGUMENTS]) == {"times": 2}


def test_messages_in_and_out(recorded: Any, captured: None) -> None:
    with agent("a") as run:
        run.input(
            [
                {"role": "user", "content": "Weather?"},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {"id": "c", "function": {"name": "w", "arguments": '{"city": "Paris"}'}}
                    ],
                },
                {"role": "tool", "tool_call_id": "c", "content": '{"rain": true}'},
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}]},
                {"role": "user", "parts": [{"type": "text", "content": "as it is"}]},
            ],
            system_instructions="Be kind.",
            tools=[{"name": "w"}],
        )
        run.output("Rainy.")
    found = {key: json.loads(value) for key, value in recorded.attributes.items() if "{" in value}
    assert found == {
        "gen_ai.input.messages": [
            {"role": "user", "parts": [{"type": "text", "content": "Weather?"}]},
            {
                "role": "assistant",
                "parts": [
                    {"type": "tool_call", "id": "c", "name": "w", "arguments": {"city": "Paris"}}
                ],
            },
            {
                "role": "tool",
                "parts": [{"type": "tool_call_response", "id": "c", "response": {"rain": True}}],
            },
            {"role": "user", "parts": [{"type": "image_url", "image_url": {"url": "u"}}]},
            {"role": "user", "parts": [{"type": "text", "content": "as it is"}]},
        ],
        "gen_ai.system_instructions": [{"type": "text", "content": "Be kind."}],
        "gen_ai.tool.definitions": [{"name": "w"}],
        "gen_ai.output.messages": [
            {"role": "assistant", "parts": [{"type": "text", "content": "Rainy."}]}
        ],
    }


def test_a_retrieval_s_query_and_documents(recorded: Any, captured: None) -> None:
    with retrieval("docs") as run:
        run.query("mail jane@example.com")
        run.documents([Document("d", 0.5)])
    assert recorded.attributes["gen_ai.retrieval.query.text"] == "mail [redacted:email]"
    assert json.loads(recorded.attributes["gen_ai.retrieval.documents"]) == [
        {"id": "d", "score": 0.5}
    ]


def test_an_iterator_of_the_application_is_not_consumed(captured: None, recorded: Any) -> None:
    letters = iter("ab")
    with agent("a") as run:
        run.input(letters)
        run.input(x for x in letters)
    assert list(letters) == ["a", "b"]


@pytest.mark.parametrize(
    ("value", "captures"),
    [
        ("true", True),
        ("True", True),
        ("SPAN_ONLY", True),
        ("span_and_event", True),
        ("EVENT_ONLY", False),
        ("no_content", False),
        ("false", False),
        ("", False),
    ],
)
def test_the_variable(monkeypatch: pytest.MonkeyPatch, value: str, captures: object) -> None:
    monkeypatch.setenv(capture_variables.CAPTURE, value)
    undo = content.configure()
    assert content.captured() is captures
    undo()


def test_too_small_a_bound_is_refused() -> None:
    with pytest.raises(ValueError, match="max_content_bytes is 10; at least 64"):
        content.configure(True, 10)


@pytest.fixture
def hook() -> Iterator[Callable[..., None]]:
    undo: list[Callable[[], None]] = []
    yield lambda redact: undo.append(content.configure(True, redact=redact))
    for each in undo:
        each()


def test_the_own_hook_runs_after_the_table(recorded: Any, hook: Any) -> None:
    seen: list[str] = []

    def shout(text: str) -> str:
        seen.append(text)
        return text.upper()

    hook(shout)
    search("jane@example.com")
    assert "[redacted:email]" in seen
    assert json.loads(recorded.attributes[RESULT]) == {"FOUND": "[REDACTED:EMAIL]", "MORE": []}


def test_a_hook_that_fails_lets_nothing_through(recorded: Any, hook: Any) -> None:
    def fail(text: str) -> str:
        raise ValueError(text)

    hook(fail)
    assert search("a") == {"found": "a", "more": ()}
    assert ARGUMENTS not in recorded.attributes
    assert RESULT not in recorded.attributes


def test_a_hook_that_returns_no_text(recorded: Any, hook: Any) -> None:
    hook(lambda _: None)
    with retrieval("r") as run:
        run.query("secret")
    assert recorded.attributes["gen_ai.retrieval.query.text"] == "[redacted:by hook]"


def test_a_long_query_is_cut_and_marked(recorded: Any) -> None:
    undo = content.configure(True, 100)
    with retrieval("r") as run:
        run.query("漢" * 90)
    undo()
    text = recorded.attributes["gen_ai.retrieval.query.text"]
    assert text == "漢" * 20 + "…[70 characters cut]"
    assert len(text.encode()) <= 100


def test_content_of_an_unsampled_run_is_not_even_read(captured: None) -> None:
    class Untouched:
        def __repr__(self) -> str:
            raise AssertionError("it was read")

    before = sum(faults.counts().values())
    undo = providers.bind(TracerProvider(ALWAYS_OFF, shutdown_on_exit=False))
    with agent("a") as run:
        run.input(Untouched())
        assert search(Untouched())  # type: ignore[arg-type] # any object will do
    undo()
    assert sum(faults.counts().values()) == before


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["first in, first out", "nested"])
def test_each_undo_takes_back_its_own(order: tuple[int, ...]) -> None:
    undo = [content.configure(True), content.configure(False)]
    assert not content.captured()
    undo[order[0]]()
    assert content.captured() is (order == (1, 0))
    undo[order[1]]()
    assert not content.captured()


@settings(max_examples=60, deadline=None)
@given(
    secret=st.sampled_from(sorted(SECRETS)),
    kept=st.integers(1, 60),
    size=st.integers(1, 7),
    max_bytes=st.integers(64, 500),
)
def test_a_secret_that_chunks_or_a_cut_divide_is_not_recorded(
    secret: str, kept: int, size: int, max_bytes: int
) -> None:
    """Reasoning and answer share what is kept of a stream, so that the cut may be anywhere."""
    undo = content.configure(True, max_bytes)
    try:
        room = content.max_characters()
        streamed = StreamedResponse(room)
        streamed.add(MESSAGE_START)
        whole = {"thinking": "a " * room, "text": f" {SECRETS[secret][0]} {'b ' * room}"}
        whole["thinking"] = whole["thinking"][: room - kept]
        for kind, text in whole.items():
            for start in range(0, len(text), size):
                delta = {"type": f"{kind}_delta", kind: text[start : start + size]}
                streamed.add({"type": "content_block_delta", "index": 0, "delta": delta})
        found = streamed.response()
        assert found is not None
        assert found.answer is not None
        recorded = content.encode(found.answer())
    finally:
        undo()
    assert recorded is not None
    assert leaked(recorded.encode()) == []


MESSAGE_START = {
    "type": "message_start",
    "message": {
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5-1",
        "content": [],
        "usage": {"input_tokens": 1, "output_tokens": 1},
    },
}
