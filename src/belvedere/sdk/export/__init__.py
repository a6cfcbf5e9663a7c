"""From ended spans and log records to acknowledged OTLP requests, on a thread of their own."""
