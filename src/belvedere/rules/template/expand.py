"""Templates of alerting rules: with `$labels`, `$value`, `$externalLabels` and `$externalURL`."""

from functools import lru_cache
from typing import Final

from belvedere.rules.template.errors import TemplateError
from belvedere.rules.template.evaluate import evaluate
from belvedere.rules.template.functions import FUNCTION_NAMES, Surroundings, functions
from belvedere.rules.template.nodes import Template
from belvedere.rules.template.parse import parse_template
from belvedere.rules.template.values import AlertData

_DEFINITIONS: Final = (
    "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}"
    "{{$externalURL := .ExternalURL}}{{$value := .Value}}"
)


@lru_cache(4096)
def parse_alert_template(alert: str, text: str) -> Template:
    """The tree of a label's or annotation's template.

    Raises:
        TemplateSyntaxError: it is none.
    """
    return parse_template(f"__alert_{alert}", _DEFINITIONS + text, FUNCTION_NAMES)


def expand(alert: str, text: str, data: AlertData, around: Surroundings) -> str:
    """What a label's or annotation's template says of one alert.

    Raises:
        TemplateError: it met values that it cannot work on.
    """
    if "{{" not in text:
        return text
    template = parse_alert_template(alert, text)
    try:
        return evaluate(template, data, functions(around))
    except TemplateError as error:
        name = template.name
        raise TemplateError(f"error executing template {name}: {error}") from None
