"""The configuration of `k8s_attributes`."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from belvedere.collector.component import ComponentConfig
from belvedere.collector.duration import Duration
from belvedere.collector.non_empty import NonEmpty
from belvedere.collector.regex import RegexText

DEFAULT_METADATA: Final = (
    "k8s.namespace.name",
    "k8s.pod.name",
    "k8s.pod.uid",
    "k8s.pod.start_time",
    "k8s.deployment.name",
    "k8s.node.name",
)
METADATA: Final = (
    *DEFAULT_METADATA,
    "k8s.pod.hostname",
    "k8s.pod.ip",
    "k8s.deployment.uid",
    "k8s.replicaset.name",
    "k8s.replicaset.uid",
    "k8s.daemonset.name",
    "k8s.daemonset.uid",
    "k8s.statefulset.name",
    "k8s.statefulset.uid",
    "k8s.job.name",
    "k8s.job.uid",
    "k8s.cronjob.name",
    "k8s.cronjob.uid",
    "k8s.node.uid",
    "k8s.cluster.uid",
    "k8s.container.name",
    "container.id",
    "container.image.name",
    "container.image.tag",
    "container.image.repo_digests",
    "service.namespace",
    "service.name",
    "service.version",
    "service.instance.id",
)
_MAX_SOURCES: Final = 4


def _known(name: str) -> str:
    if name not in METADATA:
        raise ValueError(f"{name!r} is none of the metadata {', '.join(METADATA)}")
    return name


class FieldRule(ComponentConfig):
    """An entry of `labels` or `annotations`."""

    unsupported: ClassVar[Mapping[str, str]] = {
        "regex": "the Collector has removed it: take a part of the value by ExtractPatterns in the"
        " processor transform"
    }

    tag_name: str = Field(
        "",
        description="The attribute; with key_regex, $1 and so on stand for its groups. Without a"
        " name: k8s.pod.labels.KEY and the like.",
    )
    key: str = Field("", description="The label's or annotation's key.")
    key_regex: RegexText = Field("", description="An expression for whole keys, instead of key.")
    from_: Literal["pod", "namespace", "node", "deployment", "statefulset", "daemonset", "job"] = (
        Field("pod", alias="from", description="What has the label or annotation.")
    )

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if bool(self.key) == bool(self.key_regex):
            raise ValueError("one of key and key_regex is required, and not both")
        return self


class Extract(ComponentConfig):
    """`extract`: what becomes attributes."""

    metadata: tuple[Annotated[str, AfterValidator(_known)], ...] = Field(
        DEFAULT_METADATA, description="Attributes of the pod, its owners, node and container."
    )
    labels: tuple[FieldRule, ...] = Field((), description="Labels that become attributes.")
    annotations: tuple[FieldRule, ...] = Field(
        (), description="Annotations that become attributes."
    )
    otel_annotations: bool = Field(
        False, description="Whether pod annotations resource.opentelemetry.io/NAME become NAME."
    )
    deployment_name_from_replicaset: bool = Field(
        False, description="Whether deployments are named after replica sets, which are not asked."
    )


class FieldFilter(ComponentConfig):
    """An entry of `filter::fields`."""

    key: str = Field(min_length=1, description="The field, such as status.phase.")
    value: str = Field("", description="Its value.")
    op: Literal["", "equals", "not-equals"] = Field("", description="How they compare; equals.")


class LabelFilter(ComponentConfig):
    """An entry of `filter::labels`."""

    key: str = Field(min_length=1, description="The label.")
    value: str = Field("", description="Its value.")
    op: Literal["", "equals", "not-equals", "exists", "does-not-exist"] = Field(
        "", description="How they compare; equals."
    )


class Filter(ComponentConfig):
    """`filter`: which pods are asked for."""

    node: str = Field("", description="Pods of this node only.")
    node_from_env_var: str = Field(
        "", description="Pods of the node that this environment variable names."
    )
    namespace: str = Field("", description="Pods of this namespace only.")
    fields: tuple[FieldFilter, ...] = Field((), description="Pods with such fields only.")
    labels: tuple[LabelFilter, ...] = Field((), description="Pods with such labels only.")


class Source(ComponentConfig):
    """One property by which a pod is recognized."""

    from_: Literal["connection", "resource_attribute"] = Field(
        alias="from", description="The connection's IP address, or an attribute of the resource."
    )
    name: str = Field("", description="The attribute.")

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.from_ == "resource_attribute" and not self.name:
            raise ValueError("a source from resource_attribute needs a name")
        return self


class Association(ComponentConfig):
    """An entry of `pod_association`: properties that all have to be there."""

    sources: NonEmpty[Source] = Field(max_length=_MAX_SOURCES, description="The properties.")


class ExcludedPod(ComponentConfig):
    """An entry of `exclude::pods`."""

    name: RegexText = Field(description="An expression for a part of the pod's name.")


class Exclude(ComponentConfig):
    """`exclude`: pods whose telemetry is left as it is."""

    pods: tuple[ExcludedPod, ...] = Field(
        (ExcludedPod(name="jaeger-agent"), ExcludedPod(name="jaeger-collector")),
        description="The pods, by their names.",
    )


class K8sAttributesConfig(ComponentConfig):
    """`processors::k8s_attributes`."""

    auth_type: Literal["none", "serviceAccount", "kubeConfig"] = Field(
        "serviceAccount",
        description="Who asks the Kubernetes API: the pod's service account, a user of a"
        " kubeconfig file, or nobody in particular.",
    )
    kube_config_path: str = Field(
        "", description="kubeConfig: the file; without one, that of kubectl."
    )
    context: str = Field("", description="kubeConfig: the context; without one, the current one.")
    passthrough: bool = Field(
        False, description="Whether only k8s.pod.ip is set, and the API is not asked."
    )
    extract: Extract = Field(default_factory=Extract, description="What becomes attributes.")
    filter: Filter = Field(default_factory=Filter, description="Which pods are asked for.")
    pod_association: tuple[Association, ...] = Field(
        (),
        description="How pods are recognized; the first whose properties are there counts."
        " Without any: k8s.pod.ip, ip, the connection, then host.name.",
    )
    exclude: Exclude = Field(default_factory=Exclude, description="Pods that are left alone.")
    wait_for_metadata: bool = Field(
        False, description="Whether the Collector starts when all pods are known only."
    )
    wait_for_metadata_timeout: Duration = Field(
        10.0, description="Time after which it gives that up, and does not start."
    )
