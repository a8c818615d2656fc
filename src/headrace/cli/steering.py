"""The verbs of `headrace endpoints` that say who answers: policy, promote, withdraw, admit, keep, label, estimate."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from typing import Any

from headrace import progress
from headrace.cli.output import add_output, write_json, write_table
from headrace.cli.project import opened
from headrace.errors import InvalidInput

__all__ = ["add_verbs", "execute_verb", "write_traffic"]

_SET_HELP = "a parameter of the policy, or a setting of its record (window_s, missing, reward_high ...); repeatable"


def add_verbs(verbs: Any) -> None:
    """Add the verbs to those of `endpoints`."""
    policy = verbs.add_parser("policy", help="divide an endpoint's traffic by a policy; servers follow within seconds")
    policy.add_argument("name", metavar="ENDPOINT", help="its name")
    policy.add_argument("policy", metavar="POLICY", help="single, canary, shadow, epsilon_greedy, ucb1, thompson ...")
    policy.add_argument("--set", action="append", default=[], dest="sets", metavar="NAME=VALUE", help=_SET_HELP)
    policy.add_argument("--versions", metavar="1,2", help="take part beside the champion, and all pushed later")
    policy.add_argument("--unit", default="", metavar="COLUMN", help="the column whose value stays with one version")
    policy.add_argument("--segment", default="", metavar="COLUMN=A,B", help="values that have a table of their own")
    policy.add_argument("--fresh", action="store_true", help="forget what was learned so far")
    policy.add_argument("--because", default="", metavar="TEXT", help="why: kept in the endpoint's log")
    add_output(policy)
    promote = verbs.add_parser("promote", help="make a version that takes part the champion")
    promote.add_argument("name", metavar="ENDPOINT", help="its name")
    promote.add_argument("--to", type=int, required=True, metavar="VERSION", help="which")
    promote.add_argument("--because", default="", metavar="TEXT", help="why: kept in the endpoint's log")
    add_output(promote)
    for verb, line in (("withdraw", "take a version out of the traffic"), ("admit", "let a version take part again")):
        parser = verbs.add_parser(verb, help=line)
        parser.add_argument("name", metavar="ENDPOINT", help="its name")
        parser.add_argument("--version", type=int, required=True, metavar="VERSION", help="which")
        parser.add_argument("--because", default="", metavar="TEXT", help="why: kept in the endpoint's log")
        add_output(parser)
    keep = verbs.add_parser("keep", help="which versions answer, by their number, beside the one served")
    keep.add_argument("name", metavar="ENDPOINT", help="its name")
    which = keep.add_mutually_exclusive_group(required=True)
    which.add_argument("--latest", action="store_true", help="none but what has a label: what is served alone")
    which.add_argument("--all", action="store_true", help="all that were not withdrawn")
    which.add_argument("--last", type=int, metavar="N", help="the N newest")
    which.add_argument("--versions", metavar="2,5", help="these")
    keep.add_argument("--because", default="", metavar="TEXT", help="why: kept in the endpoint's log")
    add_output(keep)
    label = verbs.add_parser("label", help="name a version; servers answer /labels/LABEL with it once it is loaded")
    label.add_argument("name", metavar="ENDPOINT", help="its name")
    label.add_argument("label", metavar="LABEL", help="letters, digits, '_'")
    label.add_argument("version", type=int, nargs="?", metavar="VERSION", help="which")
    label.add_argument("--remove", action="store_true", help="take the label away")
    label.add_argument("--because", default="", metavar="TEXT", help="why: kept in the endpoint's log")
    add_output(label)
    estimate = verbs.add_parser("estimate", help="what another policy, or one version alone, would have earned")
    estimate.add_argument("name", metavar="ENDPOINT", help="its name")
    estimate.add_argument("--policy", metavar="POLICY", help="which; by default each version alone")
    estimate.add_argument("--set", action="append", default=[], dest="sets", metavar="NAME=VALUE", help=_SET_HELP)
    estimate.add_argument("--version", type=int, metavar="VERSION", help="one version alone")
    add_output(estimate)


def execute_verb(arguments: argparse.Namespace) -> int:
    """Do it; 1 where an estimate is refused, else 0."""
    if arguments.verb == "estimate":
        return _estimate(arguments)
    name = arguments.name
    with opened(read_only=False) as (store, _):
        if arguments.verb == "policy":
            told = _set_policy(store, arguments)
        elif arguments.verb == "keep":
            told = _keep(store, arguments)
        elif arguments.verb == "label":
            told = _label(store, arguments)
        elif arguments.verb == "promote":
            store.promote(name, arguments.to, reason=arguments.because)
            told = f"endpoint {name} serves version {arguments.to}"
        elif arguments.verb == "withdraw":
            from headrace.routing.dividing import take_out

            take_out(store, name, arguments.version, reason=arguments.because)
            told = f"endpoint {name}: version {arguments.version} answers nobody any more"
        else:
            store.admit_version(name, arguments.version, reason=arguments.because)
            told = f"endpoint {name}: version {arguments.version} may take part again"
    if arguments.output == "json":
        write_json({"endpoint": name, "done": arguments.verb})
    else:
        progress.say(told)
    return 0


def _keep(store: Any, arguments: argparse.Namespace) -> str:
    which = "latest" if arguments.latest else "all"
    if arguments.last is not None:
        which = f"last {arguments.last}"
    elif arguments.versions is not None:
        which = "these " + arguments.versions.replace(",", " ")
    kept = store.keep_versions(arguments.name, which, reason=arguments.because)
    told = ", ".join(str(version) for version in kept)
    return f"endpoint {arguments.name}: " + (f"versions {told} answer by number" if told else "what is served answers")


def _label(store: Any, arguments: argparse.Namespace) -> str:
    name, label, version = arguments.name, arguments.label, arguments.version
    if (version is not None) == arguments.remove:
        raise InvalidInput("a label, and neither a version nor --remove", expected="one of them")
    store.set_label(name, label, version, reason=arguments.because)
    if version is None:
        return f"endpoint {name}: there is no label {label} any more"
    return f"endpoint {name}: label {label} moves to version {version} where that is loaded"


def _set_policy(store: Any, arguments: argparse.Namespace) -> str:
    from headrace.routing.dividing import divide, policy_of

    record = policy_of(arguments.policy, arguments.sets)
    after = divide(
        store,
        arguments.name,
        record,
        versions=[] if arguments.versions is None else arguments.versions.split(","),
        unit=arguments.unit,
        segment=arguments.segment,
        is_fresh=arguments.fresh,
        reason=arguments.because,
    )
    taking = ", ".join(str(version) for version in after.versions)
    return f"endpoint {arguments.name}: {record.policy} divides its traffic between versions {taking}"


def _estimate(arguments: argparse.Namespace) -> int:
    from headrace.routing import standing_of
    from headrace.routing.dividing import policy_of
    from headrace.serving.traffic import estimate_policy

    with opened() as (store, _):
        standing = standing_of(store, arguments.name)
        if arguments.policy is not None and arguments.version is not None:
            raise InvalidInput("--policy and --version", expected="one of them")
        if arguments.policy is not None:
            targets: dict[str, Any] = {arguments.policy: policy_of(arguments.policy, arguments.sets)}
        else:
            versions = standing.versions if arguments.version is None else (arguments.version,)
            targets = {f"version {version}": version for version in versions}
        found = {name: estimate_policy(store, arguments.name, target) for name, target in targets.items()}
    if arguments.output == "json":
        write_json([{"target": name, **one.to_plain()} for name, one in found.items()])
    else:
        write_table(
            [
                {
                    "target": name,
                    "decisions": one.num_rows,
                    "worth": f"{one.effective_rows:.0f}",
                    **{kind: _span(getattr(one, kind)) for kind in ("ips", "snips", "dr")},
                }
                for name, one in found.items()
            ],
            ["target", "decisions", "worth", "ips", "snips", "dr"],
        )
        for name, one in found.items():
            if one.refusal:
                progress.say(f"{name}: the data cannot tell: {one.refusal}")
    return 1 if any(one.refusal for one in found.values()) else 0


def _span(values: tuple[float, float, float]) -> str:
    value, lower, upper = values
    return "" if value != value else f"{value:.4g} ({lower:.4g} to {upper:.4g})"


def write_traffic(traffic: dict[str, Any]) -> None:
    """Who answers, how sure it is who is best, and what that cost."""
    policy = traffic["policy"]
    since = datetime.fromtimestamp(traffic["since_us"] / 1e6, UTC).isoformat(timespec="seconds")
    told = ", ".join(f"{name} {value}" for name, value in policy["parameters"].items())
    sys.stdout.write(f"policy {policy['policy']}{f' ({told})' if told else ''} since {since}\n")
    rows = [
        {
            "segment": row["segment"],
            "version": f"{row['version']}{' (champion)' if row['version'] == traffic['champion'] else ''}",
            "share": f"{row['share']:.1%}",
            "requests": row["num_decided"],
            "rewarded": row["num_rewarded"],
            "reward": "" if row["mean"] is None else f"{row['mean']:.4g} ({row['lower']:.4g} to {row['upper']:.4g})",
            "is best": f"{row['best_probability']:.1%}",
            "loses": f"{row['expected_loss']:.3g}",
        }
        for row in traffic["segments"]
    ]
    if rows:
        write_table(rows, ["segment", "version", "share", "requests", "rewarded", "reward", "is best", "loses"])
        counts = ", ".join(f"{count:,} {name}" for name, count in traffic["counts"].items())
        sys.stdout.write(
            f"version {traffic['best']} is the best with a probability of {traffic['best_probability']:.1%};"
            f" learning has cost about {traffic['regret']:.4g} of reward; rewards: {counts}\n"
        )
    for version, reason in traffic["withdrawn"].items():
        sys.stdout.write(f"version {version} was taken out: {reason or 'no reason was given'}\n")
    sys.stdout.write("\n")
