"""`headrace monitor --once [ENDPOINT ...]`: what endpoints are asked, beside what their models were fitted on."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from headrace import progress
from headrace.cli.output import add_output, write_json, write_table
from headrace.cli.project import opened

if TYPE_CHECKING:
    from headrace.monitoring import Observation

__all__ = ["EXAMPLES", "add_arguments", "execute"]

EXAMPLES = (
    "headrace monitor --once",
    "headrace monitor late --once --last 72",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `monitor` takes."""
    parser.add_argument("endpoints", nargs="*", metavar="ENDPOINT", help="only these; all by default")
    parser.add_argument("--once", action="store_true", required=True, help="look once, say what was seen, and end")
    parser.add_argument("--last", type=int, default=24, metavar="HOURS", help="how many hours of the request log (24)")
    add_output(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Print what was seen; 1 when something is over its threshold, which is written down as an event too."""
    from headrace.monitoring import alert, monitor

    with opened(read_only=False) as (store, _):
        names = arguments.endpoints or [one.name for one in store.endpoints()]
        if not names:
            progress.say("there are no endpoints yet: nothing to look at")
        observations = [monitor(store, name, last_hours=arguments.last) for name in names]
        for observation in observations:
            alert(store, observation)
    if arguments.output == "json":
        write_json([observation.to_plain() for observation in observations])
    else:
        for observation in observations:
            _write(observation)
    return 0 if all(observation.ok for observation in observations) else 1


def _write(observation: Observation) -> None:
    latency = observation.latency_us
    hours = observation.hours
    told = f"endpoint {observation.endpoint} version {observation.version}: {observation.num_rows:,} rows"
    if hours:
        told += f" in {hours[0]}" + (f" to {hours[-1]}" if len(hours) > 1 else "")
    if latency:
        told += f", p50 {latency['p50'] / 1e3:.2f} ms, p99 {latency['p99'] / 1e3:.2f} ms"
    for number, word in (
        (observation.num_refused, "refused"),
        (observation.num_failed, "failed"),
        (observation.num_dropped, "not written"),
    ):
        if number:
            told += f", {number:,} {word}"
    sys.stdout.write(told + "\n")
    rows = [{name: "" if value is None else value for name, value in row.items()} for row in observation.to_rows()]
    if rows:
        write_table(rows, ["feature", "measure", "value", "threshold", "noise", "state"])
    for item in observation.items:
        progress.say(f"{item.severity}: {item.message}")
