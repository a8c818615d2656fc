"""Proof `tfdv_statistics`: the figures of TensorFlow Data Validation, one by one, beside ours of the same rows.

    flights   336,776 rows of 19 columns, once plain and once weighted by distance
    edges     a table of every type TFDV reads and every edge: nulls, NaN, infinities, negative zero, integers beyond
              2^53, text that is empty, long, not ASCII or not UTF-8, lists that are empty or hold much, structs

Each figure is equal, within the bound of TFDV's own sketches, or of a difference that is known (`KNOWN` says each and
why). Anything else is `wrong`, and the proof fails. One JSON line a table. TFDV 1.16.1 lives in an environment of its
own: `sh tools/environment.sh tfdv`.

    python proofs/tfdv_statistics.py [--share 50] [--seed 1]
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

ROOT = Path(__file__).parent.parent
PEER = ROOT / "proofs" / "_tfdv_peer.py"
TFDV = ROOT / ".venvs" / "tfdv" / "bin" / "python"
NUM_EDGES = 50_000
RANK_ERROR = 0.01  # TFDV's quantile sketch: a median is within one percent of the rows

KNOWN = {
    "lengths are bytes": "TFDV's avg_length counts bytes, ours characters: they differ where text is not ASCII",
    "infinities are in": "TFDV's mean, std_dev, min and max take infinities in; ours are of finite values",
    "sums in float64": "TFDV adds floats one after another (and integers beyond 2^53 as floats); ours are exact",
    "missing below a null": "TFDV counts a field as missing only where its struct is present, ours in every row",
    "counts of a sketch": "TFDV's top values come from a sketch and may be off; ours are what Arrow counts, each",
}


def edges(seed: int, num_rows: int) -> pa.Table:
    """A table of every type and edge."""
    rng = np.random.default_rng(seed)

    def nulls(values: Any, data_type: pa.DataType, share: float = 0.1) -> pa.Array:
        return pa.array(values, data_type, mask=rng.random(num_rows) < share)

    special = rng.normal(size=num_rows)
    special[::11], special[1::13], special[2::17] = math.nan, 0.0, -0.0
    unbounded = special.copy()
    unbounded[3::19], unbounded[4::23] = math.inf, -math.inf
    words = np.array(["", "a", "Zürich", "日本", "plain words", "AA-1234"], object)
    texts = words[rng.integers(0, len(words), num_rows)]
    longs = np.array([f"{at:05}" * (300 if at % 50 == 0 else 1) for at in rng.integers(0, 500, num_rows)], object)
    raw = [[b"\xff\xfe", b"\xfe", b"good", b"ok"][at] for at in rng.integers(0, 4, num_rows)]
    lengths = rng.integers(0, 5, num_rows)
    lists = [None if rng.random() < 0.1 else rng.integers(-5, 5, size).tolist() for size in lengths]
    tags = [None if rng.random() < 0.1 else rng.choice(["x", "yy", "z"], size).tolist() for size in lengths]
    structs = [None if rng.random() < 0.2 else {"a": int(at), "b": f"s{at % 7}"} for at in lengths]
    return pa.table(
        {
            "integer": nulls(rng.integers(-1000, 1000, num_rows), pa.int64()),
            "large": nulls(rng.integers(2**60, 2**61, num_rows), pa.int64()),
            "boolean": nulls(rng.random(num_rows) < 0.3, pa.bool_()),
            "number": nulls(rng.lognormal(3, 2, num_rows), pa.float64()),
            "offset": nulls(1e9 + rng.random(num_rows), pa.float64()),
            "special": nulls(special, pa.float64()),
            "unbounded": nulls(unbounded, pa.float64()),
            "small": nulls(rng.random(num_rows).astype(np.float32), pa.float32()),
            "text": nulls(texts, pa.string()),
            "long": nulls(longs, pa.string()),
            "raw": nulls(raw, pa.binary()).view(pa.string()),
            "constant": nulls(np.full(num_rows, 7), pa.int64()),
            "complete": pa.array(np.arange(num_rows)),
            "numbers": pa.array(lists, pa.list_(pa.int64())),
            "tags": pa.array(tags, pa.list_(pa.string())),
            "struct": pa.array(structs),
            "weight": rng.uniform(0.5, 2, num_rows),
        }
    )


def flights() -> pa.Table:
    """The package's flights; the moments are integers, which is what TFDV would be given."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    import importlib.util

    found = importlib.util.spec_from_file_location("statistics_bench", ROOT / "benchmarks" / "statistics.py")
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    table = module.flights()
    place = table.column_names.index("time_hour")
    return table.set_column(place, "time_hour", table["time_hour"].cast(pa.timestamp("us")).cast(pa.int64()))


