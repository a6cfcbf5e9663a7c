"""Protobuf's integers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belvedere.otlp.varint import read_varint, write_varint


@given(st.integers(0, 2**64 - 1), st.binary(max_size=3), st.binary(max_size=3))
def test_round_trip(value: int, before: bytes, after: bytes) -> None:
    data = before + write_varint(value) + after
    assert read_varint(data, len(before)) == (value, len(data) - len(after))


@pytest.mark.parametrize(
    "data", [b"", b"\x80", b"\xff" * 9, b"\xff" * 11], ids=["empty", "cut", "cut later", "endless"]
)
def test_what_is_none(data: bytes) -> None:
    with pytest.raises(ValueError, match="variable-length"):
        read_varint(data, 0)
