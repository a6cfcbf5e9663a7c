"""Paths of the request that brought a record, in every context: `otelcol.client.metadata["x"]`.

The headers are there where the receiver has `include_metadata: true`. They are only read.
"""

from typing import Any, Final

from belvedere.collector.ottl.errors import EvaluationError
from belvedere.collector.ottl.paths import Access, Field, Get
from belvedere.collector.ottl.record import Record
from belvedere.collector.ottl.values import type_name
from belvedere.otlp.batch import CLIENT_ADDRESS

OTELCOL: Final = "otelcol"
"""What these paths begin with."""


def _address(record: Record) -> str:
    return next(iter(record.metadata.get(CLIENT_ADDRESS, ())), "")


def _headers(record: Record) -> dict[str, Any]:
    return {
        name: list(values) for name, values in record.metadata.items() if name != CLIENT_ADDRESS
    }


def _header(keys: tuple[Get, ...], constants: tuple[Any, ...]) -> Access:
    """`["X-Tenant"]`: all values of a header, or nil; `["X-Tenant"][0]`: the first of them."""
    if len(keys) > 2:
        raise EvaluationError('a value of a header has no keys: write ["name"][0]')
    if type(constants[0]) is int:
        raise EvaluationError('the name of a header is a string: write ["name"][0]')

    def get(record: Record) -> Any:
        name = keys[0](record)
        if type(name) is not str:
            raise EvaluationError(f"the name of a header is a string, not {type_name(name)}")
        values = record.metadata.get(name.lower())
        if values is None or len(keys) == 1:
            return None if values is None else list(values)
        index = keys[1](record)
        if type(index) is not int or not 0 <= index < len(values):
            raise EvaluationError(f"the header {name} has no value {index!r}")
        return values[index]

    return Access(get)


_METADATA: Final = Field(Access(_headers), _header)

REQUEST: Final = {
    "client.addr": Field(Access(_address)),
    "client.metadata": _METADATA,
    "grpc.metadata": _METADATA,
}
"""What follows `otelcol` → the field."""
