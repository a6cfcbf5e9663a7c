"""Webhook, Slack, e-mail and Alertmanager: what they send, how often, and what they give up."""

import asyncio
import email
import email.policy
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope
from http_peer import HttpPeer
from ports import free_port
from told_alerts import T0_MS, told_alert

from belvedere.collector.errors import ConsumeError, Permanent, Retryable
from belvedere.internal_telemetry import REGISTRY
from belvedere.query.labels import Labels
from belvedere.rules.clock import Clock
from belvedere.rules.notify import alertmanager as alertmanager_module
from belvedere.rules.notify.alertmanager import Alertmanager
from belvedere.rules.notify.config import (
    AlertmanagerConfig,
    AlertsConfig,
    EmailConfig,
    SlackConfig,
    WebhookConfig,
)
from belvedere.rules.notify.dispatch import Dispatcher
from belvedere.rules.notify.notification import Integration, Notification
from belvedere.rules.notify.receivers import integrations
from belvedere.rules.notify.receivers.email import EmailIntegration
from belvedere.rules.notify.receivers.slack import SlackIntegration
from belvedere.rules.notify.receivers.webhook import WebhookIntegration
from belvedere.rules.notify.routes import root_route

_RETRY = {"initial_interval": "10ms", "max_elapsed_time": "10s", "randomization_factor": 0}
_BRIEF = {**_RETRY, "max_elapsed_time": "30ms"}
_NOTIFICATION = Notification(
    "team",
    '{}:{alertname="Down"}',
    Labels({"alertname": "Down"}),
    [told_alert(job="a", dc="x"), told_alert(job="b", dc="x", until_ms=T0_MS - 60_000)],
    T0_MS,
    "http://b.example",
)


@pytest.fixture
def peer() -> Iterator[HttpPeer]:
    with HttpPeer() as peer:
        yield peer


async def _sent(integration: Integration) -> None:
    await integration.start()
    try:
        await integration.send(_NOTIFICATION)
    finally:
        await integration.shutdown()


async def test_a_webhook_gets_alertmanagers_json(peer: HttpPeer) -> None:
    config = WebhookConfig.model_validate({"url": f"{peer.url}/hook", "retry_on_failure": _RETRY})
    await _sent(WebhookIntegration(config))
    ((path, body),) = peer.posted
    assert path == "/hook"
    alerts = body.pop("alerts")
    assert body == {
        "version": "4",
        "groupKey": '{}:{alertname="Down"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "team",
        "groupLabels": {"alertname": "Down"},
        "commonLabels": {"alertname": "Down", "dc": "x"},
        "commonAnnotations": {"summary": "Down is <bad>"},
        "externalURL": "http://b.example",
    }
    assert alerts[0] == {
        "status": "firing",
        "labels": {"alertname": "Down", "dc": "x", "job": "a"},
        "annotations": {"summary": "Down is <bad>"},
        "startsAt": "2023-11-14T22:13:20Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://b.example/graph?g0.expr=up&g0.tab=1",
        "fingerprint": alerts[0]["fingerprint"],
    }
    assert (alerts[1]["status"], alerts[1]["endsAt"]) == ("resolved", "2023-11-14T22:12:20Z")


async def test_a_webhook_gets_as_many_alerts_as_it_wants(peer: HttpPeer) -> None:
    config = WebhookConfig(url=peer.url, max_alerts=1)
    await _sent(WebhookIntegration(config))
    body = peer.posted[0][1]
    assert (len(body["alerts"]), body["truncatedAlerts"]) == (1, 1)


async def test_slack_gets_an_attachment(peer: HttpPeer) -> None:
    await _sent(SlackIntegration(SlackConfig(api_url=peer.url, channel="#ops", username="b")))
    body = peer.posted[0][1]
    assert (body["channel"], body["username"]) == ("#ops", "b")
    (attachment,) = body["attachments"]
    assert attachment["title"] == "[FIRING:1] Down (x)"
    assert attachment["color"] == "danger"
    assert attachment["text"] == "• Down is &lt;bad&gt;\n• resolved: Down is &lt;bad&gt;"


