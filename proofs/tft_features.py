"""Proof `tft_features`: ops that TensorFlow Transform has too give its values.

The edges that docs/concepts/features.md lists as changed on purpose are left out.

400 rows without nulls (its dense features know none) are analysed and transformed by both: z-scores and min-max,
quantile buckets and these by key, given buckets, ranks between quantiles, counts by key, vocabularies by count, by a
least count and by mutual information, the words and pairs of a text, tf-idf without a norm. Its results are float32
throughout, ours float64 until the last step, so values agree to float32's last digits; buckets, codes and counts agree
exactly.

One JSON line an op, and one that sums up. Needs .venvs/tft: sh tools/environment.sh tft

    python proofs/tft_features.py [--seed 1]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parent.parent
PEER = ROOT / ".venvs" / "tft" / "bin" / "python"
NUM_RANKS = 8
EXACT = {
    "bucketize",
    "given",
    "bucketize_by_key",
    "count_encode",
    "vocabulary",
    "min_count",
    "mutual_information",
    "bag_of_words",
    "constant",
}


def rows_of(seed: int) -> list[dict[str, Any]]:
    """Rows whose words come in numbers that leave no tie: both then order a vocabulary alike."""
    random = np.random.default_rng(seed)
    words = random.permutation(["often"] * 200 + ["some"] * 120 + ["few"] * 60 + ["rare"] * 20)
    pool = ["one", "two", "three", "four"]
    texts = [" ".join(random.choice(pool, size=random.integers(1, 6), p=[0.5, 0.3, 0.15, 0.05])) for _ in words]
    numbers = random.normal(size=len(words)).astype(np.float32)
    keys = random.permutation(["x"] * 200 + ["y"] * 120 + ["z"] * 80)  # quarters of each lie between two rows
    # Far enough apart that rows without a word, which theirs leaves out, do not matter to the order.
    always = {"some": 1.0, "few": 0.0}
    return [
        {
            "a": float(a),
            "key": str(key),
            "word": str(word),
            "text": text,
            "constant": 5.0,
            "label": always.get(str(word), float(place % 2)),
        }
        for place, (a, key, word, text) in enumerate(zip(numbers, keys, words, texts, strict=True))
    ]


def ours(rows: list[dict[str, Any]]) -> tuple[dict[str, np.ndarray[Any, Any]], dict[str, list[str]]]:
    """The same features, and the tokens of the columns of the two that have some."""
    import pyarrow as pa

    from headrace import ops
    from headrace.dataset import Dataset
    from headrace.testing.op_cases import applied_matrix
    from headrace.transformation import transform

    def features(x: Any) -> dict[str, Any]:
        return {
            "z_score": ops.z_score(x.a),
            "min_max": ops.min_max(x.a),
            "bucketize": ops.bucketize(x.a, num_buckets=4),
            "given": ops.bucketize(x.a, boundaries=[-1, 0, 1]),
            "z_score_by_key": ops.z_score_by_key(x.a, x.key),
            "min_max_by_key": ops.min_max_by_key(x.a, x.key),
            "bucketize_by_key": ops.bucketize_by_key(x.a, x.key, num_buckets=4),
            "quantile_rank": ops.quantile_rank(x.a, num_buckets=NUM_RANKS),
            "count_encode": ops.count_encode(x.key),
            "vocabulary": ops.vocabulary(x.word, top_k=3),
            "min_count": ops.vocabulary(x.word, min_count=100),
            "mutual_information": ops.vocabulary(x.word, order="mutual_information"),
            "bag_of_words": ops.bag_of_words(x.text, ngrams=(1, 2)),
            "constant": ops.z_score(x.constant),
            "tfidf": ops.tf_idf(x.text, norm="none"),
        }

    table = pa.Table.from_pylist(rows)
    graph = transform(features, Dataset.from_arrow(table, label="label"))
    matrix, first, found = applied_matrix(graph, table), 0, {}
    for name, width in zip(graph.feature_names, graph.feature_widths, strict=True):
        found[name] = matrix[:, first : first + width]
        first += width
    plain = graph.to_plain()
    nodes = dict(plain["expressions"]["features"])
    return found, {name: plain["constants"][str(nodes[name])]["tokens"] for name in ("tfidf", "bag_of_words")}


def main() -> None:
    """Ask both, compare, sum up."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--share", type=int, default=1, help="makes no difference: it takes seconds")
    parser.add_argument("--seed", type=int, default=1)
    rows = rows_of(parser.parse_args().seed)
    if not PEER.exists():
        raise SystemExit("there is no .venvs/tft: sh tools/environment.sh tft")
    with tempfile.TemporaryDirectory() as folder:
        given, answer = Path(folder) / "rows.json", Path(folder) / "found.json"
        values = np.array([row["a"] for row in rows], np.float32).astype(float)
        edges = np.quantile(values, np.arange(NUM_RANKS + 1) / NUM_RANKS).tolist()
        given.write_text(json.dumps({"rows": rows, "edges": edges}))
        command = [str(PEER), str(ROOT / "proofs" / "_tft_peer.py"), str(given), str(answer)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr[-3000:])
        theirs = json.loads(answer.read_text())
    mine, tokens = ours(rows)
    lengths = np.array([len(row["text"].split(" ")) for row in rows], float)
    failed = []
    for name, values in mine.items():
        wanted = np.array([row[name] for row in theirs["rows"]], float).reshape(len(rows), -1)
        if name == "tfidf":
            # Theirs divides counts by the length of the text, ours does not: docs/concepts/features.md.
            wanted = wanted[:, [theirs["tokens"].index(token) for token in tokens[name]]] * lengths[:, None]
        if name == "bag_of_words":  # theirs says which there are, ours how often
            wanted = wanted[:, [theirs["pairs"].index(token) for token in tokens[name]]]
            values = np.minimum(values, 1.0)
        exact = name in EXACT
        differ = float(np.abs(values - wanted).max())
        is_well = differ == 0.0 if exact else differ < 2e-5
        failed += [] if is_well else [name]
        print(json.dumps({"op": name, "largest_difference": differ, "exact": exact, "ok": is_well}), flush=True)
    print(json.dumps({"case": "tft_features", "rows": len(rows), "ops": len(mine), "failed": failed}), flush=True)
    if failed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
