"""The processor: resources get the attributes of the pods that they come from."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from belvedere.collector.component import Consumer, Host
from belvedere.collector.errors import ConfigError
from belvedere.collector.processors.attribute_actions.steps import upsert
from belvedere.collector.processors.k8s_attributes.api.access import access
from belvedere.collector.processors.k8s_attributes.api.reflector import Reflector
from belvedere.collector.processors.k8s_attributes.association import (
    POD_IP,
    Associations,
    connection_of,
)
from belvedere.collector.processors.k8s_attributes.cluster import Cluster
from belvedere.collector.processors.k8s_attributes.config import K8sAttributesConfig
from belvedere.collector.processors.k8s_attributes.listings import listings
from belvedere.collector.processors.k8s_attributes.objects import Identifier, Pod
from belvedere.collector.processors.k8s_attributes.rules import Rules
from belvedere.collector.processors.rewriting import RewritingProcessor, rewritten
from belvedere.collector.regex import search
from belvedere.otlp.any_value import any_value, text_of
from belvedere.otlp.batch import CLIENT_ADDRESS, Batch
from belvedere.otlp.levels import LEVELS

_REMEMBERED_PODS: Final = 20_000


class K8sAttributesProcessor(RewritingProcessor):
    """Adds attributes to resources; those that have a value keep it.

    Pods and what they belong to are listed and watched at the Kubernetes API. Until they are
    known, and where a pod is not, telemetry is handed on as it is.
    """

    Config = K8sAttributesConfig

    def __init__(
        self,
        config: K8sAttributesConfig,
        host: Host,
        consumer: Consumer,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(host, consumer)
        self._config = config
        self._rules = Rules(config.extract)
        self._associations = Associations(config.pod_association)
        self._cluster = Cluster(self._identify, now_s)
        self._excluded = [search(each.name) for each in config.exclude.pods]
        self._attributes: dict[str, tuple[Pod, dict[str, str]]] = {}
        """Of pods that were asked for, by uid."""
        self._version = 0
        """Of the cluster that they were made of."""
        self._client: httpx.AsyncClient | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to list and watch.

        Raises:
            ConfigError: there is no API to ask; or it was to be waited for, and did not answer.
        """
        if self._config.passthrough:
            return
        config = self._config
        api = access(config.auth_type, config.kube_config_path, config.context)
        others, pods = listings(config.filter, self._rules, self._cluster)
        self._client = client = httpx.AsyncClient(
            base_url=api.url, verify=api.tls, timeout=httpx.Timeout(30)
        )
        reflectors = [Reflector(client, api, listing) for listing in others]
        of_pods = Reflector(client, api, pods)
        self._tasks = [asyncio.create_task(each.run()) for each in reflectors]
        self._tasks.append(asyncio.create_task(_run_after(reflectors, of_pods)))
        if config.wait_for_metadata:
            timeout_s = config.wait_for_metadata_timeout
            try:
                await asyncio.wait_for(of_pods.synced.wait(), timeout_s)
            except TimeoutError:
                await self.shutdown()
                raise ConfigError(
                    f"the Kubernetes API at {api.url} did not list all pods within {timeout_s:g}s",
                    hint="the log says why; without wait_for_metadata it is not waited for",
                ) from None

    async def shutdown(self) -> None:
        """End all watches."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        client, self._client = self._client, None
        if client:
            await client.aclose()

    def rewrite(self, batch: Batch) -> Batch:
        """The batch with what is known of its resources; as it is, if that is nothing."""
        client = next(iter(batch.metadata.get(CLIENT_ADDRESS, ())), "")
        message: Any = batch.take_message()
        changed = False
        for entry in getattr(message, LEVELS[batch.signal].resources):
            changed |= self._complete(entry, client)
        if changed:
            return rewritten(batch, message)
        batch.give_back(message)
        return batch

    def _complete(self, entry: Any, client: str) -> bool:
        """Add attributes to the resource of an entry; whether there were any."""
        given = {each.key: text_of(each.value) for each in entry.resource.attributes}
        texts = {
            each.key: each.value.string_value
            for each in entry.resource.attributes
            if each.value.string_value
        }
        identifier = self._associations.of_resource(texts, client)
        found: dict[str, Any] = {}
        address = connection_of(identifier)
        if address and (self._config.passthrough or POD_IP in self._config.extract.metadata):
            found[POD_IP] = address
        if not self._config.passthrough:
            for name, value in self._of_cluster(identifier, given, texts).items():
                found.setdefault(name, value)
        missing = {name: value for name, value in found.items() if not given.get(name)}
        for name, value in missing.items():
            if name in given:
                upsert(entry.resource.attributes, name, any_value(value))
            else:
                entry.resource.attributes.append(KeyValue(key=name, value=any_value(value)))
        return bool(missing)

    def _of_cluster(
        self, identifier: Identifier | None, given: Mapping[str, str], texts: Mapping[str, str]
    ) -> dict[str, Any]:
        """Attributes of the pod, its container, and what it belongs to, the first of each name."""
        pod = self._cluster.pod(identifier) if identifier else None
        if pod and self._is_excluded(pod):
            pod = None
        surroundings = self._rules.of_surroundings(pod, texts, self._cluster)
        if pod is None:
            return dict(surroundings)
        of_pod = self._of_pod(pod)
        of_container = self._rules.of_container(pod, given)
        return {**surroundings, **of_container, **of_pod}

    def _of_pod(self, pod: Pod) -> dict[str, str]:
        if self._version != self._cluster.version or len(self._attributes) > _REMEMBERED_PODS:
            self._attributes.clear()
            self._version = self._cluster.version
        known, attributes = self._attributes.get(pod.meta.uid, (None, {}))
        if known is not pod:
            attributes = self._rules.of_pod(pod, self._cluster)
            self._attributes[pod.meta.uid] = pod, attributes
        return attributes

    def _is_excluded(self, pod: Pod) -> bool:
        return pod.asks_to_be_ignored or any(each(pod.meta.name) for each in self._excluded)

    def _identify(self, pod: Pod, cluster: Cluster) -> set[Identifier]:
        return self._associations.of_pod(pod, lambda: self._rules.of_pod(pod, cluster))


async def _run_after(reflectors: list[Reflector], last: Reflector) -> None:
    """Owners first, so that pods are recognized by what they belong to from the beginning."""
    for reflector in reflectors:
        await reflector.synced.wait()
    await last.run()
