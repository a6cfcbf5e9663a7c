"""The Collector's benchmark: pipelines, the processes around one, and what is measured."""
