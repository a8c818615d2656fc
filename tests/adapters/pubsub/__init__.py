"""The pubsub extra."""
