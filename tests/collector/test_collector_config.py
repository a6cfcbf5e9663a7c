"""Whole configurations: sections, ids, pipelines, references, several files."""

from collections.abc import Callable

import pytest
from collector_samples import SampleReceiver, TracesReceiver, events
from structlog.testing import capture_logs

from belvedere.collector.config import CollectorConfig
from belvedere.collector.errors import ConfigError
from belvedere.collector.exporters.otlp_grpc import OtlpGrpcExporter
from belvedere.collector.registry import ABSENT, COMPONENTS, RENAMED, Kind
from belvedere.otlp.signal import Signal

Load = Callable[..., CollectorConfig]

GOOD = """\
receivers:
  sample:
  traces_only:
processors:
  batch:
    timeout: 5s
    send_batch_size: 512
  memory_limiter: {limit_mib: 1000}
exporters:
  sample:
  debug/2: {verbosity: normal}
service:
  pipelines:
    traces:
      receivers: [sample, traces_only]
      processors: [memory_limiter, batch]
      exporters: [sample, debug/2]
    logs/audit: {receivers: [sample], exporters: [sample]}
"""


def test_reads_components_and_pipelines(load: Load) -> None:
    config = load(GOOD)
    assert {kind.value: list(found) for kind, found in config.components.items()} == {
        "receivers": ["sample", "traces_only"],
        "processors": ["batch", "memory_limiter"],
        "exporters": ["sample", "debug/2"],
        "connectors": [],
        "extensions": [],
    }
    assert config.components[Kind.RECEIVER]["sample"].component is SampleReceiver
    assert config.components[Kind.RECEIVER]["traces_only"].component is TracesReceiver
    batch = config.components[Kind.PROCESSOR]["batch"].config
    assert (batch.timeout, batch.send_batch_size) == (5.0, 512)  # type: ignore[attr-defined]  # of this component
    audit = config.pipelines["logs/audit"]
    assert (audit.signal, audit.receivers, audit.processors, audit.exporters) == (
        Signal.LOGS,
        ("sample",),
        (),
        ("sample",),
    )
    assert config.pipelines["traces"].processors == ("memory_limiter", "batch")


def test_telemetry(load: Load) -> None:
    assert load(GOOD).telemetry.logs.level == "info"
    telemetry = load(
        GOOD + "  telemetry: {logs: {level: debug}, metrics: {address: ':8888', level: none}}"
    ).telemetry
    assert (telemetry.logs.level, telemetry.metrics.level, telemetry.metrics.address) == (
        "debug",
        "none",
        ":8888",
    )


def test_later_files_go_over_earlier_ones(load: Load) -> None:
    config = load(
        GOOD,
        "processors: {batch: {timeout: '${env:T:-1s}'}}",
        "service: {pipelines: {traces: {exporters: [debug/2]}}}",
        T="2s",
    )
    batch = config.components[Kind.PROCESSOR]["batch"].config
    assert (batch.timeout, batch.send_batch_size) == (2.0, 512)  # type: ignore[attr-defined]  # of this component
    assert config.pipelines["traces"].exporters == ("debug/2",)
    assert config.pipelines["traces"].receivers == ("sample", "traces_only")


def test_older_names_work_with_a_warning(load: Load) -> None:
    with capture_logs() as logs:
        config = load(GOOD.replace("debug/2: {verbosity: normal}", "otlp/2: {endpoint: 'a:1'}")
                      .replace("debug/2", "otlp/2"))  # fmt: skip
    assert config.components[Kind.EXPORTER]["otlp/2"].component is OtlpGrpcExporter
    assert events(logs, "warning") == ["component_renamed"]
    assert logs[0]["new_name"] == "otlp_grpc/2"


