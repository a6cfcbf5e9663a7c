"""What an instrumentor instruments, by the metadata of its distribution: nothing is imported.

An instrumentor names the distributions it is for, with their versions, in the extras `instruments`
(all are required) and `instruments-any` (one is enough).
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, PackageNotFoundError, distribution, version
from typing import Any, Final

_MODULES: Final[Mapping[str, str]] = {
    "django": "django.core.handlers.base",  # celery imports django in programs without Django
    "langchain": "langchain_core",  # langgraph and langchain_openai work without langchain
    "urllib": "urllib.request",
}
"""Instrumentor → the module that it patches, where its metadata names another or none."""


@dataclass(frozen=True, slots=True)
class Requirements:
    """What an instrumentor requires.

    Attributes:
        modules: import names of the libraries that are installed; empty: nothing to wait for.
        missing: whether a library that it requires is not installed.
        conflict: what is installed in a version that it does not support, and the remedy; empty
            if there is none.
    """

    modules: tuple[str, ...]
    missing: bool
    conflict: str


def requirements(entry_point: EntryPoint) -> Requirements:
    """Return what the instrumentor of `entry_point` requires, compared with what is installed."""
    of_all, of_any = _declared(entry_point)
    installed = {each.name: found for each in (*of_all, *of_any) if (found := _version(each.name))}
    if any(each.name not in installed for each in of_all):
        return Requirements((), missing=True, conflict="")
    of_any = [each for each in of_any if each.name in installed] or of_any
    if of_any and of_any[0].name not in installed:
        return Requirements((), missing=True, conflict="")
    unsupported = [each for each in of_all if not _supports(each, installed[each.name])]
    if not any(_supports(each, installed[each.name]) for each in of_any):
        unsupported += of_any
    conflict = "; ".join(
        f"{each.name} {installed[each.name]} is installed, but its instrumentor supports"
        f" {each.specifier} only: pip install '{each.name}{each.specifier}'"
        for each in unsupported
    )
    return Requirements(
        _modules(entry_point.name, list(installed)), missing=False, conflict=conflict
    )


def import_names(name: str) -> Sequence[str]:
    """Return the packages and modules that the distribution `name` installs, as they are imported.

    Below a namespace package, which has no code of its own, these are its first packages with
    code: `google.genai`, not `google`.
    """
    installed = distribution(name)
    recorded = list(dict.fromkeys(_recorded(installed)))
    if recorded:
        return recorded
    # An editable install records no files of the package.
    declared = (installed.read_text("top_level.txt") or "").split()
    return declared or [name.replace("-", "_")]


def _declared(entry_point: EntryPoint) -> tuple[list[Any], list[Any]]:
    # `packaging` comes with OpenTelemetry's instrumentors; without one this is not called.
    from packaging.requirements import Requirement  # noqa: PLC0415

    of_all: list[Requirement] = []
    of_any: list[Requirement] = []
    for line in (entry_point.dist.requires if entry_point.dist else None) or ():
        if "extra" not in line or "instruments" not in line:
            continue  # parsing costs more than looking
        requirement = Requirement(line)
        for extra, group in (("instruments", of_all), ("instruments-any", of_any)):
            if requirement.marker and requirement.marker.evaluate({"extra": extra}):
                group.append(requirement)
    return of_all, of_any


def _modules(instrumentor: str, distributions: Sequence[str]) -> tuple[str, ...]:
    if instrumentor in _MODULES:
        return (_MODULES[instrumentor],)
    if not distributions:
        return (instrumentor,) if instrumentor in sys.stdlib_module_names else ()
    modules = tuple(dict.fromkeys(m for name in distributions for m in import_names(name)))
    # One distribution may have an instrumentor per library: `httpx` and `httpx2`.
    return (instrumentor,) if instrumentor in modules else modules


def _supports(requirement: Any, installed: str) -> bool:
    return bool(requirement.specifier.contains(installed, prereleases=True))


def _recorded(installed: Distribution) -> Iterator[str]:
    # As text: `Distribution.files` makes a path of each of thousands of lines.
    lines = (installed.read_text("RECORD") or "").splitlines()
    files = [line.partition(",")[0] for line in lines]
    packages = {file.removesuffix("/__init__.py") for file in files if "/__init__.py" in file}
    for package in sorted(packages):
        parts = package.split("/")
        parents = ("/".join(parts[:depth]) for depth in range(1, len(parts)))
        if all(part.isidentifier() for part in parts) and packages.isdisjoint(parents):
            yield ".".join(parts)
    for file in files:
        name = file.partition(".")[0]
        is_module = file.endswith((".py", ".so", ".pyd")) and name.isidentifier()
        if is_module and not name.startswith("__editable__"):
            yield name


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
