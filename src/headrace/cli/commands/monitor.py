"""`headrace monitor [--once] [ENDPOINT ...]`: what endpoints are asked; alerts by rules of the last minute.

Without a rule or a channel on the command line those of the settings hold, `[[alerts]]`.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace import progress
from headrace.cli.output import add_output, write_json, write_json_line, write_table
from headrace.cli.project import opened

if TYPE_CHECKING:
    from headrace.alerting import AlertRules
    from headrace.monitoring import Observation
    from headrace.settings import Settings

__all__ = ["EXAMPLES", "add_arguments", "execute"]

EXAMPLES = (
    "headrace monitor --once",
    "headrace monitor late --once --last 72",
    "headrace monitor late --rule 'failed_share <= 0.01 with 20 rows' --webhook http://127.0.0.1:9000/alerts",
    "headrace monitor late --rule 'p99_ms <= 50' --email oncall@example.org --smtp 127.0.0.1:25",
    "headrace monitor late --slice carrier --rule 'drift <= 1 on every feature,carrier'",
    "headrace monitor late --rule 'reward_mean >= 0.2 with 200 rows' --then rollback",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `monitor` takes."""
    parser.add_argument("endpoints", nargs="*", metavar="ENDPOINT", help="only these; all by default")
    parser.add_argument("--once", action="store_true", help="look once, say what was seen, and end; else follow")
    parser.add_argument("--last", type=int, default=24, metavar="HOURS", help="with --once: hours of the log (24)")
    parser.add_argument("--rule", action="append", metavar="RULE", help="what must hold, as a gate's; repeatable")
    parser.add_argument("--window", type=float, metavar="SECONDS", help="how far back rules look (60)")
    parser.add_argument(
        "--slice", action="append", default=[], metavar="COLUMN", help="look at drift by its values too"
    )
    parser.add_argument("--webhook", action="append", default=[], metavar="URL", help="POST each alert there as JSON")
    parser.add_argument("--email", action="append", default=[], metavar="ADDRESS", help="mail each alert there")
    parser.add_argument("--smtp", default="127.0.0.1:25", metavar="HOST:PORT", help="the mail relay (127.0.0.1:25)")
    parser.add_argument("--then", metavar="rollback|FILE", help="when an alert begins: roll back, or run a pipeline")
    parser.epilog = "Without --rule, --window, --slice, --webhook, --email and --then: [[alerts]] of the settings."
    add_output(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Print what was seen; 1 when something is over its threshold, which is written down as an event too.

    Following ends with Ctrl-C or SIGTERM, and then with 0.
    """
    if not arguments.once:
        return _follow(arguments)
    from headrace.monitoring import alert, monitor

    with opened(read_only=False) as (store, _):
        names = arguments.endpoints or [one.name for one in store.endpoints()]
        if not names:
            progress.say("there are no endpoints yet: nothing to look at")
        observations = [monitor(store, name, last_hours=arguments.last) for name in names]
        for observation in observations:
            alert(store, observation)
            saw = {"compared": len(observation.comparisons), "rows": observation.num_rows}
            store.append_event("monitored", {"endpoint": observation.endpoint, "ok": observation.ok, **saw})
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


def _follow(arguments: argparse.Namespace) -> int:
    from headrace.errors import UnknownName
    from headrace.monitoring import Lookout
    from headrace.orchestration.reacting import react

    is_ending: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda got, _: is_ending.append(got))

    def tell(text: str, body: dict[str, Any]) -> None:
        if arguments.output == "json":
            write_json_line(body)
        progress.say(f"alert: {text}" if body["state"] == "firing" else text)

    with opened(read_only=False) as (store, settings):
        known = [one.name for one in store.endpoints()]
        for name in arguments.endpoints:
            if name not in known:
                raise UnknownName("endpoint", name, known, where="" if known else "nothing was pushed yet")
        records, of = _records(arguments, settings)
        lookout = Lookout(
            store,
            records,
            only=arguments.endpoints,
            tell=tell,
            act=lambda then, body: react(store, then, body, Path.cwd()),
        )
        names = lookout.take_up(is_strict=True)
        for name in names:
            rules = [rule for one in records if one.matches(name) for rule in one.rules]
            store.append_event("monitored", {"endpoint": name, "follows": True, "rules": rules})
        progress.say(f"following {', '.join(names) or 'nothing: there are no endpoints yet'} by {of}")
        while not is_ending:
            begun = time.monotonic()
            for name in lookout.turn():
                progress.say(f"following {name} too")
            time.sleep(max(0.0, 1.0 - (time.monotonic() - begun)))
        lookout.close()
    return 0


def _records(arguments: argparse.Namespace, settings: Settings) -> tuple[tuple[AlertRules, ...], str]:
    """The record that the options say, or those of the settings; and where they are from, in words."""
    from headrace.alerting import AlertRules

    given = (arguments.rule, arguments.window, arguments.slice, arguments.webhook, arguments.email, arguments.then)
    if not any(one not in (None, []) for one in given):
        return settings.alerts, "the rules of the settings" if settings.alerts else "the rules that stand without any"
    one = AlertRules(
        rules=tuple(arguments.rule or ()),
        window_s=60.0 if arguments.window is None else arguments.window,
        slices=tuple(arguments.slice),
        webhooks=tuple(arguments.webhook),
        emails=tuple(arguments.email),
        smtp=arguments.smtp,
        then=arguments.then or "",
    )
    return (one,), "the rules of the command line" if one.rules else "the rules that stand without any"
