"""What listens: addresses, certificates, and an HTTP server."""
