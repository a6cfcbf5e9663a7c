"""The Kubernetes API: who asks, and how lists are kept up to date."""
