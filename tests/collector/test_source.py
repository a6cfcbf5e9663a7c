"""Configuration text to values with positions."""

import itertools
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from belvedere.collector.errors import ConfigError
from belvedere.collector.source import Source, read_tree
from belvedere.collector.tree import Tree, nearest

ENV = {
    "NUMBER": "83",
    "ZEROS": "0123",
    "LIST": "[a, 2]",
    "MAP": "{a: {b: 1}}",
    "BROKEN": "[",
    "DOLLAR": "${NUMBER}",
    "TAGGED": "!!python/name:os.system ''",
    "EMPTY": "",
}


def read(text: str) -> Tree:
    return read_tree(Source("f.yaml", text), ENV)


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("text", "text"),
        ("1", 1),
        ("-1", -1),
        ("0x1F", 31),
        ("0o17", 15),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("-.inf", float("-inf")),
        ("true", True),
        ("False", False),
        ("on", "on"),
        ("yes", "yes"),
        ("12:30:45", "12:30:45"),
        ("2020-01-01", "2020-01-01"),
        ("~", None),
        ("", None),
        ("'1'", "1"),
        ('"a${NUMBER}"', "a83"),
        ("${NUMBER}", 83),
        ("${env:LIST}", ["a", 2]),
        ("${MAP}", {"a": {"b": 1}}),
        ("${BROKEN}", "["),
        ("${DOLLAR}", "${NUMBER}"),
        ("${EMPTY}", None),
        ("'$${NUMBER}'", "${NUMBER}"),
    ],
)
def test_values_are_of_yaml_1_2(scalar: str, value: Any) -> None:
    assert read(f"key: {scalar}").values == {"key": value}


def test_positions_are_those_of_keys_and_elements() -> None:
    tree = read("a:\n  b:\n    - x\n    - y: 1\nc: 2\n")
    lines = {"::".join(map(str, path)): at.line for path, at in tree.positions.items()}
    assert lines == {"": 1, "a": 1, "a::b": 2, "a::b::0": 3, "a::b::1": 4, "a::b::1::y": 4, "c": 5}


def test_text_of_a_whole_reference_is_kept() -> None:
    tree = read("a: {b: '${ZEROS}'}")
    assert tree.values == {"a": {"b": 123}}
    assert tree.from_environment == {("a", "b"): "0123"}


