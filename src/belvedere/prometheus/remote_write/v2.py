"""Remote write 2.0: `io.prometheus.write.v2.Request`, where each text stands once in a table."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from google.protobuf.message import DecodeError

from belvedere.prometheus.errors import MalformedError
from belvedere.prometheus.model import NAME, Exemplar, Labels, Metadata, Series
from belvedere.prometheus.remote_write.histogram import read_histogram, write_histogram
from belvedere.prometheus.remote_write.messages import Request
from belvedere.prometheus.remote_write.v1 import TYPE_NUMBERS, checked_labels, type_of

CONTENT_TYPE: Final = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
VERSION: Final = "2.0.0"
"""Of the header `X-Prometheus-Remote-Write-Version`."""


def encode(series: Iterable[Series]) -> bytes:
    """A request, uncompressed. Series and samples stay in their order."""
    request = Request()
    symbols = {"": 0}

    def reference(text: str) -> int:
        return symbols.setdefault(text, len(symbols))

    def references(labels: Labels) -> list[int]:
        return [reference(text) for pair in labels for text in pair]

    for each in series:
        message = request.timeseries.add(
            labels_refs=references(each.labels), created_timestamp=each.created_ms
        )
        for time_ms, value in each.samples:
            message.samples.add(value=value, timestamp=time_ms)
        for time_ms, histogram in each.histograms:
            write_histogram(message.histograms.add(), time_ms, histogram)
        for exemplar in each.exemplars:
            message.exemplars.add(
                labels_refs=references(exemplar.labels),
                value=exemplar.value,
                timestamp=exemplar.time_ms,
            )
        if each.metadata:
            message.metadata.type = TYPE_NUMBERS[each.metadata.type]
            message.metadata.help_ref = reference(each.metadata.help)
            message.metadata.unit_ref = reference(each.metadata.unit)
    request.symbols.extend(symbols)
    data: bytes = request.SerializeToString()
    return data


def decode(data: bytes) -> list[Series]:
    """The series of a request; metadata carry the series' name, as the message has no family's.

    Raises:
        MalformedError: the bytes are no such request.
    """
    try:
        request = Request.FromString(data)
    except (DecodeError, UnicodeDecodeError) as error:
        raise MalformedError(f"the body is no io.prometheus.write.v2.Request: {error}") from None
    symbols: Sequence[str] = list(request.symbols)
    if symbols[:1] != [""]:
        raise MalformedError("the symbols of a request must begin with the empty text")
    return [_series(message, symbols) for message in request.timeseries]


def _series(message: Any, symbols: Sequence[str]) -> Series:
    labels = _labels(message.labels_refs, symbols)
    name = next((value for key, value in labels if key == NAME), "")
    series = Series(
        labels,
        Metadata(
            name,
            type_of(message.metadata.type),
            _symbol(message.metadata.help_ref, symbols),
            _symbol(message.metadata.unit_ref, symbols),
        ),
        samples=[(sample.timestamp, sample.value) for sample in message.samples],
        histograms=[read_histogram(histogram) for histogram in message.histograms],
        exemplars=[
            Exemplar(_labels(each.labels_refs, symbols), each.value, each.timestamp)
            for each in message.exemplars
        ],
        created_ms=message.created_timestamp or _start_ms(message),
    )
    if series.samples and series.histograms:
        raise MalformedError(f"series {name!r} has both samples and histograms")
    return series


def _start_ms(message: Any) -> int:
    """Newer senders say it with each sample; the first one's counts."""
    for each in (*message.samples[:1], *message.histograms[:1]):
        start_ms: int = each.start_timestamp
        return start_ms
    return 0


def _labels(references: Sequence[int], symbols: Sequence[str]) -> Labels:
    if len(references) % 2:
        raise MalformedError("a series has a label without a value")
    texts = [_symbol(each, symbols) for each in references]
    return checked_labels(list(zip(texts[::2], texts[1::2], strict=True)))


def _symbol(reference: int, symbols: Sequence[str]) -> str:
    if reference >= len(symbols):
        raise MalformedError(f"there is no symbol {reference}: the table has {len(symbols)}")
    return symbols[reference]
