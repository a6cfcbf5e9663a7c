"""An instrumentor is activated when its library is imported, and costs nothing until then."""

import importlib
import itertools
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from installed import Installed

import belvedere
from belvedere.sdk.instrument import activate
from belvedere.sdk.instrument.requirements import import_names

_numbers = itertools.count()


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installed]:
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield Installed(tmp_path)
    for name in set(sys.modules) - before:
        if "lazylib" in name:
            del sys.modules[name]


@pytest.fixture
def library() -> str:
    """A name that no other test has: wrapt and instrumentors remember names."""
    return f"lazylib{next(_numbers)}"


def start(*names: str) -> belvedere.Telemetry:
    return belvedere.init(instrument=names, isolated=True, logs=False, metrics="none")


def test_it_is_activated_by_the_import_and_until_shutdown(
    installed: Installed, library: str
) -> None:
    installed.library(library)
    installed.instrumentor(library)
    with start(library) as telemetry:
        assert telemetry.instrumented[library] == "when imported"
        assert not {library, f"instrumentor_of_{library}"} & set(sys.modules)
        module = importlib.import_module(library)
        assert module.patched
        assert telemetry.instrumented[library] == "activated"
    assert not module.patched


def test_it_is_activated_at_once_if_the_library_is_imported(
    installed: Installed, library: str
) -> None:
    installed.library(library)
    installed.instrumentor(library)
    module = importlib.import_module(library)
    with start(library) as telemetry:
        assert telemetry.instrumented[library] == "activated"
        assert module.patched


def test_shutdown_removes_the_hooks(installed: Installed, library: str) -> None:
    installed.library(library)
    installed.instrumentor(library)
    with start(library):
        pass
    assert not importlib.import_module(library).patched
    assert f"instrumentor_of_{library}" not in sys.modules


def test_after_a_shutdown_the_next_init_has_hooks_of_its_own(
    installed: Installed, library: str
) -> None:
    installed.library(library)
    installed.instrumentor(library)
    with start(library):
        pass
    with start(library) as telemetry:
        assert importlib.import_module(library).patched
        assert telemetry.instrumented[library] == "activated"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise RuntimeError('no such hook')", "failed: RuntimeError: no such hook"),
        ("import lazylib_of_nobody", "failed: ModuleNotFoundError: No module"),
    ],
    ids=["fails", "lacks a module"],
)
def test_a_failure_is_logged_and_not_raised_into_the_import(
    body: str, reason: str, installed: Installed, library: str, caplog: pytest.LogCaptureFixture
) -> None:
    installed.library(library)
    installed.instrumentor(library, body=body)
    with start(library) as telemetry:
        importlib.import_module(library)
        assert telemetry.instrumented[library].startswith(reason)
    assert f"{library} is not instrumented: {reason}" in caplog.text


def test_an_import_that_fails_raises_its_own_error(installed: Installed, library: str) -> None:
    installed.library(library, body="raise ValueError('of the library')")
    installed.instrumentor(library)
    with start(library) as telemetry:
        with pytest.raises(ValueError, match="of the library"):
            importlib.import_module(library)
        assert telemetry.instrumented[library] == "when imported"


def test_threads_that_import_at_the_same_time(installed: Installed) -> None:
    libraries = [f"lazylib{next(_numbers)}" for _ in range(4)]
    for this, following in itertools.pairwise([*libraries, libraries[0]]):
        installed.library(this)
        # Each instrumentor imports a library that another thread is importing.
        body = f"import {following}; {this}.patched = True"
        installed.instrumentor(this, body=body)
    with start(*libraries) as telemetry:
        together = threading.Barrier(8)

        def load(name: str) -> None:
            together.wait()
            importlib.import_module(name)

        threads = [threading.Thread(target=load, args=(name,)) for name in libraries * 2]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {telemetry.instrumented[name] for name in libraries} == {"activated"}
        modules = [sys.modules[name] for name in libraries]
        assert all(module.patched for module in modules)
    assert not any(module.patched for module in modules)


