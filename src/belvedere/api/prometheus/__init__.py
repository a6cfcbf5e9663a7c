"""The HTTP API of Prometheus: what Grafana's Prometheus data source and promtool ask."""
