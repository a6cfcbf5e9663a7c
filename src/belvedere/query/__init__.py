"""Stage 5, ask: query text comes in, result tables go out."""
