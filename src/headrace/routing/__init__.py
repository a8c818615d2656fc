"""Routing: the endpoint, a name that clients call, and the only way a model gets behind it."""

from headrace.routing._push import push

__all__ = ["push"]
