"""`k8s_attributes`: tells which pod telemetry comes from, and what Kubernetes knows of that pod."""

from belvedere.collector.processors.k8s_attributes.processor import K8sAttributesProcessor

__all__ = ["K8sAttributesProcessor"]
