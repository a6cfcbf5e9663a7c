"""Whole programs: global providers, joining, exit, signals, forks, the distribution."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path
from typing import Any

import pytest

PROLOGUE = """
import os, sys, time, logging
import belvedere
from opentelemetry import trace, metrics, _logs
def span(name):
    trace.get_tracer("t").start_span(name).end()
"""


@pytest.fixture
def run(receiver: Any, tmp_path: Path) -> Any:
    """Runs a program that sends to the receiver; returns it when it has ended."""

    def run(
        code: str, *command: str, check: bool = True, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        program = tmp_path / "app.py"
        program.write_text(PROLOGUE + textwrap.dedent(code) if not command else code)
        environment = {key: value for key, value in os.environ.items() if "OTEL" not in key}
        environment |= {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, **variables}
        done = subprocess.run(
            [*(command or (sys.executable, str(program)))],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    return run


def test_what_is_recorded_is_delivered_at_exit(receiver: Any, run: Any) -> None:
    done = run("""
        belvedere.init("x", instrument=None)
        span("last words")
        logging.getLogger("app").error("oh")
        metrics.get_meter("m").create_counter("c").add(1)
    """)
    assert receiver.spans == ["last words"]
    assert receiver.bodies == ["oh"]
    assert "c" in receiver.metric_names
    assert "Traceback" not in done.stderr


def test_what_the_application_logs_after_the_last_delivery_is_printed(
    receiver: Any, run: Any
) -> None:
    done = run("""
        import atexit
        def goodbye():
            logging.getLogger("app").info("logging at the end")
            belvedere.get_logger("app").info("structlog at the end")
        atexit.register(goodbye)  # runs after what init registers
        belvedere.init("x", instrument=None)
        logging.getLogger("app").info("before")
    """)
    assert receiver.bodies == ["before"]
    assert [json.loads(line)["event"] for line in done.stderr.splitlines()] == [
        "before",
        "logging at the end",
        "structlog at the end",
    ]


def test_a_disabled_sdk_prints_what_the_application_logs(receiver: Any, run: Any) -> None:
    done = run(
        """
        t = belvedere.init("x", instrument=None)
        logging.getLogger("app").info("said")
        belvedere.get_logger("app").info("said, too")
        t.shutdown()
        """,
        OTEL_SDK_DISABLED="true",
    )
    assert [json.loads(line)["event"] for line in done.stderr.splitlines()] == ["said", "said, too"]
    assert receiver.headers == []


def test_an_exporter_of_metrics_from_elsewhere_ends_quietly(run: Any) -> None:
    done = run(
        """
        t = belvedere.init("x", instrument=None, logs=False)
        metrics.get_meter("m").create_counter("c").add(1)
        assert t.shutdown()
        """,
        OTEL_METRICS_EXPORTER="console",
    )
    assert '"name": "c"' in done.stdout
    assert not done.stderr


def test_an_exception_that_ends_the_program_ends_it_as_before(receiver: Any, run: Any) -> None:
    done = run(
        """
        belvedere.init("x", instrument=None)
        with trace.get_tracer("t").start_as_current_span("failing"):
            raise SystemExit(7)
        """,
        check=False,
    )
    assert done.returncode == 7
    assert receiver.spans == ["failing"]


def test_an_endpoint_that_is_not_there_changes_nothing(run: Any) -> None:
    done = run(
        """
        belvedere.init("x", instrument=None)
        for _ in range(2000):
            span("lost")
        print("worked")
        """,
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9",
    )
    assert done.stdout == "worked\n"
    assert done.stderr.count("http://127.0.0.1:9") == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("handler", "code", "says"),
    [
        pytest.param("", -signal.SIGTERM, "", id="default"),
        pytest.param(
            "signal.signal(signal.SIGTERM, lambda *_: (print('mine'), os._exit(3)))",
            3,
            "mine\n",
            id="chained",
        ),
        pytest.param("signal.signal(signal.SIGTERM, signal.SIG_IGN)", 0, "ignored\n", id="ignored"),
    ],
)
def test_sigterm_delivers_and_does_what_it_would_have_done(
    receiver: Any, run: Any, handler: str, code: int, says: str
) -> None:
    done = run(
        f"""
        import signal
        sys.stdout.reconfigure(line_buffering=True)
        {handler}
        belvedere.init("x", instrument=None)
        span("before the end")
        os.kill(os.getpid(), signal.SIGTERM)
        print("ignored")
        """,
        check=False,
    )
    assert (done.returncode, done.stdout) == (code, says)
    assert receiver.spans == ["before the end"]


def test_subprocesses_start_while_grpc_sends(grpc_receiver: Any, run: Any) -> None:
    """uvloop calls Python's fork handlers in a child that is to become another program."""
    done = run(
        """
        import asyncio, threading, uvloop
        telemetry = belvedere.init("x", instrument=None, protocol="grpc")

        def send():
            while not ended:
                span("sent")
                telemetry.force_flush()

        async def spawn():
            for _ in range(60):
                process = await asyncio.create_subprocess_exec("true")
                assert await process.wait() == 0

        ended = False
        threads = [threading.Thread(target=send) for _ in range(2)]
        for thread in threads:
            thread.start()
        uvloop.run(spawn())
        ended = True
        for thread in threads:
            thread.join()
        """,
        OTEL_EXPORTER_OTLP_ENDPOINT=grpc_receiver.grpc_endpoint,
    )
    assert all("skipping fork() handlers" in line for line in done.stderr.splitlines())
    assert set(grpc_receiver.spans) == {"sent"}


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_forked_workers_send_theirs_and_no_one_elses(
    grpc_receiver: Any, run: Any, protocol: str
) -> None:
    """As gunicorn with preloading: spans before the fork, in the parent and in each child."""
    endpoint = grpc_receiver.endpoint if protocol == "http" else grpc_receiver.grpc_endpoint
    run(
        """
        t = belvedere.init("x", instrument=None)
        span("sent before"); t.force_flush()
        span("queued before")
        children = []
        for number in range(3):
            child = os.fork()
            if child == 0:
                span(f"child {number}")
                logging.getLogger("app").error(f"child {number}")
                sys.exit(0)
            children.append(child)
        assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
        span("after")
        """,
        OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
        GRPC_ENABLE_FORK_SUPPORT="1",  # set by us where gunicorn or celery is
        PYTHONWARNINGS="ignore",
    )
    names = ["after", "child 0", "child 1", "child 2", "queued before", "sent before"]
    assert sorted(grpc_receiver.spans) == names
    assert sorted(grpc_receiver.bodies) == ["child 0", "child 1", "child 2"]


