"""What is kept of the API's objects: as little as attributes may be made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self, TypeAlias

Identifier: TypeAlias = tuple[tuple[str, str, str], ...]
"""How a pod is recognized: the source, its name, and its value, of up to four properties."""

IGNORE_ANNOTATION: Final = "opentelemetry.io/k8s-processor/ignore"


@dataclass(frozen=True, slots=True)
class Owner:
    """A reference to what an object belongs to."""

    kind: str
    name: str
    uid: str
    controls: bool


@dataclass(frozen=True, slots=True)
class Meta:
    """What every object has. Of most kinds, nothing else is kept."""

    name: str
    namespace: str
    uid: str
    created: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    owners: tuple[Owner, ...]

    @classmethod
    def of(cls, described: Any) -> Self:
        """From the API's JSON."""
        meta = described.get("metadata") or {}
        return cls(
            meta.get("name", ""),
            meta.get("namespace", ""),
            meta.get("uid", ""),
            meta.get("creationTimestamp") or "",
            meta.get("labels") or {},
            meta.get("annotations") or {},
            tuple(
                Owner(
                    each.get("kind", ""),
                    each.get("name", ""),
                    each.get("uid", ""),
                    bool(each.get("controller")),
                )
                for each in meta.get("ownerReferences") or ()
            ),
        )

    def owner(self, kind: str) -> Owner | None:
        """The owner of that kind."""
        return next((each for each in self.owners if each.kind == kind), None)

    def controller(self, kind: str) -> Owner | None:
        """The owner of that kind, if it controls this."""
        owner = self.owner(kind)
        return owner if owner and owner.controls else None


@dataclass(frozen=True, slots=True)
class Run:
    """A container that was started."""

    restart_count: int
    container_id: str
    image_id: str


@dataclass(frozen=True, slots=True)
class Container:
    """A container of a pod, also an init container."""

    name: str
    image: str
    runs: tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod."""

    meta: Meta
    ip: str
    host_network: bool
    node: str
    hostname: str
    started: str
    containers: tuple[Container, ...]

    @classmethod
    def of(cls, described: Any) -> Self:
        """From the API's JSON."""
        spec, status = described.get("spec") or {}, described.get("status") or {}
        return cls(
            Meta.of(described),
            status.get("podIP", ""),
            bool(spec.get("hostNetwork")),
            spec.get("nodeName", ""),
            spec.get("hostname", ""),
            status.get("startTime") or "",
            _containers(spec, status),
        )

    @property
    def asks_to_be_ignored(self) -> bool:
        """Whether its annotation says so."""
        return self.meta.annotations.get(IGNORE_ANNOTATION, "").strip().lower() == "true"


def _containers(spec: Any, status: Any) -> tuple[Container, ...]:
    runs: dict[str, list[Run]] = {}
    for key in ("containerStatuses", "initContainerStatuses"):
        for each in status.get(key) or ():
            _, _, container_id = each.get("containerID", "").rpartition("://")
            run = Run(each.get("restartCount", 0), container_id, each.get("imageID", ""))
            runs.setdefault(each.get("name", ""), []).append(run)
    images = {
        each.get("name", ""): each.get("image", "")
        for key in ("containers", "initContainers")
        for each in spec.get(key) or ()
    }
    return tuple(
        Container(name, images.get(name, ""), tuple(runs.get(name, ())))
        for name in dict.fromkeys((*images, *runs))
    )
