"""What scrapers share: their settings, and filters by name."""

from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar, Literal, Protocol, Self

from pydantic import Field, model_validator

from belvedere.collector.component import ComponentConfig
from belvedere.collector.receivers.hostmetrics.metric import Definition, Measured
from belvedere.collector.regex import compile_regex
from belvedere.collector.tree import nearest


class MetricSettings(ComponentConfig):
    """Settings of one metric."""

    enabled: bool = Field(description="Whether it is measured.")


class ScraperConfig(ComponentConfig):
    """Keys of every scraper."""

    definitions: ClassVar[tuple[Definition, ...]] = ()
    """Its metrics."""

    metrics: dict[str, MetricSettings] = Field(
        default_factory=dict, description="Metrics that are measured other than by default."
    )

    @model_validator(mode="after")
    def _known_metrics(self) -> Self:
        known = [each.name for each in self.definitions]
        for name in self.metrics:
            if name not in known:
                raise ValueError(f"there is no metric {name!r} here; {nearest(name, known)}")
        return self

    def enabled(self) -> Mapping[str, Definition]:
        """The metrics that are measured, by name."""
        return {
            each.name: each
            for each in self.definitions
            if (self.metrics[each.name].enabled if each.name in self.metrics else each.is_enabled)
        }

    def build(self) -> "Scraper":
        """The scraper."""
        raise NotImplementedError


class Scraper(Protocol):
    """Measures. Called in a thread, one call at a time."""

    def scrape(self, wanted: Mapping[str, Definition]) -> Iterable[Measured]:
        """The values now; those that are not wanted need not be among them.

        Raises:
            OSError: the machine does not tell.
            psutil.Error: the same.
        """
        ...


MatchType = Literal["strict", "regexp"]
Matches = Callable[[str], bool]


def matcher(names: list[str], match_type: MatchType) -> Matches:
    """Whether a name is one of `names`, or is matched by one of these expressions."""
    if match_type == "strict":
        chosen = frozenset(names)
        return lambda name: name in chosen
    searches = [compile_regex(name).search for name in names]
    return lambda name: any(search(name) is not None for search in searches)


def passes(include: Matches | None, exclude: Matches | None) -> Matches:
    """Whether a name is included (all are, without `include`) and not excluded."""
    return lambda name: (
        (include is None or include(name)) and not (exclude is not None and exclude(name))
    )