def test_threads_that_import_two_libraries_of_one_instrumentor(installed: Installed) -> None:
    """As `httpx` and `httpx2`: each thread waits for what the other imports."""
    libraries = [f"lazylib{next(_numbers)}" for _ in range(2)]
    shared: Any = type(sys)(f"{libraries[0]}_shared")
    shared.together = threading.Barrier(2)
    shared.activated = {name: threading.Event() for name in libraries}
    sys.modules[shared.__name__] = shared
    both = ""
    for name in libraries:
        wait = f"import {shared.__name__}\n{shared.__name__}.together.wait(30)\n"
        installed.library(name, body=f"{wait}patched = False\n")
        done = f"import {shared.__name__} as s; {name}.patched = True; s.activated['{name}'].set()"
        installed.instrumentor(name, body=done)
        module = installed.folder / f"instrumentor_of_{name}.py"
        both += module.read_text().replace("class Instrumentor", f"class Instrumentor_of_{name}")
        module.unlink()
        [entry] = installed.folder.glob(f"opentelemetry_instrumentation_{name}-*/entry_points.txt")
        of_both = f"{name} = {libraries[0]}_both:Instrumentor_of_{name}\n"
        entry.write_text(f"[opentelemetry_instrumentor]\n{of_both}")
    imports = "".join(f"import {name}\n" for name in libraries)
    (installed.folder / f"{libraries[0]}_both.py").write_text(imports + both)
    with start(*libraries):
        threads = [
            threading.Thread(target=importlib.import_module, args=(name,)) for name in libraries
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(event.wait(30) for event in shared.activated.values())


def test_init_inside_the_import_of_a_library(installed: Installed, library: str) -> None:
    body = """
        import lazylib_callback
        lazylib_callback.call()
        patched = False
        """
    activated = threading.Event()
    handles: list[belvedere.Telemetry] = []
    callback: Any = type(sys)("lazylib_callback")
    callback.call = lambda: handles.append(start(library))
    callback.activated = activated.set
    sys.modules["lazylib_callback"] = callback
    installed.library(library, body=body)
    done = f"import lazylib_callback; {library}.patched = True; lazylib_callback.activated()"
    installed.instrumentor(library, body=done)
    module = importlib.import_module(library)
    assert activated.wait(30)
    assert module.patched
    handles[0].shutdown()


def test_of_a_version_that_is_not_supported_the_remedy_is_said(
    installed: Installed, library: str, caplog: pytest.LogCaptureFixture
) -> None:
    installed.library(library, "2.1")
    installed.instrumentor(library, "<2.1,>=1.4")
    with belvedere.init(isolated=True, logs=False, metrics="none") as telemetry:
        reason = telemetry.instrumented[library]
    assert reason.startswith(
        f"{library} 2.1 is installed, but its instrumentor supports <2.1,>=1.4"
    )
    assert reason.endswith(f"pip install '{library}<2.1,>=1.4'")
    [record] = [each for each in caplog.records if library in each.getMessage()]
    assert record.levelno == logging.WARNING


@pytest.mark.parametrize("body", ["", "raise ImportError('greenlet')"], ids=["there", "broken"])
def test_what_has_to_be_imported_first_is(
    body: str, installed: Installed, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`sqlalchemy.ext.asyncio`, which imports what the instrumentor replaces."""
    assert activate._IMPORTED_FIRST == {"sqlalchemy": "sqlalchemy.ext.asyncio"}
    monkeypatch.setattr(activate, "_IMPORTED_FIRST", {library: f"{library}.ext"})
    installed.library(library)
    (installed.folder / library / "ext.py").write_text(body)
    check = f"import sys; {library}.patched = '{library}.ext' in sys.modules"
    installed.instrumentor(library, body=check)
    with start(library) as telemetry:
        assert importlib.import_module(library).patched is (not body)
        assert telemetry.instrumented[library] == "activated"


@pytest.mark.parametrize("requirements", ["", None], ids=["names none", "names it"])
def test_what_is_not_installed_is_no_warning(
    requirements: str | None, installed: Installed, library: str, caplog: pytest.LogCaptureFixture
) -> None:
    installed.instrumentor(library, metadata=requirements)
    with belvedere.init(isolated=True, logs=False, metrics="none") as telemetry:
        assert library not in telemetry.instrumented
    assert library not in caplog.text


@pytest.mark.parametrize(
    ("files", "top_level", "expected"),
    [
        (["lazylib/__init__.py", "lazylib/inner/__init__.py"], "", ["lazylib"]),
        (["google_/genai/__init__.py", "google_/genai/a/__init__.py"], "", ["google_.genai"]),
        (["six_.py"], "", ["six_"]),
        (["fast.cpython-311-x86_64-linux-gnu.so"], "", ["fast"]),
        (["one/__init__.py", "two/__init__.py"], "", ["one", "two"]),
        (["lazy-lib.libs/x/__init__.py", "lazylib/__init__.py"], "", ["lazylib"]),
        (["__editable___lazy_lib_finder.py"], "lazylib\n", ["lazylib"]),
        (["__editable__.lazy_lib.pth"], "", ["lazy_lib"]),
    ],
)
def test_import_names_by_the_record(
    files: list[str], top_level: str, expected: list[str], installed: Installed
) -> None:
    installed.distribution("lazy-lib", "1", dict.fromkeys(files, ""), top_level=top_level)
    assert list(import_names("lazy-lib")) == expected


def test_a_program_that_uses_no_library_imports_no_instrumentor() -> None:
    program = """if True:
        import sys, belvedere
        telemetry = belvedere.init(isolated=True, logs=False, metrics="none")
        assert telemetry.instrumented["httpx"] == "when imported"
        loaded = [n for n in sys.modules if n.startswith("opentelemetry.instrumentation.")]
        heavy = {"httpx", "openai", "anthropic", "fastapi", "langchain_core"} & set(sys.modules)
        assert not loaded and not heavy, (loaded, heavy)
        import httpx2  # the instrumentor of both imports httpx
        assert telemetry.instrumented["httpx"] == "activated", telemetry.instrumented
        assert telemetry.instrumented["httpx2"] == "activated", telemetry.instrumented
        assert telemetry.instrumented["openai"] == "when imported"
    """
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
