"""`ServerRules`: what it says of rules, and of files that cannot be used."""

from pathlib import Path

from structlog.testing import capture_logs

from belvedere.query.promql.engine import Engine
from belvedere.server.options import Options
from belvedere.server.rules import ServerRules

_GROUP = "groups: [{name: g, rules: [{record: a, expr: EXPR}, {alert: B, expr: up}]}]"


async def test_rules_of_before_go_on_where_new_ones_cannot_be_used(tmp_path: Path) -> None:
    path = tmp_path / "rules.yml"
    path.write_text(_GROUP.replace("EXPR", "up"))
    rules = ServerRules(
        Options(data_dir=tmp_path, rules=(str(path),)), Engine(), "http://localhost:1"
    )
    path.write_text(_GROUP.replace("EXPR", "up +"))
    with capture_logs() as logs:
        assert not await rules.reload()
    assert not rules.last_reload.is_successful
    assert rules.describe() == "2 in 1 group"
    (entry,) = logs
    assert entry["error"].startswith(f"{path}:1: ")
    assert "the rules of before go on" in entry["hint"]
    path.write_text(_GROUP.replace("EXPR", "up"))
    assert await rules.reload()
    assert rules.last_reload.is_successful
    assert rules.last_reload.loaded_s is not None
    await rules.shutdown()
