"""The formats of scrapes: Prometheus's text 0.0.4, OpenMetrics 1.0, and protobuf."""