def test_a_forked_child_says_what_grpc_needs(grpc_receiver: Any, run: Any) -> None:
    done = run(
        """
        telemetry = belvedere.init("x", instrument=None, protocol="grpc", logs=False, metrics=[])
        span("before"); telemetry.force_flush()
        child = os.fork()
        if child == 0:
            span("child")
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
        """,
        OTEL_EXPORTER_OTLP_ENDPOINT=grpc_receiver.grpc_endpoint,
        PYTHONWARNINGS="ignore",
    )
    assert grpc_receiver.spans == ["before"]
    assert done.stderr.count("GRPC_ENABLE_FORK_SUPPORT=1") == 1


def test_workers_of_multiprocessing_deliver_when_they_end(receiver: Any, run: Any) -> None:
    """They leave by os._exit, past atexit."""
    run("""
        import multiprocessing
        belvedere.init("x", instrument=None)
        process = multiprocessing.get_context("fork").Process(target=span, args=("worker",))
        process.start(); process.join()
        assert process.exitcode == 0
    """)
    assert receiver.spans == ["worker"]


@pytest.mark.parametrize("worker", ["sync", "gthread", "uvicorn.workers.UvicornWorker"])
def test_gunicorn_workers_with_preloading(receiver: Any, tmp_path: Path, worker: str) -> None:
    (tmp_path / "web.py").write_text(
        PROLOGUE
        + textwrap.dedent("""
        belvedere.init("web", instrument=None)
        span("preloaded")
        def wsgi(environ, start_response):
            span("request")
            start_response("200 OK", [])
            return [b"ok"]
        async def asgi(scope, receive, send):
            if scope["type"] == "http":
                span("request")
                await send({"type": "http.response.start", "status": 200})
                await send({"type": "http.response.body", "body": b"ok"})
        """)
    )
    environment = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint}
    app = "web:asgi" if "uvicorn" in worker else "web:wsgi"
    options = ["--preload", "-w", "2", "-k", worker, "-b", "127.0.0.1:0"]
    server = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "gunicorn", *options, app],
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        port = 0
        for line in server.stderr:
            if "Listening at" in line:
                port = int(line.split("127.0.0.1:")[1].split()[0].rstrip(")"))
            if "Booting worker" in line:
                break
        import http.client

        for _ in range(6):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"ok"
            connection.close()
    finally:
        server.terminate()
        server.communicate(timeout=30)
    assert sorted(receiver.spans) == ["preloaded", *["request"] * 6]


