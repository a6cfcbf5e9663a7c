"""Unit tests of rules, in the format of `promtool test rules`.

model.py   what is in a test file
run.py     a file's tests, one after another
group.py   one group of tests: series, rules evaluated over them, expectations
report.py  what is other than expected, in promtool's words
"""
