"""Stage 8, answer: the HTTP APIs."""
