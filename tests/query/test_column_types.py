"""ClickHouse's type names as trees."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belvedere.query.column_types import ColumnType


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        ("String", "String", ()),
        ("Nullable(LowCardinality(String))", "String", ()),
        ("DateTime64(9, 'Europe/Berlin')", "DateTime64", ("9", "'Europe/Berlin'")),
        ("Map(String, Array(DateTime))", "Map", ("String", "Array(DateTime)")),
        ("Tuple(a Int8, `b (` String)", "Tuple", ("a Int8", "`b (` String")),
        ("Enum8('a,)' = 1, 'it\\'s' = -2)", "Enum8", ("'a,)' = 1", "'it\\'s' = -2")),
        ("", "", ()),
    ],
)
def test_types_have_names_and_arguments(text: str, name: str, arguments: tuple[str, ...]) -> None:
    assert ColumnType.parse(text) == ColumnType(name, arguments)


@pytest.mark.parametrize(
    ("text", "index", "element"),
    [
        ("Array(Nullable(DateTime))", 0, "DateTime"),
        ("Map(String, IPv4)", 1, "IPv4"),
        ("Tuple(Int8, DateTime)", 1, "DateTime"),
        ("Tuple(a Int8, b Array(Tuple(c String, d IPv6)))", 1, "Array"),
        ("Tuple(`odd ) name` IPv6)", 0, "IPv6"),
        ("String", 0, ""),
    ],
)
def test_elements(text: str, index: int, element: str) -> None:
    assert ColumnType.parse(text).element(index).name == element


def test_enum_names() -> None:
    type_ = ColumnType.parse(r"Enum8('a,)' = 1, 'it\'s = \\' = -2)")
    assert type_.enum_names() == {1: "a,)", -2: "it's = \\"}


@given(st.text(alphabet="Array(Tuple),'`\\ =x1"))
def test_any_text_is_some_type(text: str) -> None:
    type_ = ColumnType.parse(text)
    type_.element(0)
    type_.element(1)
