"""Rule files → groups that can be evaluated."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from belvedere.query.labels import Labels
from belvedere.query.promql.options import DEFAULT, ParserOptions
from belvedere.query.promql.parse import parse
from belvedere.rules.evaluation.alerting import AlertingRule
from belvedere.rules.evaluation.group import Group
from belvedere.rules.evaluation.recording import RecordingRule
from belvedere.rules.evaluation.rule import Rule
from belvedere.rules.files.model import RuleGroup
from belvedere.rules.files.read import LoadedFile


@dataclass(frozen=True, slots=True)
class Defaults:
    """What groups have where they do not say it themselves, and what all of them share."""

    interval_ms: int = 60_000
    query_offset_ms: int = 0
    external_labels: Mapping[str, str] = field(default_factory=dict)
    external_url: str = ""
    parser: ParserOptions = DEFAULT


def build_groups(
    project: str, files: Iterable[LoadedFile], defaults: Defaults, *, restored: bool
) -> list[Group]:
    """The groups of files, in their order.

    Args:
        project: Whose series they work on.
        files: That were read, and are right.
        defaults: See there.
        restored: There are no states of before to be restored.
    """
    return [
        Group(
            project,
            loaded.path,
            config,
            [_rule(config, at, defaults, restored=restored) for at in range(len(config.rules))],
            interval_ms=config.interval or defaults.interval_ms,
            query_offset_ms=defaults.query_offset_ms
            if config.query_offset is None
            else config.query_offset,
        )
        for loaded in files
        for config in loaded.file.groups
    ]


def _rule(group: RuleGroup, at: int, defaults: Defaults, *, restored: bool) -> Rule:
    config = group.rules[at]
    expression = str(parse(config.expr, defaults.parser))
    labels = Labels({**group.labels, **config.labels})
    if config.record:
        return RecordingRule(config, expression, labels)
    return AlertingRule(
        config,
        expression,
        labels,
        external_labels=defaults.external_labels,
        external_url=defaults.external_url,
        restored=restored,
    )
