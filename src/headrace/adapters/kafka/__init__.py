"""Kafka, by Confluent's client: `pip install 'headrace[kafka]'`."""