def test_anchors_and_merge_keys() -> None:
    tree = read("x: &x {a: 1, b: 1}\ny: &y {b: 2}\nz: {<<: [*y, *x], c: 3}\nw: {<<: *x, a: 0}")
    assert tree.values["z"] == {"a": 1, "b": 2, "c": 3}
    assert tree.values["w"] == {"a": 0, "b": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("a: [", "f.yaml:1: no valid YAML", id="syntax"),
        pytest.param("a: 1\n b: 2", "f.yaml:2: no valid YAML", id="indentation"),
        pytest.param("a: 1\n---\nb: 2", "f.yaml:2: no valid YAML", id="two-documents"),
        pytest.param("a: \x00", "f.yaml: no valid YAML", id="control-character"),
        pytest.param("- a", "f.yaml:1: a configuration is a mapping", id="list"),
        pytest.param("a:\n\tb: 1", "(YAML is indented by spaces, not by tabs)", id="tab"),
        pytest.param("a: " + "[" * 5000 + "]" * 5000, "f.yaml: nested too deep", id="deep"),
        pytest.param("0", "f.yaml:1: a configuration is a mapping", id="number"),
        pytest.param("a:\n  b: 1\n  b: 2", "f.yaml:3: a::b: this key is there twice", id="twice"),
        pytest.param("? [a]\n: 1", "a key must be text", id="key-is-a-list"),
        pytest.param("a: {<<: 1}", "<< wants a mapping", id="merge-of-a-number"),
        pytest.param("a: &a [*a]", "the alias stands within", id="endless-alias"),
        pytest.param("a:\n- !!set {}\n- !x y", "f.yaml:3: a::1: the YAML tag", id="tag"),
        pytest.param("a: !!int x", "'x' is not of its tag", id="value-not-of-its-tag"),
        pytest.param("a:\n  b: ${x", "f.yaml:2: a::b: ${ without its }", id="reference"),
        pytest.param("a: ${TAGGED}", "in the variable's value: the YAML tag", id="tag-in-variable"),
    ],
)  # fmt: skip
def test_refuses_and_says_where(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert message in str(caught.value)


@pytest.mark.parametrize("form", ["[{}]", "{{<<: [{}]}}"], ids=["lists", "merge keys"])
def test_aliases_of_aliases_are_bounded(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few lines, ten to the power of eight values."""
    monkeypatch.setattr("belvedere.collector.source._MAX_VALUES", 10_000)
    lines = ["a: &a {x: 1}"]
    for before, name in itertools.pairwise("abcdefghi"):
        lines.append(f"{name}: &{name} {form.format(', '.join([f'*{before}'] * 10))}")
    with pytest.raises(ConfigError, match="more than 10,000 values, with all aliases"):
        read("\n".join(lines))


@pytest.mark.parametrize("text", ["", "# nothing", "---"])
def test_an_empty_file_says_nothing(text: str) -> None:
    assert read(text).values == {}


def test_files(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("a: ä", encoding="utf-8")
    assert read_tree(Source.file(tmp_path / "c.yaml"), {}).values == {"a": "ä"}


@pytest.mark.parametrize("content", [None, b"\xff"], ids=["missing", "no-utf-8"])
def test_unreadable_files(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "c.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        Source.file(file)
    assert caught.value.file == file


def test_merge_is_deep_for_mappings_and_replaces_the_rest() -> None:
    tree = read("a: {b: {x: 1, y: 2}, l: [1, 2], n: {m: 1}, t: 1}")
    tree.merge(
        read_tree(Source("g.yaml", "a:\n  b: {y: 3}\n  l: [4]\n  n:\n  t: {u: 1}\nz: 1"), {})
    )
    assert tree.values == {
        "a": {"b": {"x": 1, "y": 3}, "l": [4], "n": None, "t": {"u": 1}},
        "z": 1,
    }
    assert tree.positions["a", "b", "x"].file == "f.yaml"
    assert tree.positions["a", "b", "y"].file == "g.yaml"
    assert tree.positions["a", "l", 0].line == 3
    assert ("a", "l", 1) not in tree.positions
    assert ("a", "n", "m") not in tree.positions


def test_merge_into_what_came_out_of_a_variable() -> None:
    tree = read("a: ${MAP}")
    tree.merge(read("a: {a: {c: 2}}"))
    assert tree.values == {"a": {"a": {"b": 1, "c": 2}}}
    assert str(tree.error(("a", "a", "b"), "no")) == "f.yaml:1: a::a::b: no"


@pytest.mark.parametrize(
    ("name", "hint"),
    [("bach", "did you mean 'batch'?"), ("zzz", "there are batch, debug")],
)
def test_nearest(name: str, hint: str) -> None:
    assert nearest(name, ["debug", "batch"]) == hint


def test_nearest_of_nothing() -> None:
    assert nearest("x", []) == ""


@given(st.text(alphabet="ab01 :-[]{},&*<!'\"$#?|>~.\n", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    with capture_logs(), suppress(ConfigError):
        read(text)


def test_without_an_environment_references_stay_and_any_scalar_may_be_a_text() -> None:
    tree = read_tree(Source("f", "a: ${env:X} $x\nb: 1.10\nc: {d: on, e: ~}"), None)
    assert tree.values == {"a": "${env:X} $x", "b": 1.1, "c": {"d": "on", "e": None}}
    assert tree.from_environment == {("b",): "1.10", ("c", "e"): "~"}


def test_what_is_no_mapping_is_said_in_the_words_of_who_reads_it() -> None:
    with pytest.raises(ConfigError, match="f:1: a file of rules"):
        read_tree(Source("f", "- a"), None, expected="a file of rules")
