"""Routing: the endpoint, a name that clients call; how a model gets behind it, and which version answers whom."""

from headrace.routing._contract import Policy, Tables, Traffic
from headrace.routing._push import push
from headrace.routing.allocation import Allocation, Choice, allocate, shares
from headrace.routing.endpoint_policy import EndpointPolicy, Standing, standing_of
from headrace.routing.ledger import Ledger
from headrace.routing.tally import Tally

__all__ = [
    "Allocation",
    "Choice",
    "EndpointPolicy",
    "Ledger",
    "Policy",
    "Standing",
    "Tables",
    "Tally",
    "Traffic",
    "allocate",
    "push",
    "shares",
    "standing_of",
]
