"""Templates of labels and annotations: Go's text/template with Prometheus's functions.

lexer.py      text → tokens
nodes.py      the tree
parse.py      tokens → tree; what is no template is refused here, functions by their name
values.py     what templates work on: samples, times, durations, and their fields
printing.py   Go's printing of values: `print`, `printf`, `println`
builtins.py   functions of text/template
functions.py  functions of Prometheus
evaluate.py   tree → text
expand.py     a template of an alerting rule, for one of its alerts
"""
