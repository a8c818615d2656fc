"""The serving probe: a candidate is loaded by the server's own code in a limited process, asked, and measured.

What comes back is a finding a limit, as rules give them. Whatever is odd is not ok: a process that ended, was killed or
was late, a figure that is missing, a champion that cannot be measured beside it.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from headrace import contained, disk
from headrace.evaluation._evaluation import Evaluation
from headrace.evaluation._limits import Limits
from headrace.evaluation._results import value_text
from headrace.model import Model
from headrace.model.answers import read_column
from headrace.rules import Finding, slice_text

__all__ = ["MODULE", "Probed", "Run", "probe", "run_probe"]

MODULE = "headrace.serving._probing"

_MOST_MB = 4096  # that a model may take beside what Python has, where no limit was given
_SPARE_MB = 1024  # over the limit, so that what is over it can be measured
_MOST_SLICES = 2000

_FIGURES: tuple[tuple[str, str, str], ...] = (
    ("memory_mb", "<=", "it takes more memory than is allowed"),
    ("load_s", "<=", "it takes longer to load than is allowed"),
    ("growth_mb", "<=", "the process grows with every load: what is let go of is not freed"),
    ("request_growth_mb", "<=", "the process grows with every request: what an answer takes is not freed"),
    ("latency_ratio", "<=", "it is slower than the champion by more than is allowed"),
    ("throughput_ratio", ">=", "it answers fewer rows a second than is allowed beside the champion"),
)
_ASKED = {"answers", "malformed", "columns", "predictions"}
_RELATIVE = ("latency_ratio", "throughput_ratio")


@dataclass
class Probed:
    """What the probe's process told.

    Parameters
    ----------
    measured : dict of str to float
        Figures, each with its unit in its name.
    found : dict of str to str
        What was wrong with what was asked; "" for nothing.
    asked : dict of str to int
        How many requests, or rows, each of these was about.
    refused : str
        Why it went no further; "" where it did.
    is_lost : bool
        Whether its process ended otherwise than it does: late, killed, crashed. That may be the machine's fault, and
        says nothing of the model for sure.
    champion : str
        Why the champion could not be measured; "" where it could.
    """

    measured: dict[str, float] = field(default_factory=dict)
    found: dict[str, str] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)
    refused: str = ""
    is_lost: bool = False
    champion: str = ""


Run = Callable[[Path, float], contained.Contained]
"""(folder, seconds) -> how the probe's process ended."""


def run_probe(folder: Path, seconds: float) -> contained.Contained:
    """Run the probe; it limits its memory itself, when it knows what it had before the model came."""
    return contained.run_contained(MODULE, [], contained.Limits(seconds=seconds), folder=folder)


def probe(
    model: Model, evaluation: Evaluation, limits: Limits, champion: Model | None, *, run: Run = run_probe
) -> tuple[tuple[Finding, ...], dict[str, float]]:
    """Findings, one a limit, and all that was measured.

    Parameters
    ----------
    model : Model
        The candidate; its graph is not run in this process.
    evaluation : Evaluation
        Of it: which slices there are, and what it predicted.
    limits : Limits
        What it may cost.
    champion : Model or None
        What is served now.
    run : callable
        What runs the probe's process in its folder.

    Cost: about a second for 200 trees, half of it to start Python.
    """
    probed = _run(model, evaluation, limits, champion, run)
    findings = [*_served(probed, evaluation, model, limits), *_figures(probed, evaluation, limits, champion)]
    return tuple(findings), probed.measured


def _range(model: Model, limits: Limits) -> tuple[float | None, float | None]:
    low, high = limits.min_prediction, limits.max_prediction
    if model.signature.task != "regression":
        low, high = 0.0 if low is None else low, 1.0 if high is None else high
    return low, high


def _known_columns(limits: Limits, champion: Model | None) -> list[str] | None:
    if limits.columns:
        return list(limits.columns)
    if champion is None:
        return None
    return [*(column.name for column in champion.columns), *champion.signature.ignored]


def _run(model: Model, evaluation: Evaluation, limits: Limits, champion: Model | None, run: Run) -> Probed:
    low, high = _range(model, limits)
    most = _MOST_MB if limits.memory_mb is None else limits.memory_mb + max(limits.memory_mb, _SPARE_MB)
    with tempfile.TemporaryDirectory(prefix="headrace-probe-") as name:
        folder = Path(name)
        asked = {
            "candidate": _write(model, folder / "candidate"),
            "champion": None if champion is None else _write(champion, folder / "champion"),
            "columns": _known_columns(limits, champion),
            "slices": list(_slice_rows(model, evaluation)),
            "low": low,
            "high": high,
            "memory_mb": most,
            "timeout_s": limits.timeout_s,
        }
        disk.write_file(folder / "asked.json", json.dumps(asked).encode(), sync=False)
        return _read(run(folder, limits.timeout_s))


def _write(model: Model, folder: Path) -> str:
    model.write(disk.make_folder(folder), sync=False)
    return folder.name


