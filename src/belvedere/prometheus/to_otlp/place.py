"""Where a sample goes: which data point of which metric it is a part of.

`hits_total`, a counter, is a point's value; `latency_bucket{le="1"}` a bucket of one of the
histogram `latency`. Metadata of the scrape decide; a series without is a gauge.
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Final, NamedTuple

from belvedere.prometheus.model import NAME, Labels, Metadata, MetricType

_SCOPE: Final = "otel_scope_"


class Role(Enum):
    """What a sample is of its point."""

    VALUE = auto()
    BUCKET = auto()
    """With the bound `le`, or `quantile` of a summary."""
    SUM = auto()
    COUNT = auto()
    CREATED = auto()
    TARGET_INFO = auto()
    """Its labels are attributes of the resource."""
    SCOPE_INFO = auto()
    """Its labels are attributes of the scope."""


class Target(NamedTuple):
    """What tells resources apart."""

    job: str
    instance: str


class Scope(NamedTuple):
    """An instrumentation scope, from the labels `otel_scope_…`; empty: the series has none."""

    name: str = ""
    version: str = ""
    schema_url: str = ""
    attributes: Labels = ()


@dataclass(frozen=True, slots=True)
class MetricKey:
    """A metric of a resource and scope."""

    target: Target
    scope: Scope
    name: str
    type: MetricType
    metadata: Metadata = field(compare=False)
    """Of the family, whose name may be shorter. Another help or unit is the same metric."""


@dataclass(slots=True, eq=False)
class Stream:
    """The points of a metric with the same attributes, and how the last one was."""

    metric: MetricKey
    attributes: Labels
    prototype: bytes | None = None
    """The serialized point, with attributes alone; None: it was not needed yet."""
    start_ns: int = 0
    """0: no point was seen yet."""
    last: tuple[float, ...] = field(default=())
    """Values that fall only when the stream begins anew."""

    def new_point(self, message_type: Any) -> Any:
        """A data point with the stream's attributes; always of the same type."""
        if self.prototype is None:
            prototype = message_type()
            for key, value in self.attributes:
                prototype.attributes.add(key=key).value.string_value = value
            self.prototype = prototype.SerializeToString()
        return message_type.FromString(self.prototype)


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where the samples of one series go."""

    stream: Stream
    role: Role
    bound: float = 0.0


_SUFFIXES: Final[Mapping[str, Mapping[MetricType, Role]]] = {
    "_total": {MetricType.COUNTER: Role.VALUE},
    "_bucket": {MetricType.HISTOGRAM: Role.BUCKET},
    "_sum": {MetricType.HISTOGRAM: Role.SUM, MetricType.SUMMARY: Role.SUM},
    "_count": {MetricType.HISTOGRAM: Role.COUNT, MetricType.SUMMARY: Role.COUNT},
    "_created": {
        MetricType.COUNTER: Role.CREATED,
        MetricType.HISTOGRAM: Role.CREATED,
        MetricType.SUMMARY: Role.CREATED,
    },
    "_info": {MetricType.INFO: Role.VALUE},
}
_BOUND_LABELS: Final = {MetricType.HISTOGRAM: "le", MetricType.SUMMARY: "quantile"}
_INFOS: Final = {"target_info": Role.TARGET_INFO, "otel_scope_info": Role.SCOPE_INFO}


class Places:
    """Finds places, the same stream for all series of a point."""

    def __init__(self, families: Mapping[str, Metadata], fallback: Target) -> None:
        """By the families of a scrape.

        Args:
            families: by their names; replaced when a later scrape has others.
            fallback: job and instance of series that have none.
        """
        self.families, self._fallback = families, fallback
        self._streams: dict[tuple[MetricKey, Labels], Stream] = {}

    def place(self, labels: Iterable[tuple[str, str]]) -> Place:
        """The place of a series, which has a name."""
        pairs = dict(labels)
        name = pairs.pop(NAME)
        target = Target(
            pairs.pop("job", "") or self._fallback.job,
            pairs.pop("instance", "") or self._fallback.instance,
        )
        scope = _scope(pairs)
        if role := _INFOS.get(name):
            key = MetricKey(target, scope, name, MetricType.INFO, Metadata(name))
            return Place(self._stream(key, pairs), role)
        metadata, role = self._family(name)
        bound = 0.0
        if label := _BOUND_LABELS.get(metadata.type):
            text = pairs.pop(label, "")
            if role is Role.BUCKET:
                try:
                    bound = float(text)
                except ValueError:
                    # It says that it is a part of a point, and not which.
                    metadata, role = Metadata(name), Role.VALUE
        metric_name = _metric_name(name, metadata, role)
        key = MetricKey(target, scope, metric_name, metadata.type, metadata)
        return Place(self._stream(key, pairs), role, bound)

    def keep(self, streams: Container[Stream]) -> None:
        """Forget all other streams, which have ended."""
        self._streams = {key: each for key, each in self._streams.items() if each in streams}

    def __len__(self) -> int:
        """How many streams are known."""
        return len(self._streams)

    def _family(self, name: str) -> tuple[Metadata, Role]:
        exact = self.families.get(name)
        if exact is not None:
            if exact.type is MetricType.SUMMARY:
                return exact, Role.BUCKET
            if exact.type is not MetricType.HISTOGRAM:
                return exact, Role.VALUE
        for suffix, roles in _SUFFIXES.items():
            if name.endswith(suffix):
                found = self.families.get(name.removesuffix(suffix))
                if found and (role := roles.get(found.type)):
                    return found, role
        return Metadata(name), Role.VALUE

    def _stream(self, key: MetricKey, attributes: Mapping[str, str]) -> Stream:
        identity = (key, tuple(sorted(attributes.items())))
        stream = self._streams.get(identity)
        if stream is None:
            stream = self._streams[identity] = Stream(*identity)
        stream.metric = key
        return stream


def family_names(name: str) -> list[str]:
    """The families that a series with this name may belong to."""
    return [
        name,
        *(name.removesuffix(suffix) for suffix in _SUFFIXES if name.endswith(suffix)),
    ]


def _metric_name(name: str, metadata: Metadata, role: Role) -> str:
    """A counter is named after its samples, histograms and summaries after the family."""
    if metadata.type in _BOUND_LABELS and role is not Role.VALUE:
        return metadata.name
    if role is Role.CREATED:
        return f"{metadata.name}_total"
    return name


def _scope(pairs: dict[str, str]) -> Scope:
    """The scope that labels name; they are taken out."""
    if not any(label.startswith(_SCOPE) for label in pairs):
        return Scope()
    found = {
        label.removeprefix(_SCOPE): pairs.pop(label)
        for label in list(pairs)
        if label.startswith(_SCOPE)
    }
    return Scope(
        found.pop("name", ""),
        found.pop("version", ""),
        found.pop("schema_url", ""),
        tuple(sorted(found.items())),
    )