def ask(table: pa.Table, weight: str, folder: Path) -> dict[str, Any]:
    """What TFDV says of the table."""
    path = folder / "table.arrow"
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    done = subprocess.run([str(TFDV), str(PEER), str(path), weight], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    return dict(json.loads(done.stdout))


class Judge:
    """Compares figures and counts what was found."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.known: Counter[str] = Counter()
        self.wrong: list[str] = []

    def equal(self, where: str, ours: Any, theirs: Any, *, known: str = "", tolerance: float = 0.0) -> None:
        """Equal, or within a relative tolerance; or a difference of a known kind."""
        theirs = float(theirs) if isinstance(theirs, str) else theirs
        if ours == theirs or (
            isinstance(ours, (int, float)) and math.isclose(ours, theirs, rel_tol=max(tolerance, 1e-12), abs_tol=0)
        ):
            self.counts["equal"] += 1
        elif known:
            assert known in KNOWN
            self.known[known] += 1
        else:
            self.wrong.append(f"{where}: {ours!r} here, {theirs!r} there")

    def within(self, where: str, is_within: bool, ours: Any, theirs: Any) -> None:
        """Within the bound of a sketch of theirs."""
        if is_within:
            self.counts["within its bound"] += 1
        else:
            self.wrong.append(f"{where}: {ours!r} here, {theirs!r} there")


def judge(table: pa.Table, weight: str, told: dict[str, Any]) -> Judge:
    """Every figure that both have."""
    import headrace as hr

    found = hr.analyze(hr.Dataset.from_arrow(table, weight=weight or None))
    judged = Judge()
    judged.equal("rows", found.num_rows, told["num_rows"])
    for name, theirs in told["features"].items():
        if name == weight:
            continue
        ours = found[name]
        in_struct = "." in name
        parent_missing = found[name.split(".")[0]].num_missing if in_struct else 0
        judged.equal(f"{name} present", ours.num_present, theirs["num_present"])
        judged.equal(
            f"{name} missing",
            ours.num_missing,
            theirs["num_missing"],
            known="missing below a null"
            if in_struct and ours.num_missing - parent_missing == theirs["num_missing"]
            else "",
        )
        for word in ("min_values", "mean_values", "max_values"):
            judged.equal(f"{name} {word}", getattr(ours, word), theirs[word], tolerance=1e-6)
        if theirs["kind"] != "struct_stats":
            total = ours.num_values if ours.type == "list" else ours.num_present
            judged.equal(f"{name} values", total, theirs["num_values"])
        if weight and ours.weighted is not None and ours.type != "list" and not in_struct:
            judged.equal(f"{name} weight", ours.weighted.num_present, theirs["weighted_present"], tolerance=1e-5)
            judged.equal(
                f"{name} weight missing", ours.weighted.num_missing, theirs["weighted_missing"], tolerance=1e-5
            )
        if theirs["kind"] == "num_stats":
            numeric(judged, name, ours, theirs, found.distribution(name), is_weighted=bool(weight))
        elif theirs["kind"] == "string_stats":
            texts(judged, name, ours, theirs, table)
    return judged


def numeric(judged: Judge, name: str, ours: Any, theirs: dict[str, Any], one: Any, *, is_weighted: bool) -> None:
    """Figures of numbers."""
    sums = "sums in float64"
    unbounded = "infinities are in" if ours.num_infinite else ""
    judged.equal(f"{name} NaN", ours.num_nan, theirs["num_nan"])
    judged.equal(f"{name} zeros", ours.num_zeros, theirs["num_zeros"])
    for word in ("min", "max"):
        judged.equal(f"{name} {word}", ours.__getattribute__(word), theirs[word], known=unbounded)
    near = ours.mean is not None and math.isclose(ours.mean, float(theirs["mean"]), rel_tol=1e-9)
    judged.equal(f"{name} mean", ours.mean, theirs["mean"], known=unbounded or (sums if near else ""))
    off = abs(float(theirs["std_dev"]) - (ours.std_dev or 0.0))
    # Cancellation: what float64 sums of squares leave of a small spread around a large mean.
    lost = off <= 1e-3 * max(1.0, ours.std_dev or 0.0) or off <= 1e-7 * abs(ours.mean or 0.0)
    judged.equal(f"{name} std_dev", ours.std_dev, theirs["std_dev"], known=unbounded or (sums if lost else ""))
    low, high = one.quantiles([0.5 - 2 * RANK_ERROR, 0.5 + 2 * RANK_ERROR]).tolist()
    median = float(theirs["median"])
    judged.within(f"{name} median", low - 1e-9 * abs(low) <= median <= high + 1e-9 * abs(high), ours.median, median)
    if is_weighted and ours.weighted is not None and ours.type != "list":
        judged.equal(
            f"{name} weighted mean", ours.weighted.mean, theirs["weighted_mean"], known=unbounded, tolerance=1e-5
        )
        off = abs(float(theirs["weighted_std_dev"]) - (ours.weighted.std_dev or 0.0))
        lost = off <= 1e-3 * max(1.0, ours.weighted.std_dev or 0.0) or off <= 1e-7 * abs(ours.weighted.mean or 0.0)
        judged.equal(
            f"{name} weighted std_dev",
            ours.weighted.std_dev,
            theirs["weighted_std_dev"],
            known=unbounded or (sums if lost else ""),
            tolerance=1e-5,
        )
        shares = [0.5 - 2 * RANK_ERROR, 0.5 + 2 * RANK_ERROR]
        low, high = (ours.weighted.quantiles[round(share * 100)] for share in shares)
        median = float(theirs["weighted_median"])
        judged.within(f"{name} weighted median", low <= median <= high, ours.weighted.median, median)
    if not ours.num_infinite and not is_weighted and ours.min < ours.max:
        edges_ = [float(low) for low, _, _ in theirs["histogram"]] + [float(theirs["histogram"][-1][1])]
        ends = np.cumsum([count for *_, count in theirs["histogram"]])
        edges_[0], edges_[-1] = min(edges_[0], float(ours.min)), max(edges_[-1], float(ours.max))
        mine = np.cumsum(one.histogram(edges_))
        # Theirs are high-inclusive and of a sketch, ours exact and low-inclusive: a value on an edge counts there.
        atoms = 0.0
        if one.is_exact:
            counts = dict(zip(one.values.to_pylist(), one.counts.tolist(), strict=True))
            atoms = max((counts.get(edge, counts.get(int(edge), 0)) for edge in edges_), default=0)
        worst = float(np.abs(mine - ends).max())
        judged.within(
            f"{name} histogram", worst <= 2 * RANK_ERROR * one.num_finite + atoms + 1, mine.tolist(), ends.tolist()
        )


def texts(judged: Judge, name: str, ours: Any, theirs: dict[str, Any], table: pa.Table) -> None:
    """Figures of texts."""
    column = table[name] if "." not in name else None
    is_raw = bool(ours.num_invalid_utf8)
    judged.equal(f"{name} distinct", ours.num_distinct, theirs["num_distinct"])
    judged.equal(f"{name} invalid UTF-8", ours.num_invalid_utf8, theirs["num_invalid_utf8"])
    is_ascii = column is None or is_raw or all((text or "").isascii() for text in _flat(column.to_pylist()))
    judged.equal(
        f"{name} mean length",
        ours.mean_length,
        theirs["mean_length"],
        known="lengths are bytes" if not is_ascii or is_raw else "",
        tolerance=1e-6,
    )
    mine, others = dict(ours.top_values), dict(theirs["top_values"])
    if column is not None and not is_raw:
        flat = Counter(text for text in _flat(column.to_pylist()) if text is not None)
        truth = sorted(flat.values(), reverse=True)[: len(mine)]
        right = "counts of a sketch" if truth == list(mine.values()) else ""
        judged.equal(f"{name} counts", truth, sorted(map(int, others.values()), reverse=True), known=right)
        for text in mine.keys() & others.keys():
            right = "counts of a sketch" if mine[text] == flat[text] else ""
            judged.equal(f"{name} {text!r}", mine[text], int(others[text]), known=right)


def _flat(values: list[Any]) -> list[Any]:
    return [item for value in values for item in (value if isinstance(value, list) else [value])]


def main() -> None:
    """Both tables; fails where anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=int, default=1, help="of the rows, one in so many")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    subprocess.run(["sh", str(ROOT / "tools" / "environment.sh"), "tfdv"], check=True)
    cases = [("flights", "", flights), ("flights, by distance", "distance", flights)]
    cases += [("edges", weight, lambda: edges(arguments.seed, NUM_EDGES)) for weight in ("", "weight")]
    failed = False
    for what, weight, make in cases:
        table = make()
        table = table.slice(0, max(1_000, table.num_rows // arguments.share))
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            told = ask(table, weight, Path(folder))
        theirs_s = time.monotonic() - start
        start = time.monotonic()
        judged = judge(table, weight, told)
        failed |= bool(judged.wrong)
        line = {
            "proof": "tfdv_statistics",
            "table": what,
            "weight": weight,
            "tfdv": told["version"],
            "rows": table.num_rows,
            "features": len(told["features"]),
            **judged.counts,
            "known": dict(judged.known),
            "wrong": judged.wrong[:20],
            "their_process_s": round(theirs_s, 1),
            "ours_and_comparing_s": round(time.monotonic() - start, 1),
        }
        print(json.dumps(line), flush=True)
    if failed:
        raise SystemExit("figures differ for no known reason")


if __name__ == "__main__":
    main()
