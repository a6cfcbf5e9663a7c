"""Times of entries: the operator `time_parser`, and the block `timestamp` of parsers."""

from collections.abc import Callable
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, model_validator

from belvedere.collector.component import ComponentConfig
from belvedere.collector.receivers.filelog.entry import Entry
from belvedere.collector.receivers.filelog.fields import FieldPath
from belvedere.collector.receivers.filelog.layouts import ToTime, time_reader
from belvedere.collector.receivers.filelog.operators.base import EachConfig, required


def _location(name: str) -> ZoneInfo | None:
    if name in {"", "Local"}:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone; write one like Europe/Berlin") from error


def _checked(name: str) -> str:
    _location(name)
    return name


Location = Annotated[str, AfterValidator(_checked)]


class TimestampConfig(ComponentConfig):
    """`timestamp` of a parser."""

    parse_from: FieldPath = Field(description="Field with the time.")
    layout_type: Literal["strptime", "gotime", "epoch"] = Field(
        "strptime", description="Kind of the layout: strptime, gotime or epoch."
    )
    layout: str = Field(description="How the time is written: %Y-%m-%dT%H:%M:%S.%L%z.")
    location: Location = Field(
        "Local", description="Time zone of times that say none: Local, UTC or an IANA name."
    )
    time_zone_locations: dict[str, Location] = Field(
        default_factory=dict, description="Abbreviations of zones (%Z) and the IANA names of each."
    )

    @model_validator(mode="after")
    def _readable(self) -> Any:
        self.reader()
        return self

    def reader(self) -> ToTime:
        """What reads such times."""
        zones = {name: _location(zone) for name, zone in self.time_zone_locations.items()}
        known = {name: zone for name, zone in zones.items() if zone}
        return time_reader(self.layout_type, self.layout, _location(self.location), known)

    def worker(self) -> Callable[[Entry], None]:
        """What sets an entry's time."""
        read, field = self.reader(), self.parse_from

        def work(entry: Entry) -> None:
            entry.time_ns = read(required(field, entry))

        return work


class TimeParserConfig(EachConfig, TimestampConfig):
    """`time_parser`: the block as an operator."""

    type: Literal["time_parser"] = Field(description="time_parser.")

    def worker(self) -> Callable[[Entry], None]:
        """What sets an entry's time."""
        return TimestampConfig.worker(self)