def test_the_environment_of_the_process_is_the_default(
    samples: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from belvedere.collector.config import load_config
    from belvedere.collector.source import Source

    monkeypatch.setenv("BELVEDERE_TEST_TIMEOUT", "7s")
    config = load_config(Source("a", GOOD.replace("5s", "${BELVEDERE_TEST_TIMEOUT}")))
    assert config.components[Kind.PROCESSOR]["batch"].config.timeout == 7.0  # type: ignore[attr-defined]  # of this component


@pytest.mark.parametrize(
    ("kind", "name", "hint"),
    [
        (Kind.EXPORTER, "logging", "its name is debug now"),
        (Kind.PROCESSOR, "spanmetrics", "it is the connector span_metrics now"),
    ],
    ids=str,
)
def test_types_of_official_configurations_that_are_no_more(
    load: Load, kind: Kind, name: str, hint: str
) -> None:
    with pytest.raises(ConfigError, match=hint):
        load(f"{kind}: {{{name}: }}")


def test_what_is_said_of_absent_types_is_true() -> None:
    for kind, names in ABSENT.items():
        assert not names.keys() & {*COMPONENTS[kind], *RENAMED.get(kind, {})}


def _in_pipeline(line: str) -> str:
    return GOOD + f"    metrics: {line}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            GOOD.replace("send_batch_size", "send_bach_size"),
            "a.yaml:7: processors::batch::send_bach_size: there is no such key"
            " (did you mean 'send_batch_size'?)",
            id="unknown-key",
        ),
        pytest.param(
            GOOD.replace("processors:\n  batch", "processors:\n  bach"),
            "a.yaml:5: processors::bach: there is no processor of the type 'bach'"
            " (did you mean 'batch'?)",
            id="unknown-type",
        ),
        pytest.param(
            GOOD.replace("processors:\n  batch", "procesors:\n  batch"),
            "a.yaml:4: procesors: there is no such key (did you mean 'processors'?)",
            id="unknown-section",
        ),
        pytest.param(
            "receivers: [a]",
            "a.yaml:1: receivers: a mapping is expected, not ['a']",
            id="section-no-mapping",
        ),
        pytest.param(
            GOOD + "connectors: {forwards: }",
            "a.yaml:19: connectors::forwards: there is no connector of the type 'forwards'"
            " (did you mean 'forward'?)",
            id="connector-type",
        ),
        pytest.param(
            GOOD + "extensions:\n  sampel:",
            "a.yaml:20: extensions::sampel: there is no extension of the type 'sampel'"
            " (did you mean 'sample'?)",
            id="extension-type",
        ),
        pytest.param(
            GOOD + "  extensions: [sample]",
            "a.yaml:19: service::extensions::0: 'sample' is not configured in extensions"
            " (configure it there, or remove it from service::extensions)",
            id="extension-not-configured",
        ),
        pytest.param(
            GOOD + "  extensions: [sample, sample]\nextensions: {sample: }",
            "a.yaml:19: service::extensions::1: 'sample' is in this list twice",
            id="extension-twice",
        ),
        pytest.param(
            GOOD + "  telemetry: {profiles: {}}",
            "a.yaml:19: service::telemetry::profiles: there is no such key"
            " (there are logs, metrics, resource, traces)",
            id="telemetry",
        ),
        pytest.param(
            GOOD + "  telemetry: {logs: {output_paths: [a]}}",
            "a.yaml:19: service::telemetry::logs::output_paths: not supported: the log goes to"
            " standard error; redirect it there",
            id="unsupported-key",
        ),
        pytest.param(
            GOOD + "  pipeline: {}",
            "a.yaml:19: service::pipeline: there is no such key (did you mean 'pipelines'?)",
            id="service-key",
        ),
        pytest.param(
            GOOD.replace("debug/2: {", "debug/: {"),
            "a.yaml:11: exporters::debug/: an id is a type, or a type and a name: otlp, otlp/2",
            id="empty-name",
        ),
        pytest.param(
            GOOD.replace("  traces:", "  trace:"),
            "a.yaml:14: service::pipelines::trace: a pipeline is named after its signal: traces,"
            " metrics or logs, also traces/name (did you mean 'traces'?)",
            id="pipeline-name",
        ),
        pytest.param(
            GOOD.replace("logs/audit", "logs/"),
            "a.yaml:18: service::pipelines::logs/: a pipeline is named after its signal: traces,"
            " metrics or logs, also traces/name (did you mean 'logs'?)",
            id="pipeline-empty-name",
        ),
        pytest.param(
            "service: {telemetry: {}}",
            "a.yaml:1: service::pipelines: at least one pipeline is required"
            " (such as traces: {receivers: [otlp], exporters: [debug]})",
            id="no-pipeline",
        ),
        pytest.param(
            "",
            "a.yaml:1: service::pipelines: at least one pipeline is required"
            " (such as traces: {receivers: [otlp], exporters: [debug]})",
            id="nothing",
        ),
        pytest.param(
            _in_pipeline("{receivers: [sample], exporter: [sample]}"),
            "a.yaml:19: service::pipelines::metrics::exporter: there is no such key"
            " (did you mean 'exporters'?)",
            id="pipeline-key",
        ),
        pytest.param(
            _in_pipeline("{exporters: [sample]}"),
            "a.yaml:19: service::pipelines::metrics::receivers: a pipeline needs at least one"
            " receiver",
            id="no-receiver",
        ),
        pytest.param(
            _in_pipeline("{receivers: [sample], exporters: []}"),
            "a.yaml:19: service::pipelines::metrics::exporters: a pipeline needs at least one"
            " exporter",
            id="no-exporter",
        ),
        pytest.param(
            _in_pipeline("{receivers: [sample], exporters: sample}"),
            "a.yaml:19: service::pipelines::metrics::exporters: a list of component ids is"
            " expected: [otlp, otlp/2]",
            id="no-list",
        ),
        pytest.param(
            GOOD.replace(
                "exporters: [sample, debug/2]", "exporters:\n      - sample\n      - debug"
            ),
            "a.yaml:19: service::pipelines::traces::exporters::1: 'debug' is not configured in"
            " exporters (did you mean 'debug/2'?)",
            id="unknown-reference",
        ),
        pytest.param(
            _in_pipeline("{receivers: [traces_only], exporters: [sample]}"),
            "a.yaml:19: service::pipelines::metrics::receivers::0: 'traces_only' does not handle"
            " metrics (it handles traces)",
            id="signal-of-the-class",
        ),
        pytest.param(
            _in_pipeline("{receivers: [sample], exporters: [otlp_http]}").replace(
                "exporters:\n", "exporters:\n  otlp_http: {traces_endpoint: 'http://a/b'}\n", 1
            ),
            "a.yaml:20: service::pipelines::metrics::exporters::0: 'otlp_http' does not handle"
            " metrics (it handles traces)",
            id="signal-of-the-configuration",
        ),
        pytest.param(
            GOOD.replace("[memory_limiter, batch]", "[batch, batch]"),
            "a.yaml:16: service::pipelines::traces::processors::1: 'batch' is in this list twice",
            id="twice",
        ),
    ],
)
def test_refuses_and_says_where(load: Load, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(text)
    assert str(caught.value) == message


CONNECTED = """\
receivers: {sample: }
exporters: {sample: }
connectors: {sample: , forward: , forward/2: }
service:
  pipelines:
    traces: {receivers: [sample], exporters: [forward, sample]}
    traces/2: {receivers: [forward], exporters: [sample]}
"""


def test_connectors_and_extensions(load: Load) -> None:
    config = load(CONNECTED.replace(", sample: ,", "", 1).replace("{sample: , f", "{f"), EXTENDED)
    assert list(config.components[Kind.CONNECTOR]) == ["forward", "forward/2"]
    assert config.pipelines["traces/2"].receivers == ("forward",)
    assert config.extensions == ("sample/2", "sample")


EXTENDED = "extensions: {sample: , sample/2: }\nservice: {extensions: [sample/2, sample]}"
PIPELINES = CONNECTED.replace("{sample: , forward", "{counting: , forward")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            CONNECTED,
            "a.yaml:3: connectors::sample: there is also a component 'sample' in receivers"
            " (give one of them a name of its own, like sample/2)",
            id="ambiguous",
        ),
        pytest.param(
            PIPELINES.replace("receivers: [forward]", "receivers: [sample]"),
            "a.yaml:6: service::pipelines::traces::exporters::0: the connector 'forward' is not a"
            " receiver of any pipeline for what it makes of traces (name it in the receivers of a"
            " pipeline for traces)",
            id="no-pipeline-after",
        ),
        pytest.param(
            PIPELINES.replace("[forward, sample]", "[sample]"),
            "a.yaml:7: service::pipelines::traces/2::receivers::0: the connector 'forward' gets"
            " nothing that could become traces (name it in the exporters of a pipeline for"
            " traces)",
            id="no-pipeline-before",
        ),
        pytest.param(
            PIPELINES.replace("traces/2", "logs"),
            "a.yaml:6: service::pipelines::traces::exporters::0: the connector 'forward' is not a"
            " receiver of any pipeline for what it makes of traces (name it in the receivers of a"
            " pipeline for traces)",
            id="other-signal",
        ),
        pytest.param(
            PIPELINES.replace("[forward]", "[counting]").replace("[forward, ", "[counting, "),
            "a.yaml:7: service::pipelines::traces/2::receivers::0: 'counting' does not handle"
            " traces as receiver (it handles metrics)",
            id="signal-of-the-connector",
        ),
        pytest.param(
            PIPELINES.replace("[forward]", "[sample, frward]"),
            "a.yaml:7: service::pipelines::traces/2::receivers::1: 'frward' is not configured in"
            " receivers or connectors (did you mean 'forward'?)",
            id="unknown-connector",
        ),
        pytest.param(
            PIPELINES.replace("receivers: [sample], e", "receivers: [sample, forward], e"),
            "a.yaml:6: service::pipelines::traces::exporters::0: data would go round in a circle:"
            " traces → forward → traces (take 'forward' out of the exporters here, or a connector"
            " out of another of these pipelines)",
            id="circle-of-one",
        ),
        pytest.param(
            PIPELINES.replace("receivers: [sample]", "receivers: [sample, forward/2]").replace(
                "exporters: [sample]}", "exporters: [forward/2]}"
            ),
            "a.yaml:6: service::pipelines::traces::exporters::0: data would go round in a circle:"
            " traces → forward → traces/2 → forward/2 → traces (take 'forward' out of the"
            " exporters here, or a connector out of another of these pipelines)",
            id="circle",
        ),
    ],
)
def test_refuses_connections_that_cannot_be(load: Load, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(text)
    assert str(caught.value) == message


def test_an_error_names_the_file_it_is_in(load: Load) -> None:
    with pytest.raises(ConfigError) as caught:
        load(GOOD, "\nprocessors:\n  batch:\n    timeout: x")
    assert (caught.value.file, caught.value.line) == ("b.yaml", 4)
