"""`headrace requests ls | show | explain`: what endpoints were asked and answered, and why."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.cli.catalog import SHOWN
from headrace.cli.output import add_output, write_json, write_table
from headrace.cli.project import opened
from headrace.errors import HeadraceError, InvalidInput, UnknownName

if TYPE_CHECKING:
    from headrace.orchestration.ancestry import Ancestry
    from headrace.store import Store

__all__ = ["EXAMPLES", "add_arguments", "execute"]

EXAMPLES = (
    "headrace requests ls -n 50",
    "headrace requests ls late --status 400",
    "headrace requests show 8f14e45f",
    "headrace requests explain 8f14e45f",
)
_REQUEST_HELP = "its id, as the answer's header headrace-request-id has it, or the beginning"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `requests` takes."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="ls|show|explain")
    listed = verbs.add_parser("ls", help="list what was asked last")
    listed.add_argument("endpoint", nargs="?", metavar="ENDPOINT", help="of this endpoint; of all by default")
    listed.add_argument("-n", "--number", type=int, default=20, metavar="NUMBER", help="how many rows to list (20)")
    listed.add_argument("--status", type=int, metavar="STATUS", help="only those answered with this HTTP status")
    add_output(listed)
    show = verbs.add_parser("show", help="one request: the values it came with, and its answer")
    explain = verbs.add_parser(
        "explain", help="ask the version that answered again: every value on the way, why, and what is behind the model"
    )
    for verb in (show, explain):
        verb.add_argument("request", metavar="REQUEST", help=_REQUEST_HELP)
        add_output(verb)


def execute(arguments: argparse.Namespace) -> int:
    """Print it; 1 when a replayed answer differs from the one that was given."""
    with opened() as (store, _):
        if arguments.verb == "ls":
            return _list(store, arguments)
        rows = _find(store, arguments.request)
        if arguments.verb == "show":
            return _show(rows, arguments.output)
        code = _explain(store, rows, arguments.output)
    with contextlib.suppress(HeadraceError, OSError), opened(read_only=False) as (store, _):  # it may only be readable
        body = {"endpoint": rows[0]["request_endpoint"], "request": rows[0]["request_id"], "same": code == 0}
        store.append_event("request-explained", body)
    return code


def _list(store: Store, arguments: argparse.Namespace) -> int:
    from headrace.serving.asked import newest_rows

    names = [one.name for one in store.endpoints()]
    if arguments.endpoint is not None and arguments.endpoint not in names:
        raise UnknownName("endpoint", arguments.endpoint, names)
    wanted = names if arguments.endpoint is None else [arguments.endpoint]
    rows = newest_rows(store.home.requests, wanted, number=arguments.number, status=arguments.status)
    if arguments.output == "json":
        write_json(rows)
        return 0
    shown = [
        {
            "request": row["request_id"],
            "row": row["request_row"],
            "when": row["event_time_us"][:19],
            "endpoint": row["request_endpoint"],
            "version": row["request_version"],
            "status": row["request_status"],
            "ms": f"{row['request_latency_us'] / 1e3:.2f}",
            "prediction": _answer(row),
        }
        for row in rows
    ]
    write_table(shown, ["request", "row", "when", "endpoint", "version", "status", "ms", "prediction"])
    return 0


def _answer(row: dict[str, Any]) -> str:
    """What was answered, briefly: of several classes the likeliest, and how likely."""
    prediction = row["prediction"]
    if prediction is None:
        return ""
    if isinstance(prediction, list):
        return f"{row['predicted_class']} {max(prediction):.3g}"
    return f"{prediction:.6g}"


def _find(store: Store, name: str) -> list[dict[str, Any]]:
    """The rows of one request, in order."""
    from headrace.serving.asked import find_request, newest_rows

    names = [one.name for one in store.endpoints()]
    requests: Path = store.home.requests
    rows = find_request(requests, names, name)
    known = list(dict.fromkeys(row["request_id"] for row in rows))
    if len(known) > 1:
        several = ", ".join(known[:5])
        raise InvalidInput(f"several requests begin with {name!r}: {several}", expected="more of the id")
    if not rows:
        newest = newest_rows(requests, names, number=5)
        raise UnknownName("request", name, [row["request_id"] for row in newest])
    return rows


def _show(rows: list[dict[str, Any]], output: str) -> int:
    if output == "json":
        write_json(rows)
        return 0
    for number, row in enumerate(rows):
        sys.stdout.write("\n" if number else "")
        write_table([{"field": name, "value": _said(value)} for name, value in row.items()], ["field", "value"])
    return 0


def _explain(store: Store, rows: list[dict[str, Any]], output: str) -> int:
    from headrace.orchestration.answered import answered

    first = rows[0]
    found = answered(store, rows)
    code = 0 if found.is_same else 1
    if output == "json":
        whole = {"request": first["request_id"], "endpoint": first["request_endpoint"], "same": found.is_same}
        whole |= {"rows": list(found.rows), "behind": None if found.behind is None else found.behind.to_plain()}
        write_json({**whole, "version": first["request_version"], "model": first["request_model_digest"]})
        return code
    what = f"{first['request_endpoint']} version {first['request_version']}"
    sys.stdout.write(f"request {first['request_id']} to {what}, model {first['request_model_digest'][:SHOWN]}\n")
    for item, row in zip(found.rows, rows, strict=True):
        sys.stdout.write(f"\nrow {row['request_row']}\n")
        _pairs("column", item["values"])
        _pairs("on the way", item.get("steps", {}))
        _pairs("feature", item["features"])
        said = "as it was answered" if item["prediction"] == row["prediction"] else f"answered was {row['prediction']}"
        sys.stdout.write(f"\nprediction {item['prediction']}: {said}\n")
        _reason(item["explanation"])
    if found.behind is not None:
        _behind(found.behind)
    return code


def _pairs(word: str, values: Mapping[str, Any]) -> None:
    if values:
        sys.stdout.write("\n" if word != "column" else "")
        write_table([{word: name, "value": _said(value)} for name, value in values.items()], [word, "value"])


def _reason(told: Mapping[str, Any]) -> None:
    """What each column adds, the largest first."""
    how = "exact Shapley values" if told["method"] == "tree_shap" else "occlusion, which need not add up"
    base, output = _said(told["base"]), _said(told[told["output"]])
    sys.stdout.write(f"\n{told['output']} {output} = {base} and what each column adds ({how})\n")
    if told.get("classes"):
        sys.stdout.write(f"each of {', '.join(map(str, told['classes']))}\n")

    def size(value: Any) -> float:
        values = value if isinstance(value, list) else [value]
        return float(sum(abs(one or 0.0) for one in values))

    parts = sorted(told["contributions"].items(), key=lambda item: -size(item[1]))
    write_table([{"column": name, "adds": _said(value)} for name, value in parts], ["column", "adds"])


def _behind(behind: Ancestry) -> None:
    """Where the model came from."""
    parameters = ", ".join(f"{name}={value}" for name, value in behind.parameters.items())
    sys.stdout.write(f"\nbehind it: run {behind.run_id} of {behind.pipeline}({parameters})\n")
    rows = [
        {
            "step": step.step,
            "made": ", ".join(f"{kind} {digest[:SHOWN]}" for kind, digest in step.outputs.values()),
            "line": step.line,
            "code": step.code[:40],
        }
        for step in behind.steps
    ]
    write_table(rows, ["step", "made", "line", "code"])
    for span, path, digest in behind.files:
        sys.stdout.write(f"rows of {span} from {path}, sha256 {digest[:SHOWN]}\n")
    for path, digest in behind.sources.items():
        sys.stdout.write(f"code of {path}, sha256 {digest[:SHOWN]}\n")
    if behind.verdict:
        sys.stdout.write(f"judged by evaluation {behind.evaluation[:SHOWN]}, verdict {behind.verdict[:SHOWN]}\n")


def _said(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_said, value))
    return "null" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
