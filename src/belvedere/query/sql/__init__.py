"""The SQL door: what a person or a program may ask the database in its own language.

text → tokens (`tokens.py`) → allowed or not (`policy.py`) → answer (`door.py`)
"""
