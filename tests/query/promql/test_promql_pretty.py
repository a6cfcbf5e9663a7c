"""Queries over several lines, held against a real Prometheus."""

from collections.abc import Iterator

import pytest
from real_prometheus import RealPrometheus

from belvedere.query.promql.parse import parse
from belvedere.query.promql.pretty import MAX_LINE, pretty

LONG = 'http_requests_total{environment="production",instance=~"10[.].*",job="frontend"}'
LONGER = LONG.replace("http_requests", "http_server_requests_with_a_long_name")
SHORT = "up{job='a'}"
OPERANDS = {"short": SHORT, "long": LONG, "longer": LONGER}
FORMS = {
    "selector": "{x}",
    "offset": "{x} @ 123.4 offset 5m",
    "rate": "rate({x}[5m])",
    "sum": "sum({x})",
    "sum by": "sum by(job,instance)({x})",
    "sum without": "sum({x}) without (job, instance)",
    "topk": "topk by (job) (3, {x})",
    "quantile": "quantile(scalar(max({x})), {x})",
    "count_values": 'count_values("value", {x})',
    "binary": "{x}+{x}",
    "chain": "{x} + {x} * {x} - 1",
    "comparison": "{x} > bool {x}",
    "comparison with a number": "{x} >= 1.50e3",
    "set": "{x} and on (job) {x} unless ignoring(a) {x}",
    "group": "{x} / on(job, instance) group_left(version) {x}",
    "parentheses": "({x})",
    "parentheses twice": "(({x}) / ({x}))",
    "minus": "-{x}",
    "minus of parentheses": "-({x} - {x})",
    "minus in a call": "abs(-({x} + {x}))",
    "call of several": 'label_replace({x}, "dst", "$1", "src", "(.*)")',
    "call of a call": "ceil(floor(abs(rate({x}[5m]))))",
    "quantiles": "histogram_quantile(0.9, sum by (le) (rate({x}[5m])))",
    "subquery": "max_over_time({x}[1h:5m] offset 1d)",
    "subquery of a sum": "max_over_time(sum(rate({x}[5m]))[1h:])",
    "short subquery in a long call": "sum(max_over_time(up[1h:5m])) / sum({x})",
    "absent": "absent({x}) or vector(0)",
}
QUERIES = [
    pytest.param(form.replace("{x}", x), id=f"{name} of {size}")
    for name, form in FORMS.items()
    for size, x in OPERANDS.items()
]


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealPrometheus]:
    with RealPrometheus(tmp_path_factory.mktemp("prometheus")) as running:
        yield running


@pytest.mark.parametrize("query", QUERIES)
def test_agrees_with_prometheus(prometheus: RealPrometheus, query: str) -> None:
    assert pretty(parse(query)) == prometheus.api("format_query", query=query)


@pytest.mark.parametrize(
    ("query", "lines"),
    [
        ("sum(up)by(pod)", ["sum by (pod) (up)"]),
        (
            f"topk(3, {LONGER}) without (a)",
            ["topk without (a) (", "  3,", f"  {LONGER}", ")"],
        ),
        (
            f"{LONG} / on (job) group_left () {LONG}",
            [f"  {LONG}", "/ on (job) group_left ()", f"  {LONG}"],
        ),
        (f"-({LONGER})", ["-(", f"  {LONGER}", ")"]),
        (f"rate({LONGER}[5m])", ["rate(", f"  {LONGER}[5m]", ")"]),
    ],
    ids=["short", "aggregation", "operator", "sign", "call"],
)
def test_splits_what_is_too_long(query: str, lines: list[str]) -> None:
    assert pretty(parse(query)) == "\n".join(lines)


@pytest.mark.parametrize(("size", "splits"), [(MAX_LINE, False), (MAX_LINE + 1, True)])
def test_a_line_has_at_most_100_bytes(size: int, splits: bool) -> None:  # noqa: FBT001 - a table
    name = "a" * (size - len("sum()"))
    assert ("\n" in pretty(parse(f"sum({name})"))) is splits
