"""What is wrong with the rules of a file, beyond its form. All of it, in the order of the file."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from belvedere.collector.errors import ConfigError
from belvedere.collector.tree import KeyPath, Tree
from belvedere.query.go_format import quote
from belvedere.query.labels import METRIC_NAME
from belvedere.query.promql.errors import ParseError
from belvedere.query.promql.options import ParserOptions
from belvedere.query.promql.parse import parse
from belvedere.rules.files.model import Rule, RuleFile
from belvedere.rules.template.errors import TemplateSyntaxError
from belvedere.rules.template.expand import parse_alert_template

_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def problems(file: RuleFile, tree: Tree, options: ParserOptions) -> Iterator[ConfigError]:
    """Each problem, with its place."""
    names: set[str] = set()
    for at, group in enumerate(file.groups):
        path = ("groups", at)
        if not group.name:
            yield tree.error(path, "a group has a name, which must not be empty")
        if group.name in names:
            message = f"groupname: {quote(group.name)} is repeated in the same file"
            yield tree.error((*path, "name"), message)
        names.add(group.name)
        yield from _labels(group.labels, tree, (*path, "labels"))
        for index, rule in enumerate(group.rules):
            where = f"group {quote(group.name)}, rule {index + 1}, {quote(rule.name)}: "
            yield from _rule(rule, where, tree, (*path, "rules", index), options)


def _rule(
    rule: Rule, where: str, tree: Tree, path: KeyPath, options: ParserOptions
) -> Iterator[ConfigError]:
    def error(key: str, message: str) -> ConfigError:
        return tree.error((*path, key), where + message)

    if rule.record and rule.alert:
        yield error("record", "only one of 'record' and 'alert' must be set")
    if not rule.name:
        yield error("record", "one of 'record' or 'alert' must be set")
    if not rule.expr:
        yield error("expr", "field 'expr' must be set in rule")
    else:
        try:
            parse(rule.expr, options)
        except ParseError as failure:
            yield error("expr", f"could not parse expression: {failure}")
    if rule.record:
        yield from _recording(rule, error)
    yield from _labels(rule.labels, tree, (*path, "labels"), where)
    for name in rule.annotations:
        if not _is_name(name):
            yield error("annotations", f"invalid annotation name: {name}")
    if rule.alert:
        yield from _templates(rule, tree, path, where)


def _recording(rule: Rule, error: Callable[[str, str], ConfigError]) -> Iterator[ConfigError]:
    for key, value in (
        ("annotations", rule.annotations),
        ("for", rule.for_),
        ("keep_firing_for", rule.keep_firing_for),
    ):
        if value:
            yield error(key, f"invalid field '{key}' in recording rule")
    if not _is_name(rule.record):
        yield error("record", f"invalid recording rule name: {rule.record}")
    if "{" in rule.record or "}" in rule.record:
        hint = "braces present in the recording rule name; should it be in expr?"
        yield error("record", f"{hint}: {rule.record}")


def _labels(
    labels: Mapping[str, str], tree: Tree, path: KeyPath, where: str = ""
) -> Iterator[ConfigError]:
    for name, value in labels.items():
        if not _is_name(name) or name == METRIC_NAME:
            yield tree.error((*path, name), f"{where}invalid label name: {name}")
        if _LONE_SURROGATE.search(value):
            yield tree.error((*path, name), f"{where}invalid label value: {value!r}")


def _templates(rule: Rule, tree: Tree, path: KeyPath, where: str) -> Iterator[ConfigError]:
    for kind, texts in (("label", rule.labels), ("annotation", rule.annotations)):
        for name, text in texts.items():
            try:
                parse_alert_template(rule.alert, text)
            except TemplateSyntaxError as failure:
                message = f"{where}{kind} {quote(name)}: {failure}"
                yield tree.error((*path, f"{kind}s", name), message)


def _is_name(name: str) -> bool:
    """Whether Prometheus 3 takes it for a label: any text that is UTF-8 and not empty."""
    return bool(name) and not _LONE_SURROGATE.search(name)
