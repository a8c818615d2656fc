"""Proof `tfdv_schema`: TensorFlow Data Validation reads our schemas and statistics, and finds by them what we find.

Each case is a table drawn by a seed, with none to three faults planted in it: a new value (tolerated or not), a number
out of range, NaN, infinity, nulls where there should be none, a column that is missing or new, lists too long or too
short, too many or too few distinct values, another type, too few or too many rows. Its schema is written as TFDV's text
and its statistics as TFDV's TFRecord, and TFDV 1.16.1, in an environment of its own, validates by that schema

    theirs   its own statistics of the rows
    ours     the statistics that we wrote

Both must name, for each feature, the anomalies that our `validate` names, each by the table `CODES`; one difference is
known: a column of another type is judged no further here, where TFDV counts its nulls. Then the way back:
the schema that TFDV infers is read, written and read there again (equal), and judges its own rows without an error.

    python proofs/tfdv_schema.py [--share 50] [--seed 1]
"""

from __future__ import annotations

import argparse
import json
import math
import random
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa

ROOT = Path(__file__).parent.parent
PEER = ROOT / "proofs" / "_tfdv_schema_peer.py"
TFDV = ROOT / ".venvs" / "tfdv" / "bin" / "python"
NUM_CASES = 400
NUM_ROWS = 200

# TFDV's anomaly -> the code of the check that finds the same.
CODES = {
    "ENUM_TYPE_UNEXPECTED_STRING_VALUES": "domain",
    "INT_TYPE_BIG_INT": "range",
    "INT_TYPE_SMALL_INT": "range",
    "FLOAT_TYPE_BIG_FLOAT": "range",
    "FLOAT_TYPE_SMALL_FLOAT": "range",
    "FLOAT_TYPE_HAS_NAN": "nan",
    "FLOAT_TYPE_HAS_INF": "infinite",
    "FEATURE_TYPE_LOW_FRACTION_PRESENT": "presence",
    "FEATURE_TYPE_LOW_NUMBER_PRESENT": "presence",
    "FEATURE_TYPE_NOT_PRESENT": "presence",
    "FEATURE_TYPE_HIGH_NUMBER_VALUES": "valency",
    "FEATURE_TYPE_LOW_NUMBER_VALUES": "valency",
    "FEATURE_TYPE_HIGH_UNIQUE": "limits",
    "FEATURE_TYPE_LOW_UNIQUE": "limits",
    "SCHEMA_MISSING_COLUMN": "missing_column",
    "SCHEMA_NEW_COLUMN": "new_column",
    "UNEXPECTED_DATA_TYPE": "type",
    "INT_TYPE_NOT_INT_STRING": "type",
    "FLOAT_TYPE_STRING_NOT_FLOAT": "type",
    "DATASET_LOW_NUM_EXAMPLES": "row_count",
    "DATASET_HIGH_NUM_EXAMPLES": "row_count",
    "COMPARATOR_LOW_NUM_EXAMPLES": "row_ratio",
    "COMPARATOR_HIGH_NUM_EXAMPLES": "row_ratio",
}
OURS = {*CODES.values()}


def right(choose: random.Random, num_rows: int) -> dict[str, list[Any]]:
    """Columns that are as the schema says."""
    return {
        "code": [choose.choice(["A", "B", "C"]) for _ in range(num_rows)],
        "loose": [choose.choice(["x", "y"]) for _ in range(num_rows)],
        "shared": [choose.choice(["JFK", "LGA", None]) for _ in range(num_rows)],
        "count": [choose.randrange(0, 11) for _ in range(num_rows)],
        "delay": [choose.uniform(-5, 5) for _ in range(num_rows)],
        "often": [choose.choice([1.0, 2.0, 3.0, None]) for _ in range(num_rows)],
        "tags": [[choose.choice(["a", "b"])] * choose.randrange(1, 4) for _ in range(num_rows)],
        "few": [f"v{choose.randrange(4)}" for _ in range(num_rows)],
        "late": [choose.random() < 0.3 for _ in range(num_rows)],
        "free": [choose.choice([None, f"t{at}"]) for at in range(num_rows)],
    }


TYPES = {
    "code": pa.string(),
    "loose": pa.string(),
    "shared": pa.string(),
    "count": pa.int64(),
    "delay": pa.float64(),
    "often": pa.float64(),
    "tags": pa.list_(pa.string()),
    "few": pa.string(),
    "late": pa.bool_(),
    "free": pa.string(),
}


