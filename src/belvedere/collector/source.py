"""Configuration text, in YAML with references to the environment, to a `Tree`."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import yaml

from belvedere.collector.errors import ConfigError
from belvedere.collector.expand import ExpansionError, expand
from belvedere.collector.tree import KeyPath, Position, Tree

_MAX_VALUES: Final = 1_000_000
"""A few aliases of aliases stand for more values than there is memory."""
_STRING, _MERGE = "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"


@dataclass(frozen=True, slots=True)
class Source:
    """One configuration text: a file, or text that is packaged or comes from the command line."""

    name: str
    """What error messages call it: the file's path."""
    text: str

    @classmethod
    def file(cls, path: Path | str) -> Self:
        """Read a file.

        Raises:
            ConfigError: it cannot be read.
        """
        try:
            return cls(str(path), Path(path).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ConfigError("cannot be read: there is no such file", file=path) from None
        except OSError as error:
            raise ConfigError(f"cannot be read: {error.strerror}", file=path) from error
        except UnicodeDecodeError as error:
            raise ConfigError(
                f"cannot be read: byte {error.start} is not UTF-8", file=path
            ) from error


class _Loader(yaml.SafeLoader):
    """YAML 1.2's core types, as the Collector reads them: `on` and `12:30` are text."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})$"), list(_first)
    )

_SCALARS: dict[str, Callable[[str], Any]] = {
    "tag:yaml.org,2002:null": lambda _: None,
    "tag:yaml.org,2002:bool": lambda text: text.lower() == "true",
    "tag:yaml.org,2002:int": lambda text: int(text, 0) if text[:2] in {"0o", "0x"} else int(text),
    "tag:yaml.org,2002:float": lambda text: float(re.sub(r"\.(?=[iInN])", "", text)),
}


_SECTIONS = (
    "a configuration is a mapping with the sections receivers, processors, exporters and service"
)


def read_tree(source: Source, env: Mapping[str, str] | None, *, expected: str = _SECTIONS) -> Tree:
    """Parse one source and expand its references.

    Args:
        source: the text.
        env: the environment; None: `$` means nothing, and a field that wants text may have
            anything (`1.10` is a text there), as other files of this field are.
        expected: what is said of a text that is no mapping.

    Raises:
        ConfigError: it is no YAML, no mapping, has a key twice, or a reference cannot be resolved.
    """
    reader = _Reader(source, env)
    try:
        root = _compose(source.text)
        values = reader.value(root, ()) if root is not None else None
    except yaml.YAMLError as error:
        raise _no_yaml(error, source) from error
    except RecursionError:
        raise ConfigError("nested too deep", file=source.name) from None
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise ConfigError(expected, file=source.name, line=1)
    reader.tree.values = values
    return reader.tree


def _no_yaml(error: yaml.YAMLError, source: Source) -> ConfigError:
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    return ConfigError(
        f"no valid YAML: {problem or error}",
        file=source.name,
        line=mark.line + 1 if mark else None,
        hint="YAML is indented by spaces, not by tabs" if "'\\t'" in (problem or "") else "",
    )


def _compose(text: str) -> yaml.Node | None:
    loader = _Loader(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


class _Reader:
    """Turns YAML nodes to values and keeps a record of where they stood.

    Without an environment, references stay as they are: in what a variable holds, and in files
    that know none.
    """

    def __init__(self, source: Source, env: Mapping[str, str] | None) -> None:
        self.tree = Tree()
        self._source, self._env = source, env
        self._open: list[yaml.Node] = []
        self._values = 0
        self.tree.positions[()] = Position(source.name, 1)

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        if node in self._open:
            raise self._error(node, path, "the alias stands within what it stands for")
        self._count(node, path)
        self._open.append(node)
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            if isinstance(node, yaml.SequenceNode):
                return self._sequence(node, path)
            return self._scalar(node, path)
        finally:
            self._open.pop()

    def _count(self, node: yaml.Node, path: KeyPath) -> None:
        self._values += 1
        if self._values > _MAX_VALUES:
            raise self._error(node, path, f"more than {_MAX_VALUES:,} values, with all aliases")

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for name, (key, child) in self._pairs(node, path).items():
            inner = (*path, name)
            self.tree.positions[inner] = self._position(key)
            result[name] = self.value(child, inner)
        return result

    def _sequence(self, node: yaml.SequenceNode, path: KeyPath) -> list[Any]:
        result = []
        for index, child in enumerate(node.value):
            inner = (*path, index)
            self.tree.positions[inner] = self._position(child)
            result.append(self.value(child, inner))
        return result

    def _pairs(
        self, node: yaml.Node, path: KeyPath
    ) -> dict[str, tuple[yaml.ScalarNode, yaml.Node]]:
        """Keys with their values. A mapping's own keys go before those that `<<` brings in."""
        if not isinstance(node, yaml.MappingNode):
            raise self._error(node, path, "<< wants a mapping, or a list of mappings")
        self._count(node, path)
        own: dict[str, tuple[yaml.ScalarNode, yaml.Node]] = {}
        merged: dict[str, tuple[yaml.ScalarNode, yaml.Node]] = {}
        for key, child in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self._error(key, path, "a key must be text")
            if key.tag == _MERGE:
                for part in child.value if isinstance(child, yaml.SequenceNode) else [child]:
                    merged = self._pairs(part, path) | merged
                continue
            if key.value in own:
                raise self._error(key, (*path, key.value), "this key is there twice")
            own[key.value] = (key, child)
        return merged | own

    def _scalar(self, node: yaml.Node, path: KeyPath) -> Any:
        if node.tag != _STRING:
            if self._env is None:
                self.tree.from_environment[path] = node.value
            return self._typed(node, path)
        if self._env is None:
            return node.value
        try:
            expanded = expand(node.value, self._env)
        except ExpansionError as error:
            raise self._error(node, path, str(error)) from error
        if not expanded.whole:
            return expanded.text
        self.tree.from_environment[path] = expanded.text
        try:
            inner = _compose(expanded.text)
        except yaml.YAMLError:
            return expanded.text
        try:
            return _Reader(self._source, None).value(inner, path) if inner is not None else None
        except ConfigError as error:
            raise self._error(node, path, f"in the variable's value: {error.message}") from error

    def _typed(self, node: yaml.Node, path: KeyPath) -> Any:
        if node.tag not in _SCALARS:
            raise self._error(node, path, f"the YAML tag {node.tag} is not supported")
        try:
            return _SCALARS[node.tag](node.value)
        except ValueError as error:
            raise self._error(node, path, f"{node.value!r} is not of its tag {node.tag}") from error

    def _position(self, node: yaml.Node) -> Position:
        return Position(self._source.name, node.start_mark.line + 1)

    def _error(self, node: yaml.Node, path: KeyPath, message: str) -> ConfigError:
        return Tree(positions={(): self._position(node)}).error(path, message)
