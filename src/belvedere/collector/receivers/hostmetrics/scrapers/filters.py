"""Filters of scrapers: which devices, interfaces, mounts or processes are measured."""

from typing import Any, Self

from pydantic import Field, model_validator

from belvedere.collector.component import ComponentConfig
from belvedere.collector.receivers.hostmetrics.scrapers.base import Matches, MatchType, matcher


class Filter(ComponentConfig):
    """A filter; its subclass has a list of names, and says its key."""

    match_type: MatchType = Field(
        "strict", description="Whether names are compared (strict) or expressions (regexp, RE2)."
    )

    @model_validator(mode="after")
    def _valid(self) -> Self:
        self.matches()
        return self

    def names(self) -> list[str]:
        """The list."""
        raise NotImplementedError

    def matches(self) -> Matches:
        """Whether a name is meant.

        Raises:
            ValueError: an expression is none.
        """
        return matcher(self.names(), self.match_type)


class DeviceFilter(Filter):
    """Devices."""

    devices: list[str] = Field(min_length=1, description="Names of devices.")

    def names(self) -> list[str]:
        """The list."""
        return self.devices


class InterfaceFilter(Filter):
    """Network interfaces."""

    interfaces: list[str] = Field(min_length=1, description="Names of interfaces.")

    def names(self) -> list[str]:
        """The list."""
        return self.interfaces


class FsTypeFilter(Filter):
    """Types of filesystems."""

    fs_types: list[str] = Field(min_length=1, description="Types, like ext4.")

    def names(self) -> list[str]:
        """The list."""
        return self.fs_types


class MountPointFilter(Filter):
    """Mount points."""

    mount_points: list[str] = Field(min_length=1, description="Paths of mount points.")

    def names(self) -> list[str]:
        """The list."""
        return self.mount_points


class ProcessFilter(Filter):
    """Processes."""

    names_: list[str] = Field(
        alias="names", min_length=1, description="Names of processes' executables."
    )

    def names(self) -> list[str]:
        """The list."""
        return self.names_


def matches_of(chosen: Filter | None) -> Any:
    """The filter's function; None without a filter."""
    return chosen.matches() if chosen else None
