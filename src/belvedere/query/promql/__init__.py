"""PromQL, the language of Prometheus 3.14: text → AST → plan → matrices."""