def _read(ended: contained.Contained) -> Probed:
    probed, stage, is_done = Probed(), "starting", False
    for line in ended.output.splitlines():
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if not isinstance(told, dict):
            continue
        stage = told.get("stage", stage)
        is_done = is_done or "done" in told
        probed.measured |= told.get("measured", {})
        probed.found |= told.get("found", {})
        probed.asked |= told.get("asked", {})
        probed.champion = told.get("champion", probed.champion)
        if "refused" in told and not probed.refused:
            probed.refused = f"{stage}: {told['refused']}"
    is_whole = is_done and probed.found.keys() >= _ASKED
    if not is_whole and not probed.refused and not probed.found.get("answers"):
        probed.is_lost = True
        probed.refused = f"{stage}: {ended.stopped or f'its process ended with status {ended.status}'}"
    return probed


def _served(probed: Probed, evaluation: Evaluation, model: Model, limits: Limits) -> Iterator[Finding]:
    """Whether it can be served: loaded, asked, and answering what is a prediction."""
    yield _finding("loads", "loads", 1, probed.refused or None, is_known=not probed.is_lost)
    yield _told(probed, "answers", "answers its golden rows")
    yield _told(probed, "malformed", "refuses what is malformed")
    yield _told(probed, "columns", "needs no column that requests lack")
    low, high = _range(model, limits)
    ends = "" if low is None and high is None else f" from {_end(low)} to {_end(high)}"
    rule = f"predicts finite numbers{ends}"
    wrong, number = _evaluated(evaluation, low, high)
    asked = probed.asked.get("predictions", 0)
    reasons = [text for text in (wrong, probed.found.get("predictions", "")) if text]
    yield _finding(
        "predictions", rule, number + asked, "; ".join(reasons) or None, is_known="predictions" in probed.found
    )


def _end(value: float | None) -> str:
    return "anything" if value is None else f"{value:g}"


def _told(probed: Probed, name: str, rule: str) -> Finding:
    return _finding(
        name, rule, probed.asked.get(name, 0), probed.found.get(name) or None, is_known=name in probed.found
    )


def _finding(metric: str, rule: str, rows: int, wrong: str | None, *, is_known: bool) -> Finding:
    ok = is_known and wrong is None
    reason = wrong or ("yes" if is_known else "not asked: the probe did not come so far")
    return Finding(rule, metric, "", None, None, None, rows, ok=ok, reason=reason, is_judged=is_known, is_limit=True)


def _evaluated(evaluation: Evaluation, low: float | None, high: float | None) -> tuple[str, int]:
    """What is wrong with the predictions that the evaluation is of, and how many they are."""
    values = read_column(evaluation.predictions.column("prediction")).reshape(evaluation.predictions.num_rows, -1)
    num_wrong = int(np.count_nonzero(~np.isfinite(values).all(axis=1)))
    told = [f"{num_wrong:,} of {len(values):,} evaluated rows have no finite prediction"] if num_wrong else []
    with np.errstate(invalid="ignore"):
        num_under = 0 if low is None else int(np.count_nonzero((values < low).any(axis=1)))
        num_over = 0 if high is None else int(np.count_nonzero((values > high).any(axis=1)))
    if num_under + num_over:
        told.append(f"{num_under + num_over:,} of {len(values):,} evaluated rows have a prediction beyond that")
    return "; ".join(told), len(values)


def _figures(probed: Probed, evaluation: Evaluation, limits: Limits, champion: Model | None) -> Iterator[Finding]:
    for name, op, wrong in _FIGURES:
        allowed: float | None = getattr(limits, name)
        if allowed is None:
            continue
        rule = f"{name} {op} {allowed:.15g}"
        measured = probed.measured.get(name)
        ok, is_judged, reason = True, True, "within what is allowed"
        if name in _RELATIVE and champion is None and evaluation.champion_digest is None:
            is_judged, reason = False, "first version: there is no champion to compare with"
        elif measured is None:
            ok, is_judged, reason = False, False, _unmeasured(name, probed, champion)
        else:
            ok = measured <= allowed if op == "<=" else measured >= allowed  # NaN is neither
            reason = reason if ok else wrong
        yield Finding(
            rule, name, "", measured, None, allowed, 0, ok=ok, reason=reason, is_judged=is_judged, is_limit=True
        )


def _unmeasured(name: str, probed: Probed, champion: Model | None) -> str:
    if name in _RELATIVE and champion is None:
        return "not measured: the champion's model is not at hand; evaluate beside it again"
    if name in _RELATIVE and probed.champion:
        return f"not measured: the champion: {probed.champion}"
    return "not measured: the probe did not come so far"


def _slice_rows(model: Model, evaluation: Evaluation) -> Iterator[dict[str, Any]]:
    """{"slice", "values"}: what a row of each slice has in the columns it is cut by, where the model has them."""
    kinds = {column.name: column.kind for column in model.columns}
    number = 0
    for cell in evaluation.cells:
        if not cell.slice or number == _MOST_SLICES or any(name not in kinds for name in cell.slice):
            continue
        values = dict(cell.slice.items())
        if not all(_is_value(kinds[name], value) for name, value in values.items()):
            continue
        number += 1
        yield {
            "slice": slice_text(tuple((name, value_text(value)) for name, value in values.items())),
            "values": values,
        }


def _is_value(kind: str, value: Any) -> bool:
    """Whether a slice's value can stand in a request: that of a slice by bins cannot."""
    if value is None or kind in ("text", "timestamp"):
        return value is None or isinstance(value, str)
    if kind == "boolean":
        return isinstance(value, bool)
    return isinstance(value, int if kind == "integer" else (int, float)) and not isinstance(value, bool)
