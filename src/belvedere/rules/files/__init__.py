"""Rule files as Prometheus has them.

model.py   what is in a file
check.py   what is wrong with rules beyond the form of the file
read.py    files by their names and globs
"""