def schema_of() -> Any:
    """What holds of the columns above."""
    from headrace.schema import DatasetLimits, Feature, Schema

    return Schema(
        (
            Feature("code", "text", min_present=1.0, domain=("A", "B", "C"), pattern="[A-Z]*"),
            Feature("loose", "text", min_present=0.5, domain=("x", "y"), tolerance={"domain": 0.05}),
            Feature("shared", "text", min_present=0.2, domain_from="airports"),
            Feature("count", "integer", min_present=1.0, min=0, max=10),
            Feature("delay", "number", min_present=1.0, min=-5.0, max=5.0, allow_nan=False, allow_infinite=False),
            Feature("often", "number", min_present=0.5),
            Feature("tags", "list", min_present=1.0, values_kind="text", min_values=1, max_values=3),
            Feature("few", "text", min_present=1.0, limits={"num_distinct": (2, 5)}),
            Feature("late", "boolean", min_present=1.0, not_in=("serving",)),
            Feature("free", "text", min_present=1e-9, max_length=10),
        ),
        domains={"airports": ("JFK", "LGA", "EWR")},
        dataset=DatasetLimits(min_rows=100, max_rows=400, min_ratio=0.6, max_ratio=1.5),
    )


def plant(choose: random.Random, fault: str, columns: dict[str, list[Any]], types: dict[str, Any]) -> None:
    """Put one fault into the columns."""
    num_rows = len(columns["code"]) if "code" in columns else NUM_ROWS

    def some(name: str, value: Any, share: float = 0.1) -> None:
        if name in columns:
            places = choose.sample(range(num_rows), max(1, int(share * num_rows)))
            for place in places:
                columns[name][place] = value() if callable(value) else value

    if fault == "new value":
        some("code", "ZZ")
    elif fault == "new value, tolerated":
        some("loose", "z", 0.02)
    elif fault == "new value, too often":
        some("loose", "z", 0.1)
    elif fault == "new value, shared":
        some("shared", "SFO")
    elif fault == "too big" and types["count"] == pa.int64():
        some("count", 11)
    elif fault == "too small" and types["count"] == pa.int64():
        some("count", -1)
    elif fault == "float too big":
        some("delay", 5.5)
    elif fault == "float too small":
        some("delay", -6.0)
    elif fault == "NaN":
        some("delay", math.nan)
    elif fault == "infinite":
        some("delay", choose.choice([math.inf, -math.inf]))
    elif fault == "null":
        some(choose.choice(["code", "count", "tags", "late"]), None)
    elif fault == "mostly null":
        some("often", None, 0.8)
    elif fault == "all null":
        some("free", None, 1.0)
    elif fault == "missing column":
        columns.pop(choose.choice(["code", "few", "late"]), None)
    elif fault == "new column":
        columns["extra"], types["extra"] = [choose.random() for _ in range(num_rows)], pa.float64()
    elif fault == "list too long":
        some("tags", lambda: ["a"] * 5)
    elif fault == "list too short":
        some("tags", list)
    elif fault == "many distinct":
        some("few", lambda: f"w{choose.randrange(10**6)}", 0.3)
    elif fault == "one distinct":
        some("few", "v0", 1.0)
    elif fault == "text for integers" and types["count"] == pa.int64():
        columns["count"] = [None if value is None else f"n{value}" for value in columns["count"]]
        types["count"] = pa.string()
    elif fault == "floats for integers" and types["count"] == pa.int64():
        columns["count"] = [None if value is None else value + 0.5 for value in columns["count"]]
        types["count"] = pa.float64()


FAULTS = (
    "new value",
    "new value, tolerated",
    "new value, too often",
    "new value, shared",
    "too big",
    "too small",
    "float too big",
    "float too small",
    "NaN",
    "infinite",
    "null",
    "mostly null",
    "all null",
    "missing column",
    "new column",
    "list too long",
    "list too short",
    "many distinct",
    "one distinct",
    "text for integers",
    "floats for integers",
    "few rows",
    "many rows",
)


def write(folder: Path, name: str, table: pa.Table) -> Any:
    """The table for TFDV, and our statistics of it; the data set."""
    import headrace as hr
    from headrace.lookup import find

    with pa.ipc.new_file(folder / f"{name}.arrow", table.schema) as writer:
        writer.write_table(table)
    data = hr.Dataset.from_arrow(table, span="now" if "before" not in name else "before")
    (folder / f"{name}.tfrecord").write_bytes(find("exchange", "tfx")().write_statistics(hr.analyze(data)))
    return data


