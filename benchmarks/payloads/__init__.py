"""Requests that are encoded before a run: deterministic, of a stated shape, with real messages."""
