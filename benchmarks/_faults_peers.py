"""Peers of case `faults`: the same files before TensorFlow Data Validation, Evidently and Great Expectations.

`compare` writes cases and runs this file in each peer's own environment (`tools/environment.sh NAME`), where neither
headrace nor the other peers are; it answers, for each case, the columns that the peer calls wrong, by its defaults:

- tfdv: a schema inferred from the earlier rows, then `validate_statistics`; a column with any anomaly is called.
- evidently: `DataDriftPreset()` of the earlier rows and the new; a column over its own threshold is called.
- great-expectations: it has no defaults. The suite is what is read off the earlier rows: columns not null as they were
  (less one in a hundred), numbers within their range, texts of at most 100 values within these, and means within one
  standard deviation. A column with a failed expectation is called.

None of them says a slice or a kind, so these are not counted.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MOST_VALUES = 100


@dataclass(frozen=True)
class Case:
    """Two tables for peers: `features` are the columns that are right to call, `strength` "clean" where none is."""

    name: str
    strength: str
    features: list[str]
    before: Any
    after: Any


def compare(peers: Sequence[str], cases: Iterable[Case], environments: Path) -> Iterator[dict[str, Any]]:
    """One line a peer and strength: detected, right feature; and clean pairs with any column called."""
    import pyarrow.parquet as pq

    with tempfile.TemporaryDirectory() as place:
        folder, written = Path(place), []
        for case in cases:
            for side, table in (("before", case.before), ("after", case.after)):
                pq.write_table(table, folder / f"{case.name}-{side}.parquet")
            written.append({"name": case.name, "strength": case.strength, "features": case.features})
        (folder / "cases.json").write_text(json.dumps([case["name"] for case in written]))
        for peer in peers:
            start = time.perf_counter()
            python = environments / peer / "bin" / "python"
            command = [str(python), str(Path(__file__)), peer, str(folder)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            answers = {}
            for line in done.stdout.splitlines():
                if line.startswith('{"name"'):
                    answer = json.loads(line)
                    answers[answer["name"]] = set(answer["columns"])
            if not answers:
                raise SystemExit(f"{peer} answered nothing: {done.stderr[-2000:]}")
            yield from _lines(peer, written, answers, time.perf_counter() - start)


def _lines(
    peer: str, cases: list[dict[str, Any]], answers: dict[str, set[str]], seconds: float
) -> Iterator[dict[str, Any]]:
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for case in cases:
        if case["name"] not in answers:
            continue
        found, right = answers[case["name"]], set(case["features"])
        # Rows that came twice, or not, are no column's fault: any column called is taken for it.
        hit = bool(found & right) or ("None" in right and bool(found))
        count = counts[case["strength"]]
        count["cases"] += 1
        count["called"] += bool(found)
        count["detected"] += hit
        count["right_feature"] += hit and ("None" in right or found <= right)
    for strength, count in sorted(counts.items()):
        words = ("cases", "called") if strength == "clean" else ("cases", "detected", "right_feature")
        yield {
            "case": "faults", "part": "peers", "peer": peer, "of": strength,
            **{word: count[word] for word in words}, "seconds_a_case": round(seconds / max(1, len(answers)), 2),
        }  # fmt: skip


def main() -> None:
    """Run in a peer's environment: judge each case, print the columns called."""
    peer, folder = sys.argv[1], Path(sys.argv[2])
    import pandas as pd

    warnings.simplefilter("ignore")
    judge = {"tfdv": _tfdv, "evidently": _evidently, "great-expectations": _great_expectations}[peer]
    for name in json.loads((folder / "cases.json").read_text()):
        before, after = (pd.read_parquet(folder / f"{name}-{side}.parquet") for side in ("before", "after"))
        for frame in (before, after):
            for column in frame.columns:
                if str(frame[column].dtype).startswith("datetime"):
                    frame[column] = frame[column].astype("int64") // 1000
        try:
            columns = sorted(judge(before, after))
        except Exception as error:  # a peer that fails on one case is told, and judged by the others
            print(f"{name}: {type(error).__name__}: {error}"[:500], file=sys.stderr, flush=True)
            continue
        print(json.dumps({"name": name, "columns": columns}), flush=True)


def _tfdv(before: Any, after: Any) -> set[str]:
    import tensorflow_data_validation as tfdv

    statistics = [tfdv.generate_statistics_from_dataframe(frame, n_jobs=1) for frame in (before, after)]
    schema = tfdv.infer_schema(statistics[0])
    found = tfdv.validate_statistics(statistics[1], schema, previous_statistics=statistics[0])
    return set(found.anomaly_info)


def _evidently(before: Any, after: Any) -> set[str]:
    from evidently import Report
    from evidently.presets import DataDriftPreset

    shared = [name for name in before.columns if before[name].notna().any() and after[name].notna().any()]
    empty = {name for name in before.columns if before[name].notna().any() and not after[name].notna().any()}
    result = Report([DataDriftPreset()]).run(after[shared], before[shared]).dict()
    found = set(empty)
    for metric in result["metrics"]:
        config = metric.get("config", {})
        if "ValueDrift" not in str(config.get("type", metric.get("metric_name", ""))):
            continue
        value, threshold = float(metric["value"]), float(config["threshold"])
        is_p_value = "p_value" in str(config.get("method", "")) or "p-value" in str(config.get("method", ""))
        if value < threshold if is_p_value else value >= threshold:
            found.add(config["column"])
    return found


def _great_expectations(before: Any, after: Any) -> set[str]:
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    batch = (
        context.data_sources.add_pandas("pandas")
        .add_dataframe_asset("rows")
        .add_batch_definition_whole_dataframe("all")
        .get_batch({"dataframe": after})
    )
    expect, found = gx.expectations, set()
    for name in before.columns:
        present = before[name].dropna()
        share = len(present) / max(1, len(before))
        asked = [expect.ExpectColumnValuesToNotBeNull(column=name, mostly=max(0.0, share - 0.01))]
        if len(present) and str(present.dtype).startswith(("int", "float", "Int")):
            low, high, spread = float(present.min()), float(present.max()), float(present.std())
            middle = float(present.mean())
            asked.append(expect.ExpectColumnValuesToBeBetween(column=name, min_value=low, max_value=high))
            asked.append(
                expect.ExpectColumnMeanToBeBetween(column=name, min_value=middle - spread, max_value=middle + spread)
            )
        elif len(present) and present.nunique() <= MOST_VALUES:
            values = present.unique().tolist()
            asked.append(expect.ExpectColumnValuesToBeInSet(column=name, value_set=values))
        if any(not batch.validate(one).success for one in asked):
            found.add(name)
    return found


if __name__ == "__main__":
    main()