def test_celery_workers_deliver_when_they_end(receiver: Any, tmp_path: Path) -> None:
    (tmp_path / "queue").mkdir()
    (tmp_path / "work.py").write_text(
        PROLOGUE
        + textwrap.dedent("""
        from celery import Celery
        folders = {"data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "queue"}
        app = Celery("work", broker="filesystem://", broker_transport_options=folders)
        belvedere.init("work", instrument=None, metrics="none", batch_delay_s=3600)
        @app.task
        def add():
            span("task")
            os.write(2, b"task is done\\n")  # print would go to the log
        """)
    )
    environment = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint}
    options: dict[str, Any] = {"cwd": tmp_path, "env": environment, "text": True}
    subprocess.run(
        [sys.executable, "-c", "from work import add; add.delay(); add.delay()"],
        check=True,
        **options,
    )
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "work", "worker", "-c", "2", "-l", "error"],
        stderr=subprocess.PIPE,
        **options,
    )
    try:
        done = 0
        while done < 2:
            done += "task is done" in worker.stderr.readline()
    finally:
        worker.terminate()
        worker.communicate(timeout=30)
    assert receiver.spans == ["task", "task"]


def test_an_existing_provider_is_joined_and_not_replaced(receiver: Any, run: Any) -> None:
    done = run("""
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk._logs import LoggerProvider
        theirs = TracerProvider(); memory = InMemorySpanExporter()
        theirs.add_span_processor(SimpleSpanProcessor(memory))
        trace.set_tracer_provider(theirs)
        metrics.set_meter_provider(MeterProvider()); _logs.set_logger_provider(LoggerProvider())
        t = belvedere.init("ours", instrument=None)
        assert trace.get_tracer_provider() is theirs is t.tracer_provider
        span("both")
        metrics.get_meter("m").create_counter("c").add(1)
        logging.getLogger("app").error("line")
        t.shutdown()
        span("theirs alone")
        print([s.name for s in memory.get_finished_spans()])
    """)
    assert done.stdout == "['both', 'theirs alone']\n"
    assert (receiver.spans, receiver.bodies) == (["both"], ["line"])
    assert "c" in receiver.metric_names


def test_after_shutdown_a_provider_that_was_joined_is_as_before(run: Any) -> None:
    done = run("""
        import threading
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk._logs import LoggerProvider
        theirs, logs = TracerProvider(), LoggerProvider()
        trace.set_tracer_provider(theirs); _logs.set_logger_provider(logs)
        for _ in range(2):
            t = belvedere.init("ours", instrument=None, pending_spans=True)
            span("a span")
            t.shutdown()
        print(theirs._active_span_processor._span_processors,
              logs._multi_log_record_processor._log_record_processors,
              [thread.name for thread in threading.enumerate()])
    """)
    assert done.stdout == "() () ['MainThread']\n"


