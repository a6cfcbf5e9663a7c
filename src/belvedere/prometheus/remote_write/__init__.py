"""Remote write: how Prometheus is sent samples, in both versions."""