def make_case(folder: Path, index: int, choose: random.Random) -> dict[str, Any]:
    """One case's files, and what we find."""
    import headrace as hr
    from headrace.lookup import find

    name = f"case-{index:04}"
    faults = choose.sample(FAULTS, choose.randrange(4))
    num_rows = 80 if "few rows" in faults else 450 if "many rows" in faults else NUM_ROWS
    environment = choose.choice(["training", "training", "serving"])
    columns, types = right(choose, num_rows), dict(TYPES)
    if environment == "serving":
        columns.pop("late")
    for fault in faults:
        plant(choose, fault, columns, types)
    table = pa.table({key: pa.array(values, types[key], from_pandas=False) for key, values in columns.items()})
    has_previous = choose.random() < 0.5
    data, previous = write(folder, name, table), None
    if has_previous:
        before = right(choose, NUM_ROWS)
        previous = write(folder, f"{name}-before", pa.table({key: pa.array(before[key], TYPES[key]) for key in before}))
    schema = schema_of()
    exchange = find("exchange", "tfx")()
    written = exchange.write_schema(schema)[0]
    (folder / f"{name}.pbtxt").write_bytes(written)
    again, _ = exchange.read_schema(written, name)
    (folder / f"{name}.back").write_bytes(exchange.write_schema(again)[0])
    (folder / f"{name}.json").write_text(json.dumps({"environment": environment, "has_previous": has_previous}))
    found = hr.validate(data, schema, environment=environment, previous=previous)
    ours = {(item.feature or "", item.code) for item in found.items if item.code in OURS and item.severity != "info"}
    return {"faults": faults, "found": ours, "is_same": again == schema, "data": data, "environment": environment}


def translated(told: dict[str, list[str]]) -> set[tuple[str, str]]:
    """TFDV's anomalies by our codes; one that has none stays as it is."""
    return {(feature, CODES.get(kind, kind)) for feature, kinds in told.items() for kind in kinds}


def known(found: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """What is compared: of a column of another type its type alone, since headrace judges it no further."""
    other = {feature for feature, code in found if code == "type"}
    return {(feature, code) for feature, code in found if feature not in other or code == "type"}


def judge(case: dict[str, Any], line: dict[str, Any]) -> list[str]:
    """What is not as it must be."""
    import headrace as hr
    from headrace.lookup import find

    wrong = []
    for side in ("theirs", "ours"):
        told, found = (known(one) for one in (translated(line[side]), case["found"]))
        if told != found:
            extra, lacking = sorted(told - found), sorted(found - told)
            wrong.append(f"{side}: TFDV finds more {extra}, less {lacking}; planted {case['faults']}")
    if not case["is_same"] or not line["back_is_equal"]:
        wrong.append("the schema does not come back as it was")
    exchange = find("exchange", "tfx")()
    schema, notes = exchange.read_schema(line["inferred"].encode(), "inferred")
    written, _ = exchange.write_schema(schema)
    if exchange.read_schema(written, "again")[0] != schema:
        wrong.append("the schema that TFDV inferred does not come back as it was")
    # TFDV says nothing of a list that may be empty: then it is read as one value, which a note tells.
    unsaid = [name for name in ("tags",) if any(repr(name) in note and "not said" in note for note in notes)]
    errors = [item.name for item in hr.validate(case["data"], schema, environment=case["environment"]).errors]
    if errors != [f"type:{name}" for name in unsaid]:
        wrong.append(f"the rows that TFDV inferred a schema of are wrong by it: {errors}")
    other, _ = exchange.read_schema(line["inferred_of_ours"].encode(), "inferred of ours")
    if other != schema:
        wrong.append("TFDV infers another schema from our statistics than from its own")
    return wrong


def main() -> None:
    """Prove, print, and end with 1 when anything was not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=int, default=1, help="do 1/N of all counts")
    parser.add_argument("--seed", type=int, default=1, help="of all that is random")
    arguments = parser.parse_args()
    subprocess.run(["sh", str(ROOT / "tools" / "environment.sh"), "tfdv"], check=True)
    started = time.monotonic()
    if not TFDV.exists():
        print(
            json.dumps({"proof": "tfdv_schema", "summary": True, "skipped": "no environment of TFDV", "violations": 0})
        )
        return
    choose = random.Random(arguments.seed)
    count = max(8, NUM_CASES // arguments.share)
    with tempfile.TemporaryDirectory(prefix="headrace-tfdv-") as name:
        folder = Path(name)
        cases = [make_case(folder, index, choose) for index in range(count)]
        done = subprocess.run([str(TFDV), str(PEER), str(folder)], capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr[-3000:])
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    violations, faults, codes = 0, Counter[str](), Counter[str]()
    for case, line in zip(cases, lines, strict=True):
        faults.update(case["faults"])
        codes.update(code for _, code in case["found"])
        for said in judge(case, line):
            violations += 1
            print(json.dumps({"proof": "tfdv_schema", "case": line["case"], "wrong": said}), flush=True)
    summary = {
        "proof": "tfdv_schema",
        "summary": True,
        "cases": len(cases),
        "clean": sum(not case["found"] for case in cases),
        "findings": sum(codes.values()),
        "codes": dict(sorted(codes.items())),
        "faults": dict(sorted(faults.items())),
        "tfdv": lines[0]["version"],
        "violations": violations,
        "seed": arguments.seed,
        "share": arguments.share,
        "seconds": round(time.monotonic() - started),
    }
    print(json.dumps(summary), flush=True)
    raise SystemExit(1 if violations else 0)


if __name__ == "__main__":
    main()