def test_pending_spans_are_flushed_with_the_others(receiver: Any, run: Any) -> None:
    run("""
        t = belvedere.init("ours", instrument=None, pending_spans=True)
        trace.get_tracer("t").start_span("long")
        assert t.force_flush()
        os._exit(0)
    """)
    assert receiver.spans == ["long"]


def test_isolated_beside_an_existing_provider(receiver: Any, run: Any) -> None:
    run("""
        from opentelemetry.sdk.trace import TracerProvider
        theirs = TracerProvider(); trace.set_tracer_provider(theirs)
        t = belvedere.init("ours", instrument=None, isolated=True)
        assert trace.get_tracer_provider() is theirs
        span("theirs"); t.tracer_provider.get_tracer("t").start_span("ours").end()
    """)
    assert receiver.spans == ["ours"]


def test_a_foreign_provider_is_left_alone(receiver: Any, run: Any) -> None:
    done = run("""
        trace.set_tracer_provider(trace.NoOpTracerProvider())
        t = belvedere.init("ours", instrument=None)
        span("nowhere"); t.tracer_provider.get_tracer("t").start_span("ours").end()
    """)
    assert receiver.spans == ["ours"]
    assert "NoOpTracerProvider, which takes no additions" in done.stderr


def test_a_second_init_is_the_same_until_shutdown_and_then_new(receiver: Any, run: Any) -> None:
    done = run("""
        first = belvedere.init("one", environment="dev", instrument=None, sampling_ratio=0)
        assert belvedere.init("two") is first
        span("unsampled")
        first.shutdown()
        second = belvedere.init("two", instrument=None, sampling_ratio=1)
        assert second is not first and second.tracer_provider is trace.get_tracer_provider()
        span("sampled")
        metrics.get_meter("m").create_counter("c").add(1)
        logging.getLogger("app").error("line")
    """)
    assert "called again" in done.stderr
    assert (receiver.spans, receiver.bodies) == (["sampled"], ["line"])
    for signal_name in ("traces", "logs", "metrics"):
        assert receiver.resource(signal_name)["service.name"] == "two"
        assert "deployment.environment.name" not in receiver.resource(signal_name)


def test_importing_and_starting_pulls_in_neither_the_server_nor_its_parts(run: Any) -> None:
    run("""
        assert not any(name.startswith("opentelemetry.sdk") for name in sys.modules), "import"
        belvedere.init("x", instrument=None)
        heavy = ["chdb", "pyarrow", "uvicorn", "starlette", "pydantic", "typer", "grpc",
                 "requests", "httpx", "prometheus_client"]
        ours = ["cli", "server", "api", "query", "store", "collector", "otlp"]
        found = [n for n in heavy + [f"belvedere.{o}" for o in ours] if n in sys.modules]
        assert found == [], found
    """)


def test_belvedere_run(receiver: Any, run: Any) -> None:
    code = "import sys, httpx, logging; logging.warning(str(sys.argv)); print(__name__, sys.argv)"
    done = run(code, sys.executable, "-m", "belvedere", "run", "app.py", "--port", "1")
    assert done.stdout == "__main__ ['app.py', '--port', '1']\n"
    assert receiver.bodies[-1] == "['app.py', '--port', '1']"
    assert receiver.resource("logs")["service.name"] == "app"


def test_an_init_under_belvedere_run_is_told_what_to_do(receiver: Any, run: Any) -> None:
    code = "import belvedere; belvedere.init('my-agent')"
    done = run(code, sys.executable, "-m", "belvedere", "run", "app.py")
    assert "belvedere run has called belvedere.init already" in done.stderr
    assert "OTEL_SERVICE_NAME=my-agent" in done.stderr
    assert "handle" not in done.stderr


