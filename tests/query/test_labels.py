"""Label sets: sorted, without empty values, printed as Prometheus prints them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.query.labels import EMPTY, Labels

labels = st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=5)


@settings(max_examples=100, deadline=None)
@given(pairs=labels)
def test_equal_sets_are_equal_in_any_order(pairs: dict[str, str]) -> None:
    made = Labels(pairs)
    again = Labels(reversed(list(pairs.items())))
    assert made == again
    assert hash(made) == hash(again)
    assert list(made.names()) == sorted(name for name, value in pairs.items() if value)


@settings(max_examples=100, deadline=None)
@given(pairs=labels, name=st.text(max_size=3), value=st.text(max_size=3))
def test_setting_a_label_equals_making_the_set_anew(
    pairs: dict[str, str], name: str, value: str
) -> None:
    assert Labels(pairs).with_(name, value) == Labels({**pairs, name: value})
    assert Labels(pairs).without(name) == Labels({n: v for n, v in pairs.items() if n != name})


def test_an_empty_value_is_no_label() -> None:
    assert Labels({"a": ""}) == EMPTY
    assert Labels({"a": "1"}).with_("a", "") == EMPTY
    assert Labels({"a": "1"}).get("b") == ""


def test_metadata_goes_with_the_name() -> None:
    made = Labels({"__name__": "up", "__type__": "gauge", "__unit__": "s", "job": "a"})
    assert made.without_metadata() == Labels({"job": "a"})


@pytest.mark.parametrize(
    ("pairs", "text", "metric"),
    [
        ({}, "{}", "{}"),
        ({"__name__": "up"}, '{__name__="up"}', "up"),
        ({"b": "1", "a": "2"}, '{a="2", b="1"}', '{a="2", b="1"}'),
        ({"__name__": "up", "a": 'x"\n'}, '{__name__="up", a="x\\"\\n"}', 'up{a="x\\"\\n"}'),
        ({"a.b": "1"}, '{"a.b"="1"}', '{"a.b"="1"}'),
        ({"__name__": "a.b"}, '{__name__="a.b"}', '{"a.b"}'),
    ],
)
def test_printing(pairs: dict[str, str], text: str, metric: str) -> None:
    assert str(Labels(pairs)) == text
    assert Labels(pairs).metric() == metric


def test_sets_are_ordered_by_their_pairs() -> None:
    made = [Labels({"a": "2"}), Labels({"a": "1", "b": "1"}), Labels({"a": "1"}), EMPTY]
    assert sorted(made) == made[::-1]
