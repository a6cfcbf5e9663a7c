"""What a scrape is written from, and in which format."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto

from belvedere.prometheus.from_otlp.point import Point
from belvedere.prometheus.model import Metadata


@dataclass(frozen=True, slots=True)
class Family:
    """Points of one name and type."""

    metadata: Metadata
    points: tuple[Point, ...]


class Format(Enum):
    """A format of scrapes."""

    TEXT = auto()
    OPENMETRICS = auto()
    PROTOBUF = auto()


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a scraper takes."""

    format: Format = Format.TEXT
    utf8_names: bool = False
    """Whether names may have any character; else those become underscores."""


def negotiate(accept: str, offered: Iterable[Format]) -> Accepted:
    """What of the offered an `Accept` header likes best; text 0.0.4 where it likes none of them.

    >>> negotiate("application/openmetrics-text;version=1.0.0,text/plain;q=0.5", Format).format
    <Format.OPENMETRICS: 2>
    """
    ranges = [_Range.read(each) for each in accept.split(",")]
    formats = set(offered)
    for each in sorted(ranges, key=lambda range_: -range_.quality):
        found = each.format
        if found in formats and each.quality > 0:
            utf8 = each.parameters.get("escaping") == "allow-utf-8"
            return Accepted(found, utf8_names=utf8)
    return Accepted()


@dataclass(frozen=True, slots=True)
class _Range:
    media_type: str
    parameters: dict[str, str]
    quality: float

    @classmethod
    def read(cls, text: str) -> "_Range":
        media_type, *rest = (part.strip() for part in text.split(";"))
        pairs = (part.partition("=") for part in rest)
        parameters = {key.strip(): value.strip().strip('"') for key, _, value in pairs}
        try:
            quality = float(parameters.pop("q", "1"))
        except ValueError:
            quality = 0.0
        return cls(media_type.lower(), parameters, quality)

    @property
    def format(self) -> Format | None:
        parameters = self.parameters
        if self.media_type == "text/plain" and parameters.get("version", "0.0.4") == "0.0.4":
            return Format.TEXT
        versions = ("", "0.0.1", "1.0.0")
        if self.media_type == "application/openmetrics-text":
            return Format.OPENMETRICS if parameters.get("version", "") in versions else None
        if self.media_type == "application/vnd.google.protobuf":
            wanted = {"proto": "io.prometheus.client.MetricFamily", "encoding": "delimited"}
            is_ours = wanted.items() <= parameters.items()
            return Format.PROTOBUF if is_ours else None
        return None
