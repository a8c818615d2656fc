"""The rows of cases `evaluate` and `tfma`: scores of a calibrated model, and what they are cut and measured by."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

METRICS = ["roc_auc", "log_loss", "brier", "precision", "recall"]
SLICES = {"carrier": 16, "dest": 105, "hour": 15}


def make(num_rows: int) -> pa.Table:
    """Labels and float32 scores of a calibrated model, and three columns of 136 values in all."""
    generator = np.random.default_rng(0)
    label = generator.random(num_rows) < 0.24
    odds = 1.7 * (1.5 * label - 1.3 + generator.standard_normal(num_rows))
    columns: dict[str, Any] = {"late": label, "p": (1.0 / (1.0 + np.exp(-odds))).astype(np.float32)}
    for name, size in SLICES.items():
        columns[name] = pa.array(np.array([f"{name}{n}" for n in range(size)])[generator.integers(0, size, num_rows)])
    return pa.table(columns)
