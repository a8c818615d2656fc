"""Monitoring: what an endpoint was asked lately, beside what its model was fitted on.

The request log is a data set, so the statistics, distances and noise floors are those of validation; nothing here
knows how a request came in. `monitor` looks once; `headrace monitor --once` prints it, and writes an event to the store
when something is wrong, for whoever watches. `Watch` follows: it judges rules of the last minute every second, and
tells of an alert when it begins and when it is over. `Lookout` has a `Watch` for every endpoint that the project's
records of rules (`AlertRules`, `[[alerts]]` in headrace.toml) name, later ones too (`headrace monitor`,
and beside `headrace up`).
"""

from headrace.alerting import AlertRules
from headrace.delivery import Channels, Delivery
from headrace.monitoring._alerts import alerts
from headrace.monitoring._baseline import Baseline, find_baseline
from headrace.monitoring._drifting import Drifted, SliceBaseline
from headrace.monitoring._lookout import Lookout, check_rules
from headrace.monitoring._monitor import monitor
from headrace.monitoring._observation import Observation, alert
from headrace.monitoring._watch import RULES, Watch
from headrace.monitoring._window import METRICS

__all__ = [
    "METRICS",
    "RULES",
    "AlertRules",
    "Baseline",
    "Channels",
    "Delivery",
    "Drifted",
    "Lookout",
    "Observation",
    "SliceBaseline",
    "Watch",
    "alert",
    "alerts",
    "check_rules",
    "find_baseline",
    "monitor",
]
