"""What is due of a group of alerts, and when: Alertmanager's rules."""

import pytest
from told_alerts import T0_MS, told_alert

from belvedere.query.labels import Labels
from belvedere.rules.notify.grouping import AlertGroup
from belvedere.rules.notify.routes import Route

_ROUTE = Route("{}", "r", (), False, ("alertname",), 30_000, 300_000, 3_600_000, ())
_MINUTE_MS = 60_000


class History:
    """A group, and what is told of it at each time."""

    def __init__(self, *, send_resolved: bool) -> None:
        self.group = AlertGroup(_ROUTE, Labels({"alertname": "Down"}))
        self.send_resolved, self.said = send_resolved, ""

    def fires(self, *jobs: str) -> None:
        for job in jobs:
            self.group.put(told_alert(job=job))

    def ends(self, job: str, minute: int) -> None:
        self.group.put(told_alert(job=job, until_ms=T0_MS + minute * _MINUTE_MS))

    def at(self, minute: int) -> str:
        """What is told: jobs that fire in capitals; `-` where nothing is."""
        now_ms = T0_MS + minute * _MINUTE_MS
        alerts = self.group.due(now_ms, send_resolved=self.send_resolved)
        resolved = self.group.resolved(now_ms)
        if alerts is None:
            self.group.forget(resolved)
            return "-"
        self.group.told(alerts, now_ms)
        self.group.forget(resolved)
        return "".join(
            alert.labels.get("job").upper() if alert.is_firing(now_ms) else alert.labels.get("job")
            for alert in alerts
        )


@pytest.fixture(params=[True, False], ids=["with resolved", "without resolved"])
def history(request: pytest.FixtureRequest) -> History:
    return History(send_resolved=request.param)


def test_the_first_alerts_are_told_of_together(history: History) -> None:
    history.fires("a", "b")
    assert history.at(0) == "AB"


def test_the_same_is_repeated_after_the_repeat_interval_only(history: History) -> None:
    history.fires("a")
    assert [history.at(minute) for minute in (0, 5, 55, 60, 65, 120)] == [
        "A",
        "-",
        "-",
        "A",
        "-",
        "A",
    ]


def test_a_new_alert_is_told_of_with_the_others(history: History) -> None:
    history.fires("a")
    assert history.at(0) == "A"
    history.fires("b")
    assert history.at(5) == "AB"


def test_one_of_two_is_resolved() -> None:
    for send_resolved, said in ((True, "Ab"), (False, "-")):
        history = History(send_resolved=send_resolved)
        history.fires("a", "b")
        assert history.at(0) == "AB"
        history.ends("b", 4)
        assert history.at(5) == said
        assert len(history.group) == 1


def test_the_last_one_is_resolved() -> None:
    for send_resolved, said in ((True, "a"), (False, "")):
        history = History(send_resolved=send_resolved)
        history.fires("a")
        assert history.at(0) == "A"
        history.ends("a", 4)
        assert history.at(5) == said
        assert len(history.group) == 0


def test_what_was_never_told_of_is_not_told_of_as_resolved(history: History) -> None:
    history.ends("a", 0)
    assert history.at(1) == "-"
    assert len(history.group) == 0


def test_an_alert_of_which_nothing_is_heard_any_more_counts_as_resolved() -> None:
    history = History(send_resolved=True)
    history.group.put(told_alert(job="a", until_ms=T0_MS + 4 * _MINUTE_MS))
    assert [history.at(0), history.at(5)] == ["A", "a"]


def test_what_is_resolved_while_a_message_is_sent_is_told_of_next() -> None:
    history = History(send_resolved=True)
    history.fires("a")
    resolved = history.group.resolved(T0_MS)
    history.ends("a", 0)
    history.group.told([told_alert(job="a")], T0_MS)
    history.group.forget(resolved)
    assert history.at(5) == "a"
