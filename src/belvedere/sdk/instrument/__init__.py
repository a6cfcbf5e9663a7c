"""OpenTelemetry's instrumentors: found, chosen, activated."""
