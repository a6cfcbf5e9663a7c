"""`k8s_attributes`: resources get what the Kubernetes API knows of their pods."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from collector_samples import Recorder, events, until
from kubernetes_api import RECORDED, KubernetesApi
from pydantic import ValidationError
from structlog.testing import capture_logs
from telemetry_samples import gauges, logs, resources_of, traces

from belvedere.collector.component import Host
from belvedere.collector.errors import ConfigError
from belvedere.collector.processors.k8s_attributes import K8sAttributesProcessor
from belvedere.collector.processors.k8s_attributes.api import reflector
from belvedere.collector.processors.k8s_attributes.config import METADATA, K8sAttributesConfig
from belvedere.otlp.batch import CLIENT_ADDRESS, Batch
from belvedere.otlp.signal import Signal

PODS = "/api/v1/pods"
CART, DB, REPORT = "10.1.0.5", "10.1.0.6", "10.1.0.7"
DEFAULTS = {
    "k8s.namespace.name": "shop",
    "k8s.pod.name": "cart-6c45f8d6f6-x2x7p",
    "k8s.pod.uid": "pod-cart",
    "k8s.pod.start_time": "2026-11-01T10:00:00Z",
    "k8s.deployment.name": "cart",
    "k8s.node.name": "node-1",
}


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reflector, "_FIRST_PAUSE_S", 0.01)


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Subject:
    def __init__(self, config: dict[str, Any]) -> None:
        self.recorder, self.clock = Recorder(), Clock()
        model = K8sAttributesConfig.model_validate(config)
        self.processor = K8sAttributesProcessor(
            model, Host("k8s_attributes"), self.recorder, self.clock
        )

    async def resource(self, *, client: str = "", **given: Any) -> dict[str, Any]:
        """What a resource with these attributes (`__` is a dot) becomes."""
        attributes = {key.replace("__", "."): value for key, value in given.items()}
        metadata = {CLIENT_ADDRESS: (client,)} if client else {}
        batch = traces({}, resource=attributes, metadata=metadata)
        await self.processor.consume(batch)
        (after,) = resources_of(self.recorder.batches.pop())
        return after


@asynccontextmanager
async def running(
    folder: Path, api: KubernetesApi | None = None, **config: Any
) -> AsyncIterator[tuple[Subject, KubernetesApi]]:
    async with (api or KubernetesApi(RECORDED)).serve() as served:
        subject = Subject(
            {
                "auth_type": "kubeConfig",
                "kube_config_path": str(served.kubeconfig(folder)),
                "wait_for_metadata": True,
                **config,
            }
        )
        await subject.processor.start()
        try:
            yield subject, served
        finally:
            await subject.processor.shutdown()


async def test_defaults_by_the_connection(tmp_path: Path) -> None:
    async with running(tmp_path) as (subject, _):
        assert await subject.resource(client=CART) == DEFAULTS
        assert await subject.resource(client=CART, k8s__node__name="mine") == DEFAULTS | {
            "k8s.node.name": "mine"
        }
        assert await subject.resource(client=CART, k8s__node__name="") == DEFAULTS


async def test_all_signals(tmp_path: Path) -> None:
    async with running(tmp_path) as (subject, _):
        for batch in (traces({}), logs({}), gauges({})):
            sent = Batch(batch.signal, batch.data, 1, metadata={CLIENT_ADDRESS: (CART,)})
            await subject.processor.consume(sent)
        assert [resources_of(each) for each in subject.recorder.batches] == [[DEFAULTS]] * 3
        assert {each.signal for each in subject.recorder.batches} == set(Signal)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"k8s__pod__ip": CART, "client": DB}, True),
        ({"ip": CART}, True),
        ({"host__name": CART}, True),
        ({"host__name": "cart-6c45f8d6f6-x2x7p"}, False),
        ({"client": "10.9.9.9"}, False),
        ({"client": "10.1.0.8"}, False),
        ({"client": "10.1.0.9"}, False),
        ({"client": "192.168.1.10"}, False),
        ({}, False),
    ],
    ids=str,
)
async def test_without_associations(tmp_path: Path, given: dict[str, Any], found: bool) -> None:  # noqa: FBT001 - a parameter of a test
    async with running(tmp_path) as (subject, _):
        after = await subject.resource(**given)
        assert ("k8s.pod.uid" in after) == found


@pytest.mark.parametrize(
    ("sources", "given", "found"),
    [
        ([["k8s.pod.uid"]], {"k8s__pod__uid": "pod-cart"}, True),
        ([["k8s.pod.ip"]], {"k8s__pod__ip": CART}, True),
        ([["host.name"]], {"host__name": CART}, True),
        ([["container.id"]], {"container__id": "c0ffee"}, True),
        ([["k8s.deployment.name"]], {"k8s__deployment__name": "cart"}, True),
        (
            [["k8s.pod.name", "k8s.namespace.name"]],
            {"k8s__pod__name": "cart-6c45f8d6f6-x2x7p", "k8s__namespace__name": "shop"},
            True,
        ),
        (
            [["k8s.pod.name", "k8s.namespace.name"]],
            {"k8s__pod__name": "cart-6c45f8d6f6-x2x7p"},
            False,
        ),
        ([["k8s.pod.uid"], ["connection"]], {"client": CART}, True),
        ([["k8s.pod.uid"], ["connection"]], {"k8s__pod__uid": "no", "client": CART}, False),
        ([["connection", "k8s.pod.name"]], {"client": DB, "k8s__pod__name": "db-0"}, True),
    ],
    ids=str,
)
async def test_associations(
    tmp_path: Path,
    sources: list[list[str]],
    given: dict[str, Any],
    found: bool,  # noqa: FBT001 - a parameter of a test
) -> None:
    associations = [
        {
            "sources": [
                {"from": "connection"}
                if name == "connection"
                else {"from": "resource_attribute", "name": name}
                for name in names
            ]
        }
        for names in sources
    ]
    async with running(tmp_path, pod_association=associations) as (subject, _):
        after = await subject.resource(**given)
        assert ("k8s.pod.start_time" in after) == found


@pytest.mark.parametrize(
    ("client", "metadata", "expected"),
    [
        (
            CART,
            ["k8s.replicaset.name", "k8s.replicaset.uid", "k8s.deployment.uid"],
            {
                "k8s.replicaset.name": "cart-6c45f8d6f6",
                "k8s.replicaset.uid": "rs-cart",
                "k8s.deployment.uid": "dep-cart",
            },
        ),
        (
            DB,
            ["k8s.statefulset.name", "k8s.statefulset.uid"],
            {"k8s.statefulset.name": "db", "k8s.statefulset.uid": "sts-db"},
        ),
        (
            REPORT,
            ["k8s.job.name", "k8s.job.uid", "k8s.cronjob.name", "k8s.cronjob.uid"],
            {
                "k8s.job.name": "report-28900000",
                "k8s.job.uid": "job-report",
                "k8s.cronjob.name": "report",
                "k8s.cronjob.uid": "cron-report",
            },
        ),
        (
            CART,
            ["k8s.node.uid", "k8s.cluster.uid"],
            {"k8s.node.uid": "node-uid-1", "k8s.cluster.uid": "cluster-1"},
        ),
        (
            CART,
            ["k8s.pod.ip", "k8s.pod.hostname"],
            {"k8s.pod.ip": CART, "k8s.pod.hostname": "cart-6c45f8d6f6-x2x7p"},
        ),
        (
            CART,
            ["service.name", "service.namespace", "service.version", "service.instance.id"],
            {
                "service.name": "cart",
                "service.namespace": "shop",
                "service.version": "1.4",
                "service.instance.id": "shop.cart-6c45f8d6f6-x2x7p.app",
            },
        ),
        (DB, ["service.name", "service.version"], {"service.name": "db"}),
        (
            REPORT,
            ["service.name", "service.version"],
            {"service.name": "report", "service.version": "1.4.2"},
        ),
        (
            CART,
            [
                "k8s.container.name",
                "container.id",
                "container.image.name",
                "container.image.tag",
                "container.image.repo_digests",
            ],
            {
                "k8s.container.name": "app",
                "container.id": "c0ffee",
                "container.image.name": "ghcr.io/acme/shop/cart",
                "container.image.tag": "1.4.2",
                "container.image.repo_digests": ["ghcr.io/acme/shop/cart@sha256:" + "ab" * 32],
            },
        ),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, list) else None,
)  # fmt: skip - one row a case reads as a table
async def test_metadata(
    tmp_path: Path, client: str, metadata: list[str], expected: dict[str, Any]
) -> None:
    async with running(tmp_path, extract={"metadata": metadata}) as (subject, _):
        assert await subject.resource(client=client) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {}),
        (
            {"k8s__container__name": "db"},
            {
                "container.image.name": "postgres",
                "container.image.tag": "latest",
                "container.id": "d0",
            },
        ),
        (
            {"container__id": "d1"},
            {
                "container.image.name": "localhost:5000/proxy",
                "container.image.tag": "latest",
                "k8s.container.name": "sidecar",
            },
        ),
        (
            {"k8s__container__name": "db", "k8s__container__restart_count": 0},
            {
                "container.image.name": "postgres",
                "container.image.tag": "latest",
                "container.id": "d0",
            },
        ),
        (
            {"k8s__container__name": "db", "k8s__container__restart_count": "7"},
            {"container.image.name": "postgres", "container.image.tag": "latest"},
        ),
        ({"k8s__container__name": "none"}, {}),
    ],
    ids=str,
)  # fmt: skip - one row a case reads as a table
async def test_one_of_several_containers(
    tmp_path: Path, given: dict[str, Any], expected: dict[str, Any]
) -> None:
    wanted = [name for name in METADATA if name.startswith(("container.", "k8s.container."))]
    wanted.remove("container.image.repo_digests")
    async with running(tmp_path, extract={"metadata": wanted}) as (subject, _):
        after = await subject.resource(client=DB, **given)
        given = {key.replace("__", "."): value for key, value in given.items()}
        assert {key: value for key, value in after.items() if key not in given} == expected


@pytest.mark.parametrize(
    ("extract", "expected"),
    [
        ({"labels": [{"key": "app"}]}, {"k8s.pod.labels.app": "cart"}),
        ({"labels": [{"key": "app", "tag_name": "a"}, {"key": "none"}]}, {"a": "cart"}),
        (
            {"labels": [{"key_regex": r"team\.acme\.io/(.*)", "tag_name": "team.$1"}]},
            {"team.owner": "checkout"},
        ),
        (
            {"labels": [{"key_regex": r"team.(?P<x>[a-z]+).*", "tag_name": "$$${x}$2"}]},
            {"$acme": "checkout"},
        ),
        ({"labels": [{"key_regex": "ap"}]}, {}),
        ({"labels": [{"key_regex": "ap."}]}, {"k8s.pod.labels.app": "cart"}),
        ({"annotations": [{"key": "git", "from": "pod"}]}, {"k8s.pod.annotations.git": "abc123"}),
        ({"labels": [{"key": "env", "from": "namespace"}]}, {"k8s.namespace.labels.env": "prod"}),
        ({"annotations": [{"key": "rack", "from": "node"}]}, {"k8s.node.annotations.rack": "7"}),
        ({"labels": [{"key": "tier", "from": "deployment"}]}, {"k8s.deployment.label.tier": "web"}),
        ({"otel_annotations": True}, {"deployment.environment.name": "prod"}),
        (
            {"deployment_name_from_replicaset": True, "metadata": ["k8s.deployment.name"]},
            {"k8s.deployment.name": "cart"},
        ),
    ],
    ids=str,
)  # fmt: skip - one row a case reads as a table
async def test_labels_and_annotations(
    tmp_path: Path, extract: dict[str, Any], expected: dict[str, Any]
) -> None:
    async with running(tmp_path, extract={"metadata": [], **extract}) as (subject, api):
        assert await subject.resource(client=CART) == expected
        by_name = extract.get("deployment_name_from_replicaset")
        assert not (by_name and api.asked("/apis/apps/v1/replicasets"))


async def test_owners_that_a_resource_names_itself(tmp_path: Path) -> None:
    rules = [
        {"key": "env", "from": "namespace"},
        {"key": "tier", "from": "daemonset"},
        {"key": "tier", "from": "deployment"},
    ]
    async with running(tmp_path, extract={"labels": rules}) as (subject, _):
        after = await subject.resource(
            k8s__namespace__name="shop", k8s__daemonset__uid="ds-agent", k8s__deployment__uid="x"
        )
        assert after["k8s.namespace.labels.env"] == "prod"
        assert after["k8s.daemonset.label.tier"] == "infra"
        assert "k8s.deployment.label.tier" not in after


async def test_filters_are_selectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_NODE", "node-1")
    config = {
        "filter": {
            "namespace": "shop",
            "node_from_env_var": "MY_NODE",
            "fields": [{"key": "status.phase", "value": "Failed", "op": "not-equals"}],
            "labels": [
                {"key": "app", "value": "cart"},
                {"key": "a", "value": "b", "op": "not-equals"},
                {"key": "c", "op": "exists"},
                {"key": "d", "op": "does-not-exist"},
            ],
        }
    }
    async with running(tmp_path, **config) as (_, api):
        (asked,) = api.asked("/api/v1/namespaces/shop/pods")
        assert asked["fieldSelector"] == "status.phase!=Failed,spec.nodeName=node-1"
        assert asked["labelSelector"] == "app=cart,a!=b,c,!d"
        assert api.asked("/apis/apps/v1/namespaces/shop/replicasets")


def pod_with(**changes: Any) -> dict[str, Any]:
    """The recorded pod `cart` with another uid, ip or start."""
    (cart, *_) = RECORDED[PODS]
    meta = {**cart["metadata"], "uid": changes.get("uid", "pod-cart"), "name": "new"}
    status = {
        **cart["status"],
        "podIP": changes.get("ip", CART),
        "startTime": changes.get("started", "2026-11-02T00:00:00Z"),
    }
    return {**cart, "metadata": meta, "status": status}


async def named(subject: Subject, client: str, name: str | None) -> None:
    """Returns when the pod behind an address has that name."""

    async def is_named() -> bool:
        return (await subject.resource(client=client)).get("k8s.pod.name") == name

    async with asyncio.timeout(10):
        while not await is_named():  # noqa: ASYNC110 - a condition that tells nobody
            await asyncio.sleep(0.005)


async def test_changes_are_followed(tmp_path: Path) -> None:
    async with running(tmp_path) as (subject, api):
        api.tell(PODS, "ADDED", pod_with(uid="pod-new", ip="10.1.0.99"))
        await named(subject, "10.1.0.99", "new")
        api.tell(PODS, "MODIFIED", pod_with(uid="pod-new", ip="10.1.0.98"))
        await named(subject, "10.1.0.98", "new")
        assert await subject.resource(client="10.1.0.99") == {}
        api.tell(PODS, "BOOKMARK", {})
        api.tell(PODS, "DELETED", pod_with(uid="pod-new", ip="10.1.0.98"))
        api.tell(PODS, "ADDED", pod_with(uid="pod-last", ip="10.1.0.97"))
        await named(subject, "10.1.0.97", "new")
        await named(subject, "10.1.0.98", "new")
        subject.clock.now_s += 121
        assert await subject.resource(client="10.1.0.98") == {}


async def test_an_address_belongs_to_the_newest_pod(tmp_path: Path) -> None:
    async with running(tmp_path) as (subject, api):
        api.tell(PODS, "ADDED", pod_with(uid="pod-old", started="2026-10-01T00:00:00Z"))
        api.tell(PODS, "ADDED", pod_with(uid="pod-marker", ip="10.1.0.99"))
        await named(subject, "10.1.0.99", "new")
        await named(subject, CART, "cart-6c45f8d6f6-x2x7p")
        api.tell(PODS, "ADDED", pod_with(uid="pod-new", started="2026-12-01T00:00:00Z"))
        await named(subject, CART, "new")


async def test_owners_that_change_change_their_pods(tmp_path: Path) -> None:
    path = "/apis/apps/v1/replicasets"
    async with running(tmp_path) as (subject, api):
        assert (await subject.resource(client=CART))["k8s.deployment.name"] == "cart"
        (replica_set,) = RECORDED[path]
        owner = {**replica_set["metadata"]["ownerReferences"][0], "name": "renamed"}
        changed = {
            **replica_set,
            "metadata": {**replica_set["metadata"], "ownerReferences": [owner]},
        }
        api.tell(path, "MODIFIED", changed)
        await until(lambda: subject.processor._cluster.version > 1)
        assert (await subject.resource(client=CART))["k8s.deployment.name"] == "renamed"
        api.tell(path, "DELETED", changed)
        await until(lambda: subject.processor._cluster.version > 2)
        assert "k8s.deployment.name" not in await subject.resource(client=CART)


@pytest.mark.parametrize("code", [410, 500])
async def test_a_watch_that_is_lost_begins_with_a_list(tmp_path: Path, code: int) -> None:
    async with running(tmp_path) as (subject, api):
        api.lists[PODS] = [pod_with(uid="pod-new", ip="10.1.0.99")]
        with capture_logs() as logs:
            api.fail(PODS, code)
            await named(subject, "10.1.0.99", "new")
        assert ("kubernetes_api_failed" in events(logs, "warning")) == (code != 410)


async def test_an_api_that_refuses_is_asked_again(tmp_path: Path) -> None:
    api = KubernetesApi(RECORDED)
    api.refuse[PODS] = (403, "pods is forbidden")
    async with running(tmp_path, api, wait_for_metadata=False) as (subject, _):
        with capture_logs() as logs:
            await until(lambda: "kubernetes_api_failed" in events(logs, "warning"))
        assert await subject.resource(client=CART) == {}
        api.refuse.clear()
        await named(subject, CART, "cart-6c45f8d6f6-x2x7p")


async def test_waiting_for_metadata_ends(tmp_path: Path) -> None:
    api = KubernetesApi(RECORDED)
    api.refuse[PODS] = (403, "pods is forbidden")
    with capture_logs(), pytest.raises(ConfigError, match=r"did not list all pods within 0\.05s"):
        async with running(tmp_path, api, wait_for_metadata_timeout="50ms"):
            pass


async def test_passthrough_sets_the_address_and_asks_nobody() -> None:
    subject = Subject({"passthrough": True})
    await subject.processor.start()
    assert await subject.resource(client=CART) == {"k8s.pod.ip": CART}
    assert await subject.resource(client=CART, k8s__pod__ip=DB) == {"k8s.pod.ip": DB}
    assert await subject.resource() == {}
    await subject.processor.shutdown()


async def test_a_node_variable_that_is_not_set(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="NO_SUCH_NODE is not set"):
        async with running(tmp_path, filter={"node_from_env_var": "NO_SUCH_NODE"}):
            pass


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"extract": {"metadata": ["k8s.pod.mood"]}}, "'k8s.pod.mood' is none of the metadata"),
        ({"extract": {"labels": [{"tag_name": "a"}]}}, "one of key and key_regex"),
        ({"extract": {"labels": [{"key": "a", "key_regex": "b"}]}}, "one of key and key_regex"),
        ({"extract": {"labels": [{"key_regex": "("}]}}, "RE2"),
        ({"extract": {"labels": [{"key": "a", "regex": "b"}]}}, "by ExtractPatterns"),
        ({"extract": {"labels": [{"key": "a", "from": "pvc"}]}}, "'pod', 'namespace'"),
        ({"pod_association": [{"sources": [{"from": "resource_attribute"}]}]}, "needs a name"),
        ({"pod_association": [{"sources": [{"from": "connection"}] * 5}]}, "at most 4"),
        ({"filter": {"fields": [{"key": "a", "op": "exists"}]}}, "not-equals"),
        ({"auth_type": "tls"}, "serviceAccount"),
        ({"exclude": {"pods": [{"name": "("}]}}, "RE2"),
    ],
    ids=str,
)
def test_refuses_configurations(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        K8sAttributesConfig.model_validate(config)
