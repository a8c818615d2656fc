"""Google's Pub/Sub, by Google's client: `pip install 'headrace[pubsub]'`."""
