"""`extract`: the attributes that follow from a pod, and from what it belongs to."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from belvedere.collector.processors.k8s_attributes.cluster import Cluster
from belvedere.collector.processors.k8s_attributes.config import Extract, FieldRule
from belvedere.collector.processors.k8s_attributes.fields import Fields
from belvedere.collector.processors.k8s_attributes.image import Image, repo_digest
from belvedere.collector.processors.k8s_attributes.objects import Container, Meta, Pod, Run

_OF_POD: Final[Mapping[str, Callable[[Pod], str]]] = {
    "k8s.namespace.name": lambda pod: pod.meta.namespace,
    "k8s.pod.name": lambda pod: pod.meta.name,
    "k8s.pod.uid": lambda pod: pod.meta.uid,
    "k8s.pod.start_time": lambda pod: pod.meta.created,
    "k8s.pod.hostname": lambda pod: pod.hostname,
    "k8s.pod.ip": lambda pod: pod.ip,
    "k8s.node.name": lambda pod: pod.node,
    "service.namespace": lambda pod: pod.meta.namespace,
    "service.version": lambda pod: pod.meta.labels.get("app.kubernetes.io/version", ""),
}
_OWNERS: Final = {
    "ReplicaSet": "k8s.replicaset",
    "DaemonSet": "k8s.daemonset",
    "StatefulSet": "k8s.statefulset",
    "Job": "k8s.job",
}
"""Kind of an owner → the attributes of its name and uid, without `.name` and `.uid`."""
_FROM: Final = {
    "namespace": "Namespace",
    "node": "Node",
    "deployment": "Deployment",
    "statefulset": "StatefulSet",
    "daemonset": "DaemonSet",
    "job": "Job",
}
"""`from` of a rule → kind."""
_REPLICA_SET: Final = re.compile(r"(.+)-[a-z0-9]{6,10}")
_CRON_JOB: Final = re.compile(r"(.*)-\d+")
_OTEL_ANNOTATIONS: Final = FieldRule.model_validate(
    {"tag_name": "$1", "key_regex": r"resource\.opentelemetry\.io/(.+)"}
)
_SYSTEM_NAMESPACE: Final = "kube-system"
"""The one whose uid stands for the cluster's."""


