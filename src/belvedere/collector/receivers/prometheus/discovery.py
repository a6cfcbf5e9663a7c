"""Where targets come from: the configuration, and files that are watched."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import structlog
import yaml
from pydantic import TypeAdapter, ValidationError

from belvedere.collector.receivers.prometheus.scrape_config import FileSdConfig, StaticConfig

log = structlog.get_logger(__name__)

_GROUPS = TypeAdapter(list[StaticConfig])


@dataclass(slots=True)
class _File:
    changed_ns: int
    read_s: float
    groups: list[StaticConfig] = field(default_factory=list)


class FileDiscovery:
    """The groups in the files of one `file_sd_configs` entry.

    A file that cannot be read keeps the targets that it had, with an error in the log.
    """

    def __init__(self, config: FileSdConfig) -> None:
        """Nothing was read yet."""
        self._config = config
        self._files: dict[Path, _File] = {}

    def groups(self, now_s: float) -> Iterator[dict[str, str]]:
        """The labels of all targets. Files are read where they changed, or it is time to."""
        present = [path for name in self._config.files for path in _paths(name)]
        self._files = {path: each for path, each in self._files.items() if path in present}
        for path in present:
            self._refresh(path, now_s)
            known = self._files.get(path)
            for group in known.groups if known else ():
                yield from labels_of_group(group, {"__meta_filepath": str(path)})

    def _refresh(self, path: Path, now_s: float) -> None:
        known, changed_ns = self._files.get(path), _changed_ns(path)
        if (
            known
            and known.changed_ns == changed_ns
            and now_s - known.read_s < self._config.refresh_interval
        ):
            return
        groups, error = _read(path)
        if error:
            log.error("targets_not_read", file=str(path), error=error)
            groups = known.groups if known else []
        self._files[path] = _File(changed_ns, now_s, groups)


def labels_of_group(group: StaticConfig, more: dict[str, str]) -> Iterator[dict[str, str]]:
    """The labels of each target of a group."""
    for address in group.targets:
        yield {**more, **group.labels, "__address__": address}


def _read(path: Path) -> tuple[list[StaticConfig], str]:
    """The groups of a file, and why they cannot be had."""
    try:
        # JSON is YAML, and so is read the same way.
        return _GROUPS.validate_python(yaml.safe_load(path.read_text(encoding="utf-8")) or []), ""
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        return [], f"{where}: {first['msg']}"
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        return [], str(error)


def _changed_ns(path: Path) -> int:
    """When a file changed; 0: it is not there."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _paths(name: str) -> list[Path]:
    path = Path(name)
    return sorted(each for each in path.parent.glob(path.name) if each.is_file())