@pytest.mark.parametrize(
    ("answers", "posted", "error"),
    [
        ([500, 503, 429], 1, None),
        ([400], 0, Permanent),
        ([500] * 100, 0, Retryable),
    ],
    ids=["tries again", "not what is wrong for good", "not for ever"],
)
async def test_what_fails_is_tried_again(
    peer: HttpPeer, answers: list[int], posted: int, error: type[ConsumeError] | None
) -> None:
    peer.answers = list(answers)
    retry = _BRIEF if error else _RETRY
    integration = WebhookIntegration(
        WebhookConfig.model_validate({"url": peer.url, "retry_on_failure": retry})
    )
    if error:
        with pytest.raises(error):
            await _sent(integration)
    else:
        await _sent(integration)
    assert len(peer.posted) == posted


class Mailbox:
    """What a mail server took."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.answers: list[str] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:  # noqa: N802 - the name that aiosmtpd calls
        answer = self.answers.pop(0) if self.answers else "250 taken"
        if answer.startswith("250"):
            self.envelopes.append(envelope)
        return answer


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[Callable[..., tuple[Mailbox, dict[str, Any]]]]:
    """Starts mail servers; gives what they take, and the keys of who writes to them."""
    controllers: list[Controller] = []

    def start(*, tls: bool = False, password: str = "") -> tuple[Mailbox, dict[str, Any]]:
        mailbox, options, keys = Mailbox(), {}, {"to": "ops@x.example", "from": "b@x.example"}
        if tls:
            authority = trustme.CA()
            authority.cert_pem.write_to_path(tmp_path / "ca.pem")
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert("127.0.0.1").configure_cert(context)
            options |= {"tls_context": context, "require_starttls": True}
            keys |= {"tls_ca_file": str(tmp_path / "ca.pem")}
        if password:
            options |= {
                "auth_required": True,
                "auth_require_tls": tls,
                "authenticator": lambda *given: AuthResult(
                    success=given[-1].password == password.encode()
                ),
            }
        port = free_port()  # the controller connects to the port that it is given
        controller = Controller(mailbox, hostname="127.0.0.1", port=port, **options)
        controller.start()
        controllers.append(controller)
        retry = {"require_tls": tls, "retry_on_failure": _RETRY}
        return mailbox, {**keys, **retry, "smarthost": f"127.0.0.1:{port}"}

    yield start
    for controller in controllers:
        controller.stop()


def _integration(keys: dict[str, Any], **more: Any) -> EmailIntegration:
    return EmailIntegration(EmailConfig.model_validate({**keys, **more}))


async def test_a_mail_says_all_of_its_alerts(mail: Any) -> None:
    mailbox, keys = mail()
    await _sent(_integration(keys, headers={"subject": "alarm", "x-team": "ops"}))
    (envelope,) = mailbox.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == ("b@x.example", ["ops@x.example"])
    message = email.message_from_bytes(envelope.content, policy=email.policy.default)
    assert (message["subject"], message["x-team"]) == ("alarm", "ops")
    body = message.get_body()
    assert body is not None
    text = body.get_content()
    assert "1 alert firing:" in text
    assert "1 alert resolved:" in text
    assert "summary: Down is <bad>" in text


async def test_a_mail_has_the_title_as_its_subject(mail: Any) -> None:
    mailbox, keys = mail()
    await _sent(_integration(keys))
    message = email.message_from_bytes(mailbox.envelopes[0].content, policy=email.policy.default)
    assert message["subject"] == "[FIRING:1] Down (x)"


async def test_mail_goes_through_tls_with_a_password(mail: Any) -> None:
    mailbox, keys = mail(tls=True, password="secret")
    await _sent(_integration(keys, auth_username="b", auth_password="secret"))
    assert len(mailbox.envelopes) == 1


@pytest.mark.parametrize(
    ("answers", "taken", "error"),
    [(["451 later", "250 taken"], 1, None), (["554 never"], 0, Permanent)],
    ids=["later", "never"],
)
async def test_mail_that_is_refused(
    mail: Any, answers: list[str], taken: int, error: type[ConsumeError] | None
) -> None:
    mailbox, keys = mail()
    mailbox.answers = list(answers)
    if error:
        with pytest.raises(error, match="554 never"):
            await _sent(_integration(keys))
    else:
        await _sent(_integration(keys))
    assert len(mailbox.envelopes) == taken


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"require_tls": True}, Permanent),
        ({"smarthost": "127.0.0.1:1", "retry_on_failure": _BRIEF}, Retryable),
        ({"auth_username": "b", "auth_password": "x"}, Permanent),
    ],
    ids=["no TLS", "nobody there", "no passwords"],
)
async def test_mail_servers_that_do_not_do(
    mail: Any, more: dict[str, Any], error: type[ConsumeError]
) -> None:
    _, keys = mail()
    with pytest.raises(error, match="mail server"):
        await _sent(_integration(keys, **more))


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - it is another thread that changes it
            await asyncio.sleep(0.005)


async def test_an_alertmanager_gets_alerts_once_it_is_there(peer: HttpPeer) -> None:
    peer.answers = [503, 500]
    target = Alertmanager(
        AlertmanagerConfig.model_validate({"url": f"{peer.url}/am/", "retry_on_failure": _RETRY})
    )
    target.put([told_alert(job="a"), told_alert(job="b")])
    target.put([told_alert(job="a", until_ms=T0_MS)])  # the newest state counts
    await target.start()
    await _until(lambda: bool(peer.posted))
    await target.shutdown()
    ((path, alerts),) = peer.posted
    assert path == "/am/api/v2/alerts"
    assert [(alert["labels"]["job"], alert["endsAt"]) for alert in alerts][1:] == [
        ("a", "2023-11-14T22:13:20Z")
    ]
    assert alerts[0]["startsAt"] == "2023-11-14T22:13:20Z"


async def test_a_full_queue_drops_the_oldest_and_counts(
    peer: HttpPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alertmanager_module, "CAPACITY", 2)
    target = Alertmanager(AlertmanagerConfig(url=peer.url))
    target.put([told_alert(job=job) for job in "abc"])
    dropped = REGISTRY.get_sample_value(
        "prometheus_notifications_dropped_total", {"alertmanager": target.url}
    )
    await target.start()
    await target.shutdown()  # sends what waits
    assert dropped == 1
    assert [alert["labels"]["job"] for alert in peer.posted[0][1]] == ["b", "c"]


def _dispatcher(peer: HttpPeer) -> Dispatcher:
    config = AlertsConfig.model_validate(
        {
            "route": {
                "receiver": "r",
                "group_by": ["alertname"],
                "group_wait": "50ms",
                "group_interval": "100ms",
            },
            "receivers": [
                {"name": "r", "webhook_configs": [{"url": peer.url, "retry_on_failure": _BRIEF}]}
            ],
        }
    )
    assert config.route is not None
    receivers = {each.name: integrations(each) for each in config.receivers}
    return Dispatcher(root_route(config.route), receivers, external_url="", clock=Clock())


async def test_groups_are_told_of_until_they_are_empty(peer: HttpPeer) -> None:
    dispatcher = _dispatcher(peer)
    await dispatcher.start()
    now_ms = Clock().now_ms()
    dispatcher.put([told_alert(job="a"), told_alert(job="b"), told_alert("Other")])
    dispatcher.put([told_alert("Gone", until_ms=now_ms)])  # nobody heard of it
    await _until(lambda: len(peer.posted) == 2)
    dispatcher.put([told_alert(job=job, until_ms=now_ms) for job in "ab"])
    dispatcher.put([told_alert("Other", until_ms=now_ms)])
    await _until(lambda: len(peer.posted) == 4)
    await _until(lambda: not dispatcher._groups)
    assert dispatcher._alerts == 0
    await dispatcher.shutdown()
    told = {
        (body["groupLabels"]["alertname"], body["status"], len(body["alerts"]))
        for _, body in peer.posted
    }
    assert told == {
        ("Down", "firing", 2), ("Other", "firing", 1), ("Down", "resolved", 2),
        ("Other", "resolved", 1),
    }  # fmt: skip


async def test_what_could_not_be_sent_stays_due(peer: HttpPeer) -> None:
    peer.answers = [400, 400]
    dispatcher = _dispatcher(peer)
    await dispatcher.start()
    dispatcher.put([told_alert(job="a")])
    await _until(lambda: bool(peer.posted))
    await dispatcher.shutdown()
    assert peer.answers == []
    assert peer.posted[0][1]["status"] == "firing"
