"""What is wrong with a template.

TemplateError                a template cannot be used; the message is in Go's words
├── TemplateSyntaxError      the text is no template
└── TemplateExecutionError   the template met values that it cannot work on
"""


class TemplateError(Exception):
    """The message is the text that Prometheus gives."""


class TemplateSyntaxError(TemplateError):
    """The text is no template."""


class TemplateExecutionError(TemplateError):
    """The template met values that it cannot work on."""


class FunctionError(Exception):
    """What a function says of its arguments; the evaluation adds where."""
