"""Relabelling as Prometheus does it."""

from typing import Any

import pytest

from belvedere.prometheus.relabel import Action, RelabelError, Rule, relabel

LABELS = {"a": "foo", "b": "bar", "c": "baz"}


def rule(**of: Any) -> Rule:
    if "action" in of:
        of["action"] = Action(of["action"])
    return Rule(**of)


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        pytest.param(
            {
                "source_labels": ("a",),
                "regex": "f(.*)",
                "target_label": "d",
                "separator": ";",
                "replacement": "ch${1}-ch${1}",
            },
            {**LABELS, "d": "choo-choo"},
            id="replace",
        ),
        pytest.param(
            {
                "source_labels": ("a", "b"),
                "regex": "(.+);(.+)",
                "target_label": "d",
                "replacement": "$2-$1-$$",
            },
            {**LABELS, "d": "bar-foo-$"},
            id="two labels, a dollar",
        ),
        pytest.param(
            {"source_labels": ("a",), "regex": "o", "target_label": "d"}, LABELS, id="anchored"
        ),
        pytest.param(
            {
                "source_labels": ("a",),
                "regex": "(?P<x>f).*",
                "target_label": "${x}_x",
                "replacement": "${x}${y}$9",
            },
            {**LABELS, "f_x": "f"},
            id="named groups, unknown ones empty, target from a group",
        ),
        pytest.param(
            {"source_labels": ("a",), "regex": "(f).*", "target_label": "d", "replacement": "$1x"},
            LABELS,
            id="a name goes as far as it can",
        ),
        pytest.param({"target_label": "d", "replacement": "v"}, {**LABELS, "d": "v"}, id="add"),
        pytest.param(
            {"source_labels": ("a",), "target_label": "a", "replacement": ""},
            {"b": "bar", "c": "baz"},
            id="empty removes",
        ),
        pytest.param(
            {"source_labels": ("a",), "regex": "(x)?.*", "target_label": "b", "replacement": "$1"},
            {"a": "foo", "c": "baz"},
            id="a group that took no part is empty",
        ),
        pytest.param(
            {"action": "keep", "source_labels": ("a",), "regex": "fo+"}, LABELS, id="keep"
        ),
        pytest.param(
            {"action": "keep", "source_labels": ("a",), "regex": "f"}, None, id="not kept"
        ),
        pytest.param({"action": "drop", "source_labels": ("a",), "regex": "foo"}, None, id="drop"),
        pytest.param(
            {"action": "drop", "source_labels": ("x",), "regex": ""}, None, id="drop absent"
        ),
        pytest.param(
            {"action": "drop", "source_labels": ("a",), "regex": "f"}, LABELS, id="no drop"
        ),
        pytest.param(
            {"action": "keepequal", "source_labels": ("a",), "target_label": "a"},
            LABELS,
            id="keepequal",
        ),
        pytest.param(
            {"action": "keepequal", "source_labels": ("a",), "target_label": "b"},
            None,
            id="not equal",
        ),
        pytest.param(
            {"action": "dropequal", "source_labels": ("a",), "target_label": "a"},
            None,
            id="dropequal",
        ),
        pytest.param(
            {"action": "hashmod", "source_labels": ("c",), "target_label": "d", "modulus": 1000},
            {**LABELS, "d": "976"},
            id="hashmod",
        ),
        pytest.param(
            {"action": "hashmod", "source_labels": ("a",), "target_label": "d", "modulus": 1000},
            {**LABELS, "d": "696"},
            id="hashmod of foo",
        ),
        pytest.param(
            {"action": "labelmap", "regex": "(b.*)", "replacement": "x_$1"},
            {**LABELS, "x_b": "bar"},
            id="labelmap",
        ),
        pytest.param({"action": "labeldrop", "regex": "[ab]"}, {"c": "baz"}, id="labeldrop"),
        pytest.param(
            {"action": "labelkeep", "regex": "[ab]"}, {"a": "foo", "b": "bar"}, id="labelkeep"
        ),
        pytest.param(
            {"action": "uppercase", "source_labels": ("a", "b"), "target_label": "a"},
            {**LABELS, "a": "FOO;BAR"},
            id="uppercase",
        ),
        pytest.param(
            {"action": "lowercase", "source_labels": ("a",), "target_label": "d"},
            {**LABELS, "d": "foo"},
            id="lowercase",
        ),
    ],
)
def test_actions(of: dict[str, Any], expected: dict[str, str] | None) -> None:
    assert relabel(LABELS, [rule(**of)]) == expected
    assert LABELS == {"a": "foo", "b": "bar", "c": "baz"}, "the input stays"


def test_rules_follow_one_another() -> None:
    rules = [
        rule(source_labels=("a",), target_label="d"),
        rule(action="drop", source_labels=("d",), regex="foo"),
    ]
    assert relabel(LABELS, rules) is None


@pytest.mark.parametrize(
    ("of", "complaint"),
    [
        ({}, "target_label is required"),
        ({"target_label": "d", "regex": "("}, "no RE2 expression"),
        ({"target_label": "d", "regex": "(?=x)"}, "no RE2 expression"),
        ({"target_label": "1d"}, "can become no label name"),
        ({"action": "hashmod", "target_label": "d"}, "modulus"),
        ({"action": "lowercase", "target_label": "$1"}, "is no label name"),
        (
            {"action": "uppercase", "target_label": "d", "replacement": "x"},
            "does not use replacement",
        ),
        (
            {"action": "labeldrop", "regex": "a", "source_labels": ("a",)},
            "does not use source_labels",
        ),
        ({"action": "keepequal", "target_label": "a", "regex": "x"}, "does not use regex"),
        ({"action": "labelmap", "replacement": "-"}, "can become no label name"),
    ],
)
def test_rules_that_make_no_sense_are_refused(of: dict[str, Any], complaint: str) -> None:
    with pytest.raises(RelabelError, match=complaint):
        rule(**of)
