"""A small real model, and rows for it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from headrace.dataset import Dataset
from headrace.model import GraphBuilder, InputColumn, Model, Signature


@pytest.fixture
def make_model():
    """Models of one number column x: the prediction is x times a factor, NaN where x is null."""

    def make(factor=1.0, fitted_parts=None):
        columns = (InputColumn("x", "number", is_nullable=True),)
        builder = GraphBuilder(columns)
        scaled = builder.node("Mul", [builder.as_number(builder.column("x")), builder.number(factor)])
        graph = builder.finish({"prediction": (builder.cast(scaled, np.float32), np.float32, 1)})
        parts = dict(fitted_parts or {})
        return Model(graph, Signature(columns, "binary", label="y", fitted_parts=parts, outputs=("prediction",)))

    return make


@pytest.fixture
def table():
    """400 rows: id, x (0..1, with ties), y (0 or 1, a tenth null), weight, carrier (with nulls), hour, moment."""
    generator = np.random.default_rng(0)
    num_rows = 400
    x = np.round(generator.random(num_rows), 2)
    y = (generator.random(num_rows) < x).astype(float)
    carriers = np.array(["AA", "DL", "New York", None], dtype=object)
    return pa.table(
        {
            "id": list(range(num_rows)),
            "x": x,
            "y": pa.array(y, mask=generator.random(num_rows) < 0.1),
            "weight": generator.integers(0, 4, num_rows) / 2.0,
            "carrier": pa.array(carriers[generator.integers(0, 4, num_rows)], pa.string()),
            "hour": generator.integers(5, 8, num_rows),
            "is_night": generator.integers(0, 2, num_rows).astype(bool),
            "moment": pa.array(generator.integers(0, 3, num_rows) * 3_600_000_000, pa.timestamp("us", tz="UTC")),
        }
    )


@pytest.fixture
def dataset(table):
    """The table as a data set of three fragments' worth of rows with a split."""
    return Dataset.from_arrow(table, label="y", key=["id"], split={"train": 1, "eval": 3})