class Rules:
    """What to extract."""

    def __init__(self, extract: Extract) -> None:
        self._wanted = frozenset(extract.metadata)
        self._by_replica_set_name = extract.deployment_name_from_replicaset
        annotations = extract.annotations
        if extract.otel_annotations:
            annotations = (*annotations, _OTEL_ANNOTATIONS)
        self._fields = {
            kind: (
                Fields(extract.labels, of, "labels"),
                Fields(annotations, of, "annotations"),
            )
            for of, kind in {"pod": "Pod", **_FROM}.items()
        }

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of objects, beside pods, that have to be known."""
        kinds = {kind for kind in _FROM.values() if any(self._fields[kind])}
        if "Deployment" in kinds or "k8s.deployment.uid" in self._wanted:
            kinds.add("ReplicaSet")
        if not self._by_replica_set_name and {"k8s.deployment.name", "service.name"} & self._wanted:
            kinds.add("ReplicaSet")
        if "k8s.cronjob.uid" in self._wanted:
            kinds.add("Job")
        if "k8s.cluster.uid" in self._wanted:
            kinds.add("Namespace")
        if "k8s.node.uid" in self._wanted:
            kinds.add("Node")
        return frozenset(kinds)

    @property
    def system_namespace_only(self) -> str:
        """The namespace that alone has to be known, if that is so."""
        return "" if any(self._fields["Namespace"]) else _SYSTEM_NAMESPACE

    def of_pod(self, pod: Pod, cluster: Cluster) -> dict[str, str]:
        """Attributes of a pod and of its owners."""
        found = {name: of(pod) for name, of in _OF_POD.items()}
        for kind, prefix in _OWNERS.items():
            if owner := pod.meta.owner(kind):
                found[f"{prefix}.name"], found[f"{prefix}.uid"] = owner.name, owner.uid
        found |= self._of_controllers(pod.meta, cluster)
        if system := cluster.other("Namespace", _SYSTEM_NAMESPACE):
            found["k8s.cluster.uid"] = system.uid
        found["service.name"] = _service_name(pod, found)
        attributes = {name: found[name] for name in self._wanted if found.get(name)}
        attributes.update(self._of_fields("Pod", pod.meta))
        return attributes

    def of_surroundings(
        self, pod: Pod | None, given: Mapping[str, str], cluster: Cluster
    ) -> dict[str, str]:
        """Attributes of namespace, node and owners: the pod's, or those that a resource names."""
        found: dict[str, str] = {}
        namespace = (pod and pod.meta.namespace) or given.get("k8s.namespace.name", "")
        if namespace and "service.namespace" in self._wanted:
            found["service.namespace"] = namespace
        node = (pod and pod.node) or given.get("k8s.node.name", "")
        keys = {"Namespace": namespace, "Node": node}
        keys["Deployment"] = given.get("k8s.deployment.uid", "")
        if pod and (deployment := self._deployment(pod.meta, cluster)):
            keys["Deployment"] = deployment[1]
        for kind in ("StatefulSet", "DaemonSet", "Job"):
            owner = pod.meta.owner(kind) if pod else None
            keys[kind] = owner.uid if owner else given.get(f"{_OWNERS[kind]}.uid", "")
        for kind, key in keys.items():
            if meta := cluster.other(kind, key):
                found.update(self._of_fields(kind, meta))
                if kind == "Node" and "k8s.node.uid" in self._wanted:
                    found["k8s.node.uid"] = meta.uid
        return found

    def of_container(self, pod: Pod, given: Mapping[str, Any]) -> dict[str, Any]:
        """Attributes of the container that a resource names, or of the only one there is."""
        container = _container(pod, given)
        if container is None:
            return {}
        image = Image.of(container.image)
        found: dict[str, Any] = {"k8s.container.name": container.name}
        if container.image:
            found["container.image.name"] = image.name
            found["container.image.tag"] = image.tag or "latest"
            found["service.version"] = image.version
        if container.runs:
            parts = (pod.meta.namespace, pod.meta.name, container.name)
            found["service.instance.id"] = ".".join(parts)
        if run := _run(container, given):
            found["container.id"] = run.container_id
            if digest := repo_digest(run.image_id):
                found["container.image.repo_digests"] = [digest]
        return {name: value for name, value in found.items() if value and name in self._wanted}

    def _of_fields(self, kind: str, meta: Meta) -> dict[str, str]:
        labels, annotations = self._fields[kind]
        return {
            **dict(labels.extract(meta.labels)),
            **dict(annotations.extract(meta.annotations)),
        }

    def _of_controllers(self, meta: Meta, cluster: Cluster) -> dict[str, str]:
        """Of what the pod's owners belong to."""
        found: dict[str, str] = {}
        if deployment := self._deployment(meta, cluster):
            found["k8s.deployment.name"], found["k8s.deployment.uid"] = deployment
        if owner := meta.owner("Job"):
            if match := _CRON_JOB.fullmatch(owner.name):
                found["k8s.cronjob.name"] = match[1]
            job = cluster.other("Job", owner.uid)
            if job and (cron_job := job.controller("CronJob")):
                found["k8s.cronjob.uid"] = cron_job.uid
        return found

    def _deployment(self, meta: Meta, cluster: Cluster) -> tuple[str, str] | None:
        """Name and uid; either may be empty."""
        owner = meta.owner("ReplicaSet")
        if owner is None:
            return None
        replica_set = cluster.other("ReplicaSet", owner.uid)
        deployment = replica_set.controller("Deployment") if replica_set else None
        name, uid = (deployment.name, deployment.uid) if deployment else ("", "")
        if self._by_replica_set_name:
            match = _REPLICA_SET.fullmatch(owner.name)
            name = match[1] if match else ""
        return name, uid


def _service_name(pod: Pod, found: Mapping[str, str]) -> str:
    """By OpenTelemetry's recommendation for Kubernetes."""
    labels = pod.meta.labels
    candidates = (
        labels.get("app.kubernetes.io/instance"),
        labels.get("app.kubernetes.io/name"),
        found.get("k8s.deployment.name"),
        found.get("k8s.replicaset.name"),
        found.get("k8s.statefulset.name"),
        found.get("k8s.daemonset.name"),
        found.get("k8s.cronjob.name"),
        found.get("k8s.job.name"),
        pod.meta.name,
    )
    return next((each for each in candidates if each), "")


def _container(pod: Pod, given: Mapping[str, Any]) -> Container | None:
    if name := given.get("k8s.container.name"):
        candidates = [each for each in pod.containers if each.name == name]
    elif container_id := given.get("container.id"):
        candidates = [
            each
            for each in pod.containers
            if any(run.container_id == container_id for run in each.runs)
        ]
    else:
        candidates = [each for each in pod.containers if each.runs] or list(pod.containers)
    return candidates[0] if len(candidates) == 1 else None


def _run(container: Container, given: Mapping[str, Any]) -> Run | None:
    """The run with the restart count that the resource names, or else the last one."""
    count = given.get("k8s.container.restart_count")
    if count is None:
        return max(container.runs, key=lambda run: run.restart_count, default=None)
    return next((run for run in container.runs if str(run.restart_count) == str(count)), None)
