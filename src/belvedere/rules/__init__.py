"""Rules: recorded series and alerts, from Prometheus's rule files, and their notifications."""
