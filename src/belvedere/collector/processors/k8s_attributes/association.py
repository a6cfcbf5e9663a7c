"""Which pod a resource comes from: how resources name pods, and how pods can be named."""

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Final

from belvedere.collector.processors.k8s_attributes.config import Association, Source
from belvedere.collector.processors.k8s_attributes.objects import Identifier, Pod

POD_IP: Final = "k8s.pod.ip"
_OLD_POD_IP: Final = "ip"
_HOST_NAME: Final = "host.name"
_CONTAINER_ID: Final = "container.id"
_CONNECTION: Final = "connection"
_ATTRIBUTE: Final = "resource_attribute"


class Associations:
    """`pod_association`."""

    def __init__(self, associations: Sequence[Association]) -> None:
        self._associations = associations

    def of_resource(self, attributes: Mapping[str, str], client: str) -> Identifier | None:
        """How a resource names its pod: by the first association whose sources are all there.

        Args:
            attributes: those of the resource that are texts.
            client: the address that the resource was sent from; empty: unknown.
        """
        if not self._associations:
            return _by_any_address(attributes, client)
        for association in self._associations:
            parts = []
            for source in association.sources:
                value = client if source.from_ == _CONNECTION else attributes.get(source.name, "")
                if source.name == _HOST_NAME and not _is_address(value):
                    value = ""
                parts.append((source.from_, source.name, value))
            if all(value for _, _, value in parts):
                return tuple(parts)
        return None

    def of_pod(self, pod: Pod, attributes: Callable[[], Mapping[str, str]]) -> set[Identifier]:
        """All ways in which a resource may name that pod; `attributes` are those it would get."""
        identifiers: set[Identifier] = set()
        for association in self._associations:
            parts = [
                [(source.from_, source.name, value) for value in _values(source, pod, attributes)]
                for source in association.sources
            ]
            identifiers.update(product(*parts))
        if pod.meta.uid:
            identifiers.add(((_ATTRIBUTE, "k8s.pod.uid", pod.meta.uid),))
        if pod.ip and not pod.host_network:
            identifiers.add(((_CONNECTION, "", pod.ip),))
            identifiers.add(((_ATTRIBUTE, POD_IP, pod.ip),))
        return identifiers


def connection_of(identifier: Identifier | None) -> str:
    """The address in an identifier; empty: it has none."""
    return next((value for source, _, value in identifier or () if source == _CONNECTION), "")


def _by_any_address(attributes: Mapping[str, str], client: str) -> Identifier | None:
    host = attributes.get(_HOST_NAME, "")
    found = (
        attributes.get(POD_IP)
        or attributes.get(_OLD_POD_IP)
        or client
        or (host if _is_address(host) else "")
    )
    return ((_CONNECTION, "", found),) if found else None


def _values(source: Source, pod: Pod, attributes: Callable[[], Mapping[str, str]]) -> Sequence[str]:
    """What the source may say of resources of that pod.

    Pods of the host's network share its address, so that does not tell them apart.
    """
    if source.from_ == _CONNECTION:
        found = "" if pod.host_network else pod.ip
    elif source.name == _CONTAINER_ID:
        return [run.container_id for each in pod.containers for run in each.runs]
    else:
        known = {
            "k8s.namespace.name": pod.meta.namespace,
            "k8s.pod.name": pod.meta.name,
            "k8s.pod.uid": pod.meta.uid,
            _HOST_NAME: pod.ip,
            POD_IP: pod.ip,
        }
        found = known[source.name] if source.name in known else attributes().get(source.name, "")
    return [found] if found else []


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
