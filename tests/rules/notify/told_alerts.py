"""Alerts for tests of notifications."""

from belvedere.query.labels import Labels
from belvedere.rules.notify.alert import ToldAlert

T0_MS = 1_700_000_000_000


def told_alert(
    name: str = "Down", *, since_ms: int = T0_MS, until_ms: int = 1 << 41, **labels: str
) -> ToldAlert:
    """An alert that fires, or is resolved since `until_ms`."""
    return ToldAlert(
        Labels({"alertname": name, **labels}),
        Labels({"summary": f"{name} is <bad>"}),
        since_ms,
        until_ms,
        "http://b.example/graph?g0.expr=up&g0.tab=1",
    )
