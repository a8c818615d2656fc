"""Monitoring: what an endpoint was asked lately, beside what its model was fitted on.

The request log is a data set, so the statistics, distances and noise floors are those of validation; nothing here
knows how a request came in. `monitor` looks once; `headrace monitor --once` prints it, and writes an event to the store
when something is wrong, for whoever watches.
"""

from headrace.monitoring._baseline import Baseline, find_baseline
from headrace.monitoring._monitor import monitor
from headrace.monitoring._observation import Observation, alert

__all__ = ["Baseline", "Observation", "alert", "find_baseline", "monitor"]
