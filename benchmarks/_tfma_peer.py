"""The other half of case `evaluate`, run in TensorFlow Model Analysis' environment: its time, as JSON, on some rows."""

from __future__ import annotations

import json
import sys
import time

import pandas as pd
import tensorflow_model_analysis as tfma
from google.protobuf import text_format


def main() -> None:
    """Analyse the rows of a Parquet file: label `late`, prediction `p`, slices by the other columns."""
    table = pd.read_parquet(sys.argv[1])
    slices = [name for name in table.columns if name not in ("late", "p")]
    table["late"] = table["late"].astype("float32")
    names = ("AUC", "BinaryCrossEntropy", "MeanSquaredError", "Precision", "Recall")
    told = "".join(f'metrics {{ class_name: "{name}" }}' for name in names)
    cuts = "".join(f'slicing_specs {{ feature_keys: ["{name}"] }}' for name in slices)
    config = text_format.Parse(
        f'model_specs {{ label_key: "late" prediction_key: "p" }} metrics_specs {{ {told} }} slicing_specs {{}} {cuts}',
        tfma.EvalConfig(),
    )
    start = time.perf_counter()
    found = tfma.analyze_raw_data(table, config)
    took = time.perf_counter() - start
    overall = next(outputs for key, outputs in found.slicing_metrics if not key)[""][""]
    metrics = {name: value.get("doubleValue") for name, value in overall.items()}
    json.dump({"seconds": took, "slices": len(found.slicing_metrics), "metrics": metrics}, sys.stdout)


if __name__ == "__main__":
    main()
