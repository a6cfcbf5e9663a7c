"""What is known of the cluster."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from belvedere.collector.processors.k8s_attributes import telemetry
from belvedere.collector.processors.k8s_attributes.objects import Identifier, Meta, Pod

_GRACE_S: Final = 120.0
"""How long a pod that was deleted is still recognized: its last telemetry is on the way."""
BY_NAME: Final = frozenset({"Namespace", "Node"})
"""The kinds that are looked up by name; others are by uid."""


class Cluster:
    """Pods by how they are recognized, and the objects that they refer to."""

    def __init__(
        self,
        identify: Callable[[Pod, "Cluster"], set[Identifier]],
        now_s: Callable[[], float],
    ) -> None:
        """An empty cluster.

        Args:
            identify: the identifiers by which a pod is recognized.
            now_s: a clock.
        """
        self._identify, self._now_s = identify, now_s
        self._pods: dict[str, Pod] = {}
        self._identified: dict[Identifier, Pod] = {}
        self._identifiers: dict[str, set[Identifier]] = {}
        """Of each pod, by uid."""
        self._deleted: deque[tuple[float, str]] = deque()
        """When to forget which pod."""
        self._others: dict[str, dict[str, Meta]] = {}
        self.version = 0
        """Another one after each change that attributes may depend on."""

    def pod(self, identifier: Identifier) -> Pod | None:
        """The pod that is recognized so."""
        self._forget_deleted()
        pod = self._identified.get(identifier)
        if pod is None:
            telemetry.LOOKUP_MISS.inc()
        return pod

    def other(self, kind: str, key: str) -> Meta | None:
        """A namespace or node by name, another object by uid."""
        return self._others.get(kind, {}).get(key)

    def replace_pods(self, described: list[Any]) -> None:
        """All pods anew."""
        pods = {pod.meta.uid: pod for pod in map(Pod.of, described)}
        for uid in self._pods.keys() - pods.keys():
            self._delete_later(uid)
        for pod in pods.values():
            self._put_pod(pod)

    def update_pod(self, described: Any) -> None:
        self._put_pod(Pod.of(described))

    def delete_pod(self, described: Any) -> None:
        uid = Meta.of(described).uid
        if uid in self._pods:
            telemetry.POD_DELETED.inc()
            self._delete_later(uid)

    def replace_others(self, kind: str, described: list[Any]) -> None:
        """All objects of a kind anew."""
        metas = map(Meta.of, described)
        self._put_others(kind, {_key(kind, meta): meta for meta in metas})

    def update_other(self, kind: str, described: Any) -> None:
        meta = Meta.of(described)
        before = self._others.setdefault(kind, {}).get(_key(kind, meta))
        if meta != before:
            self._others[kind][_key(kind, meta)] = meta
            self.version += 1

    def delete_other(self, kind: str, described: Any) -> None:
        if self._others.get(kind, {}).pop(_key(kind, Meta.of(described)), None):
            self.version += 1

    def _put_others(self, kind: str, others: Mapping[str, Meta]) -> None:
        if self._others.get(kind) != others:
            self._others[kind] = dict(others)
            self.version += 1

    def _put_pod(self, pod: Pod) -> None:
        uid = pod.meta.uid
        before = self._pods.get(uid)
        if before == pod:
            return
        (telemetry.POD_UPDATED if before else telemetry.POD_ADDED).inc()
        self._pods[uid] = pod
        identifiers = self._identify(pod, self)
        for identifier in self._identifiers.get(uid, set()) - identifiers:
            self._unidentify(identifier, uid)
        for identifier in identifiers:
            holder = self._identified.get(identifier)
            # The same address may be told of an older pod after it was given to a newer one.
            if holder is None or holder.meta.uid == uid or pod.started >= holder.started:
                self._identified[identifier] = pod
        self._identifiers[uid] = identifiers
        telemetry.POD_TABLE_SIZE.set(len(self._identified))

    def _delete_later(self, uid: str) -> None:
        self._deleted.append((self._now_s() + _GRACE_S, uid))
        del self._pods[uid]

    def _forget_deleted(self) -> None:
        while self._deleted and self._deleted[0][0] <= self._now_s():
            _, uid = self._deleted.popleft()
            if uid not in self._pods:
                for identifier in self._identifiers.pop(uid, set()):
                    self._unidentify(identifier, uid)
        telemetry.POD_TABLE_SIZE.set(len(self._identified))

    def _unidentify(self, identifier: Identifier, uid: str) -> None:
        holder = self._identified.get(identifier)
        if holder is not None and holder.meta.uid == uid:
            del self._identified[identifier]


def _key(kind: str, meta: Meta) -> str:
    return meta.name if kind in BY_NAME else meta.uid
