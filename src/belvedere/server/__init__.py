"""Wire up: configuration comes in, a running process goes out."""
