"""Serving: answers from a pushed model, over HTTP.

Three layers, each knowing nothing of the one above: `Serving` (endpoints and their models) with `ask`, which answers;
a protocol (bytes to lanes and back, one file each in `protocols/`); and the HTTP door (`http`), which runs in worker
processes that a supervisor starts, watches, and tells of new versions by pipe. What was asked and answered goes to a
request log (`log`), which `reading` reads as a data set.

    headrace serve                      every endpoint of the project's store
    POST /v1/models/late:predict        {"instances": [{"carrier": "AA", ...}]} -> {"predictions": [0.12]}
"""

from headrace.serving._contract import Answer, Protocol, Request
from headrace.serving.answering import ask
from headrace.serving.core import Served, Serving
from headrace.serving.exchange import Asking, Reply
from headrace.serving.server import serve

__all__ = ["Answer", "Asking", "Protocol", "Reply", "Request", "Served", "Serving", "ask", "serve"]
