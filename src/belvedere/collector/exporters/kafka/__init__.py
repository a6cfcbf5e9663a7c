"""`kafka`: batches as messages of Kafka, by librdkafka (the extra `belvedere[kafka]`).

batch ─ messages by topic and key ─ producer ─ acknowledgement of the broker
"""

from belvedere.collector.exporters.kafka.exporter import KafkaExporter

__all__ = ["KafkaExporter"]
