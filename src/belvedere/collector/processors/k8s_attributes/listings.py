"""What is asked of the Kubernetes API."""

import os
from collections.abc import Mapping
from typing import Any, Final

from belvedere.collector.errors import ConfigError
from belvedere.collector.processors.k8s_attributes.api.reflector import Listing
from belvedere.collector.processors.k8s_attributes.cluster import Cluster
from belvedere.collector.processors.k8s_attributes.config import Filter
from belvedere.collector.processors.k8s_attributes.rules import Rules

_GROUPS: Final = {
    "Namespace": ("/api/v1", "namespaces"),
    "Node": ("/api/v1", "nodes"),
    "Deployment": ("/apis/apps/v1", "deployments"),
    "ReplicaSet": ("/apis/apps/v1", "replicasets"),
    "StatefulSet": ("/apis/apps/v1", "statefulsets"),
    "DaemonSet": ("/apis/apps/v1", "daemonsets"),
    "Job": ("/apis/batch/v1", "jobs"),
}
"""Kind → API group, name in paths."""
_OF_CLUSTER: Final = frozenset({"Namespace", "Node"})
_FIELD_OPS: Final = {"": "=", "equals": "=", "not-equals": "!="}
_LABEL_OPS: Final = {
    **{op: f"{{key}}{sign}{{value}}" for op, sign in _FIELD_OPS.items()},
    "exists": "{key}",
    "does-not-exist": "!{key}",
}


def listings(filter_: Filter, rules: Rules, cluster: Cluster) -> tuple[list[Listing], Listing]:
    """What pods refer to, and the pods, which are to be listed when the others are known.

    Raises:
        ConfigError: the environment variable that should name the node is not set.
    """
    node = _node(filter_)
    fields = [f"{each.key}{_FIELD_OPS[each.op]}{each.value}" for each in filter_.fields]
    labels = [_LABEL_OPS[each.op].format(key=each.key, value=each.value) for each in filter_.labels]
    if node:
        fields.append(f"spec.nodeName={node}")
    selectors = {"fieldSelector": ",".join(fields), "labelSelector": ",".join(labels)}
    pods = Listing(
        _path("/api/v1", "pods", filter_.namespace),
        {name: selector for name, selector in selectors.items() if selector},
        cluster.replace_pods,
        cluster.update_pod,
        cluster.delete_pod,
    )
    names = {"Namespace": rules.system_namespace_only, "Node": node}
    others = [
        _other(kind, filter_.namespace, names.get(kind, ""), cluster)
        for kind in sorted(rules.kinds)
    ]
    return others, pods


def _other(kind: str, namespace: str, name: str, cluster: Cluster) -> Listing:
    group, plural = _GROUPS[kind]

    def replace(described: list[Any]) -> None:
        cluster.replace_others(kind, described)

    def update(described: Any) -> None:
        cluster.update_other(kind, described)

    def delete(described: Any) -> None:
        cluster.delete_other(kind, described)

    parameters: Mapping[str, str] = {"fieldSelector": f"metadata.name={name}"} if name else {}
    path = _path(group, plural, "" if kind in _OF_CLUSTER else namespace)
    return Listing(path, parameters, replace, update, delete)


def _path(group: str, plural: str, namespace: str) -> str:
    return f"{group}/namespaces/{namespace}/{plural}" if namespace else f"{group}/{plural}"


def _node(filter_: Filter) -> str:
    variable = filter_.node_from_env_var
    if not variable:
        return filter_.node
    if variable not in os.environ:
        raise ConfigError(
            f"filter::node_from_env_var: the environment variable {variable} is not set",
            hint="set it from spec.nodeName by the downward API",
        )
    return os.environ[variable]
