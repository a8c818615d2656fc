"""Peers of case `faults`: the same files before TensorFlow Data Validation, Evidently and Great Expectations.

`ask` runs this file in each peer's own environment (`tools/environment.sh NAME`), where neither
headrace nor the other peers are; it answers, for each case, the columns that the peer calls wrong, by its defaults:

- tfdv: a schema inferred from the earlier rows, then `validate_statistics`; a column with any anomaly is called.
- evidently: `DataDriftPreset()` of the earlier rows and the new; a column over its own threshold is called.
- great-expectations: it has no defaults. The suite is what is read off the earlier rows: columns not null as they were
  (less one in a hundred), numbers within their range, texts of at most 100 values within these, and means within one
  standard deviation. A column with a failed expectation is called.

None of them says a slice or a kind, so these are not counted. Time is that of judging both tables, reading left out.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any

PEERS = ("tfdv", "evidently", "great-expectations")
WORDS = ("detected", "right_feature", "right_slice", "right_kind")
MOST_VALUES = 100


def write_case(folder: Path, name: str, before: Any, after: Any) -> None:
    """Two Arrow tables for peers to read."""
    import pyarrow.parquet as pq

    for side, table in (("before", before), ("after", after)):
        pq.write_table(table, folder / f"{name}-{side}.parquet")


def ask(peer: str, folder: Path, environments: Path, jobs: int) -> dict[str, dict[str, Any]]:
    """Name of a case -> the columns that the peer calls wrong, and its seconds; of cases that it fails on, nothing.

    The cases are divided among `jobs` processes.
    """
    names = sorted(file.name.removesuffix("-after.parquet") for file in folder.glob("*-after.parquet"))
    python = environments / peer / "bin" / "python"
    if not python.exists():
        raise SystemExit(f"{peer} is not there: sh tools/environment.sh {peer}")
    running = []
    for job in range(jobs):
        (folder / f"{peer}-{job}.json").write_text(json.dumps(names[job::jobs]))
        command = [str(python), str(Path(__file__)), peer, str(folder), str(folder / f"{peer}-{job}.json")]
        with (folder / f"{peer}-{job}.out").open("w") as out, (folder / f"{peer}-{job}.err").open("w") as err:
            running.append(subprocess.Popen(command, stdout=out, stderr=err))
    answers = {}
    for job, one in enumerate(running):
        one.wait()
        for line in (folder / f"{peer}-{job}.out").read_text().splitlines():
            if line.startswith('{"name"'):
                answer = json.loads(line)
                answers[answer["name"]] = answer
    if not answers:
        raise SystemExit(f"{peer} answered nothing: {(folder / f'{peer}-0.err').read_text()[-2000:]}")
    return answers


def rows_of(cases: list[dict[str, Any]], answers: dict[str, dict[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """One row a tool and strength: detected, right feature, slice and kind; and of clean pairs those called wrong.

    `cases` have what ours said of them. A case that a peer failed on counts for it as nothing said, and as `failed`.
    """
    rows = []
    for tool in ("headrace", *answers):
        counts: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        for case in cases:
            words = case if tool == "headrace" else _said(case, answers[tool].get(case["name"]))
            count = counts[case["strength"]]
            count["cases"] += 1
            for word in (
                ("called", "seconds", "failed") if case["strength"] == "clean" else (*WORDS, "seconds", "failed")
            ):
                count[word] += words.get(word, 0) or 0
        for strength in ("strong", "middle", "weak", "clean"):
            count = counts[strength]
            if count["cases"]:
                says_more = tool == "headrace"
                words = (
                    {word: int(count[word]) for word in WORDS}
                    if strength != "clean"
                    else {"called": int(count["called"])}
                )
                if not says_more:
                    words |= {word: None for word in ("right_slice", "right_kind") if word in words}  # type: ignore[misc]
                rows.append(
                    {
                        "tool": tool, "of": strength, "cases": int(count["cases"]), **words,
                        "failed": int(count["failed"]), "seconds_a_case": round(count["seconds"] / count["cases"], 3),
                    }
                )  # fmt: skip
    return rows


def table_of(rows: list[dict[str, Any]]) -> str:
    """The rows for people."""
    heads = ("tool", "of", "cases", *WORDS, "called", "failed", "seconds_a_case")
    lines = [[("-" if row.get(head) is None else str(row[head])) for head in heads] for row in rows]
    widths = [max(len(one[place]) for one in [list(heads), *lines]) for place in range(len(heads))]
    return "\n".join(
        "  ".join(word.ljust(width) for word, width in zip(one, widths, strict=True)) for one in [list(heads), *lines]
    )


def _said(case: dict[str, Any], answer: dict[str, Any] | None) -> dict[str, Any]:
    if answer is None:
        return {"failed": 1}
    found, right = set(answer["columns"]), set(case["features"])
    # Rows that came twice, or not, are no column's fault: any column called is taken for it.
    hit = bool(found & right) or ("None" in right and bool(found))
    right_feature = hit and ("None" in right or found <= right)
    return {"called": bool(found), "detected": hit, "right_feature": right_feature, "seconds": answer["seconds"]}


def main() -> None:
    """Run in a peer's environment: judge each case, print the columns called."""
    peer, folder = sys.argv[1], Path(sys.argv[2])
    import pandas as pd

    warnings.simplefilter("ignore")
    judge = {"tfdv": _tfdv, "evidently": _evidently, "great-expectations": _great_expectations}[peer]
    for name in json.loads(Path(sys.argv[3]).read_text()):
        before, after = (pd.read_parquet(folder / f"{name}-{side}.parquet") for side in ("before", "after"))
        for frame in (before, after):
            for column in frame.columns:
                if str(frame[column].dtype).startswith("datetime"):
                    frame[column] = frame[column].astype("int64") // 1000
        start = time.perf_counter()
        try:
            columns = sorted(judge(before, after))
        except Exception as error:  # a peer that fails on one case is told, and judged by the others
            print(f"{name}: {type(error).__name__}: {error}"[:500], file=sys.stderr, flush=True)
            continue
        took = round(time.perf_counter() - start, 3)
        print(json.dumps({"name": name, "columns": columns, "seconds": took}), flush=True)


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
