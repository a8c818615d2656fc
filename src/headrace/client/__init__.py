"""Client: ask a headrace server, from any process that has this package; sync and async."""

from headrace.client._calls import Endpoint, Predictions
from headrace.client.asynchronous import AsyncClient
from headrace.client.synchronous import Client

__all__ = ["AsyncClient", "Client", "Endpoint", "Predictions"]
