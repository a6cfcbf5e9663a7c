"""The fixture itself: what other tests compare with is there, and says when it complains."""

from pathlib import Path

import httpx
from real_prometheus import RealPrometheus

HISTORY = """\
# TYPE jobs counter
jobs_total{queue="a"} 1 1700000000
jobs_total{queue="a"} 7 1700000060
# EOF
"""


def test_it_answers_queries_over_history_and_names_its_warnings(tmp_path: Path) -> None:
    with RealPrometheus(tmp_path, openmetrics=HISTORY) as prometheus:
        assert prometheus.values("jobs_total", 1700000060) == {'jobs_total{queue="a"}': 7.0}
        (series,) = prometheus.query_range("jobs_total", 1700000000, 1700000060, 60)
        assert [value for _, value in series["values"]] == ["1", "7"]
        assert prometheus.api_answer("query", query="1 +")["errorType"] == "bad_data"
        assert prometheus.warnings == []
        refused = httpx.post(f"{prometheus.url}/api/v1/write", content=b"no snappy")
        assert refused.status_code == 400
        prometheus.until(lambda: prometheus.warnings)