def test_belvedere_run_a_module_and_its_errors_are_its_own(
    receiver: Any, run: Any, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "belvedere", "run"]
    done = run("import nothing_of_that_name", *command, "-m", "app", check=False)
    assert done.returncode == 1
    assert "No module named 'nothing_of_that_name'" in done.stderr
    done = run("", *command, "missing.py", check=False)
    assert done.returncode == 2
    assert "no file missing.py" in done.stderr
    (tmp_path / "folder").mkdir()
    for what in (("-m", "missing"), ("folder",)):
        done = run("", *command, *what, check=False)
        assert done.returncode == 1
        assert f"belvedere: cannot run {what[-1]}: " in done.stderr
        assert "Traceback" not in done.stderr
    done = run("", *command, "-m", check=False)
    assert (done.returncode, "-m takes a module" in done.stderr) == (2, True)
    assert "Usage: belvedere run" in run("", *command, "--help").stdout


def test_opentelemetry_instrument_configures_by_the_distribution(receiver: Any, run: Any) -> None:
    code = (
        "from opentelemetry import trace; import belvedere.sdk.init as i\n"
        "trace.get_tracer('t').start_span('no code').end()\n"
        "assert i._current is not None\n"
    )
    program = Path(sys.executable).with_name("opentelemetry-instrument")
    done = run(
        code,
        str(program),
        sys.executable,
        "app.py",
        OTEL_PYTHON_DISTRO="belvedere",
    )
    assert receiver.spans == ["no code"], done.stderr
    assert receiver.resource()["service.name"] == "app"
    assert receiver.resource()["telemetry.auto.version"]


@pytest.mark.parametrize(
    "launcher",
    [
        pytest.param(("opentelemetry-instrument", sys.executable), id="opentelemetry-instrument"),
        pytest.param(("belvedere", "run"), id="belvedere run"),
    ],
)
def test_a_program_without_a_line_of_code_is_instrumented(
    receiver: Any, run: Any, launcher: tuple[str, ...]
) -> None:
    code = textwrap.dedent("""
        import asyncio, httpx, fastapi
        app = fastapi.FastAPI()
        @app.get("/items/{item}")
        def item(item: int): return item
        async def main():
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://h") as client:
                print((await client.get("/items/7")).text)
        asyncio.run(main())
    """)
    program = Path(sys.executable).with_name(launcher[0])
    done = run(code, str(program), *launcher[1:], "app.py", OTEL_PYTHON_DISTRO="belvedere")
    assert done.stdout == "7\n", done.stderr
    assert receiver.spans == ["GET /items/{item}"]


PROGRAM = """
import __main__, atexit, pickle, sys, threading
class Thing: pass
def show(when):
    assert type(pickle.loads(pickle.dumps(Thing()))) is __main__.Thing is Thing
    print(when)
print(sys.argv, sys.path[0], __name__, __package__, __file__, __doc__)
print(__spec__ and __spec__.name, type(__loader__).__name__, type(__builtins__))
assert sys.modules["__main__"] is __main__
if __name__ == "__main__":
    main_ended = threading.Event()
    threading.Thread(target=lambda: (main_ended.wait(), show("a thread after main"))).start()
    atexit.register(show, "an exit handler")
    main_ended.set()
    raise SystemExit(3)
"""


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("app.py", "--option", "-m", "x"), id="file"),
        pytest.param(("-m", "app", "a"), id="module"),
        pytest.param(("package", "a"), id="folder"),
        pytest.param(("-m", "package"), id="package"),
        pytest.param(("archive.zip",), id="archive"),
    ],
)
def test_a_program_sees_no_difference(run: Any, tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__main__.py").write_text(PROGRAM)
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.writestr("__main__.py", PROGRAM)
    quiet = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "*"}  # to import them takes seconds
    program = str(Path(sys.executable).with_name("belvedere"))
    plain = run(PROGRAM, sys.executable, *command, check=False, **quiet)
    ours = run(PROGRAM, program, "run", *command, check=False, **quiet)
    assert "an exit handler" in plain.stdout, plain.stderr
    assert (ours.stdout, ours.returncode) == (plain.stdout, plain.returncode), ours.stderr
