"""pydantic's complaints as errors that name key, file, line and what to write."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import BaseModel, Field, model_validator
from structlog.testing import capture_logs

from belvedere.collector.component import ComponentConfig
from belvedere.collector.duration import Duration
from belvedere.collector.errors import ConfigError
from belvedere.collector.source import Source, read_tree
from belvedere.collector.validate import validated


class Inner(ComponentConfig):
    endpoint: str = Field("here", description="x")
    port_number: int = Field(1, alias="port", description="x")


class Model(ComponentConfig):
    timeout: Duration = 1.0
    name: str = ""
    inner: Inner | None = None
    by_name: dict[str, Inner] = Field({})
    many: list[Inner] = Field([])
    choice: Literal["a", "b"] = "a"
    either: Annotated[int, Field(ge=2)] | Inner = 5
    needed: int = 0

    @model_validator(mode="after")
    def _together(self) -> "Model":
        if self.needed == 13:
            raise ValueError("Not thirteen")
        if self.needed == 14:
            raise ValueError("EXPR(...) is not supported")
        return self


class Outer(ComponentConfig):
    inner: Inner = Inner()


class Official(ComponentConfig):
    """With keys of the official component that are not here."""

    unsupported: ClassVar[Mapping[str, str]] = {"cookies": "none are kept", "keep": "always"}
    done_anyway: ClassVar[Mapping[str, Any]] = {"keep": True}
    without_effect: ClassVar[Mapping[str, str]] = {"check": "watch"}

    name: str = ""


class Needy(ComponentConfig):
    key: str


def load(text: str, model: type[BaseModel] = Model, **env: str) -> Any:
    lines = "\n".join(f"    {line}" for line in text.splitlines())
    tree = read_tree(Source("f.yaml", f"processors:\n  x/1:\n{lines}"), env)
    return validated(model, tree, ("processors", "x/1"))


def test_valid_values() -> None:
    config = load("timeout: 2s\ninner: {port: 5}\nby_name: {a: {endpoint: there}}")
    assert (config.timeout, config.inner.port_number) == (2.0, 5)
    assert config.by_name["a"].endpoint == "there"


def test_null_means_defaults() -> None:
    assert load("") == Model()


def test_so_does_a_mapping_or_list_without_lines() -> None:
    """As where all lines below `sending_queue:` are comments."""
    assert load("by_name:\nmany:") == Model()
    assert load("inner:", Outer).inner == Inner()


class Lists(ComponentConfig):
    texts: list[str] = Field(["x"], min_length=1)
    expressions: tuple[Annotated[str, Field(max_length=2)], ...] = Field((), alias="exprs")
    models: list[Inner] = Field([])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("texts: a", Lists(texts=["a"])),
        ("texts: a:1,b:2\nexprs: c,d", Lists(texts=["a:1", "b:2"], exprs=("c", "d"))),
        ("texts: [a, 'b,c']", Lists(texts=["a", "b,c"])),
        ("exprs: ''", Lists()),
    ],
    ids=str,
)
def test_one_text_is_a_list_of_texts(text: str, expected: Lists) -> None:
    assert load(text, Lists) == expected


@pytest.mark.parametrize("text", ["texts: ''", "exprs: a,bcd", "models: a"])
def test_one_text_is_checked_as_the_list_would_be(text: str) -> None:
    with pytest.raises(ConfigError, match=r"f.yaml:3: processors::x/1::(texts|exprs|models): "):
        load(text, Lists)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "needed: 14",
            "f.yaml:2: processors::x/1: EXPR(...) is not supported",
            id="the capitals of a name stay",
        ),
        pytest.param(
            "timeout: 1s\ntimeot: 2s",
            "f.yaml:4: processors::x/1::timeot: there is no such key (did you mean 'timeout'?)",
            id="unknown",
        ),
        pytest.param(
            "inner:\n  prt: 1",
            "f.yaml:4: processors::x/1::inner::prt: there is no such key (did you mean 'port'?)",
            id="unknown-nested-with-alias",
        ),
        pytest.param(
            "by_name: {a: {endpont: 1}}",
            "f.yaml:3: processors::x/1::by_name::a::endpont: there is no such key"
            " (did you mean 'endpoint'?)",
            id="unknown-in-mapping",
        ),
        pytest.param(
            "many:\n- endpoint: a\n- xyz: 1",
            "f.yaml:5: processors::x/1::many::1::xyz: there is no such key"
            " (there are endpoint, port)",
            id="unknown-in-list",
        ),
        pytest.param(
            "timeout: 5",
            "f.yaml:3: processors::x/1::timeout: the duration 5 has no unit; write 5s for seconds",
            id="duration",
        ),
        pytest.param(
            "needed: abc",
            "f.yaml:3: processors::x/1::needed: a whole number is expected, not 'abc'",
            id="type",
        ),
        pytest.param(
            "name: 12",
            "f.yaml:3: processors::x/1::name: text is expected, not 12 (write it in quotes)",
            id="text-wanted",
        ),
        pytest.param(
            "name: [a]",
            "f.yaml:3: processors::x/1::name: text is expected, not ['a']",
            id="text-wanted-not-a-list",
        ),
        pytest.param(
            "choice: c",
            "f.yaml:3: processors::x/1::choice: input should be 'a' or 'b', not 'c'",
            id="choice",
        ),
        pytest.param(
            "either: 1",
            "f.yaml:3: processors::x/1::either: input should be greater than or equal to 2, not 1",
            id="union-tags-are-no-keys",
        ),
        pytest.param(
            "needed: 13",
            "f.yaml:2: processors::x/1: not thirteen",
            id="of-the-whole",
        ),
        pytest.param(
            "inner: 5",
            "f.yaml:3: processors::x/1::inner: a mapping is expected, not 5",
            id="no-mapping",
        ),
        pytest.param(
            "needed: x\nname: 1\nzz: 1",
            "f.yaml:3: processors::x/1::needed: a whole number is expected, not 'x'",
            id="first-of-several",
        ),
    ],
)
def test_complaints(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(text)
    assert str(caught.value) == message


def test_missing_key() -> None:
    with pytest.raises(ConfigError) as caught:
        load("", Needy)
    assert str(caught.value) == "f.yaml:2: processors::x/1::key: this key is required"


def test_no_mapping_at_all() -> None:
    tree = read_tree(Source("f.yaml", "processors: {x: 5}"), {})
    with pytest.raises(ConfigError, match=r"f\.yaml:1: processors::x: a mapping is expected"):
        validated(Model, tree, ("processors", "x"))


def test_text_of_a_variable_stays_as_it_is_where_text_is_wanted() -> None:
    config = load(
        "name: ${P}\ntimeout: ${T}\nneeded: ${P}\nmany: [{endpoint: '${P}'}]", P="0123", T="5s"
    )
    assert (config.name, config.many[0].endpoint) == ("0123", "0123")
    assert (config.timeout, config.needed) == (5.0, 123)


def test_other_complaints_show_when_texts_are_put_right() -> None:
    with pytest.raises(ConfigError, match=r"f\.yaml:4: processors::x/1::needed: "):
        load("name: ${P}\nneeded: x", P="0123")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("timeout: ${NOTHING}", "the variable is empty, or not set"),
        ("timeout:", "write one, or remove the key"),
    ],
    ids=["variable", "nothing"],
)
def test_a_value_that_is_not_there(text: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(text)
    where = "f.yaml:3: processors::x/1::timeout"
    assert str(caught.value) == f"{where}: a value is expected, there is none ({hint})"


@pytest.mark.parametrize(
    "value",
    ["cookies: {enabled: false}", "cookies: false", "cookies: {}", "cookies:", "keep: true"],
)
def test_what_is_switched_off_or_done_anyway_is_no_unsupported_key(value: str) -> None:
    assert load(f"{value}\nname: a", Official) == Official(name="a")


@pytest.mark.parametrize("value", ["cookies: {enabled: true}", "cookies: true", "keep: false"])
def test_an_unsupported_key_is_refused_by_name(value: str) -> None:
    with pytest.raises(ConfigError, match=r"f.yaml:3: processors::x/1::\w+: not supported: "):
        load(value, Official)


def test_a_key_without_effect_is_told() -> None:
    with capture_logs() as told:
        assert load("check: {enabled: true}\nname: a", Official) == Official(name="a")
    assert [(entry["event"], entry["key"], entry["instead"]) for entry in told] == [
        ("key_without_effect", "check", "watch")
    ]
