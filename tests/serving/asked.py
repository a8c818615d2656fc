"""Requests of the Open Inference Protocol for the small table's model: as JSON, in binary, and as tensors."""

import json
import struct

import numpy as np

DATATYPES = {
    "delay": "FP64",
    "carrier": "BYTES",
    "flight": "INT64",
    "hour": "INT32",
    "tail": "BYTES",
    "when": "INT64",
    "is_new": "BOOL",
}
DTYPES = {"FP64": "<f8", "INT64": "<i8", "INT32": "<i4", "BOOL": "?"}


def values_of(table, name):
    """A column's values as JSON has them, timestamps in microseconds."""
    column = table.column(name)
    if name == "when":
        return [None if value.value is None else value.value * 1_000_000 for value in column]
    return column.to_pylist()


def json_request(table, **more):
    """The rows of a table as a JSON request; nulls are null."""
    inputs = [
        {"name": name, "shape": [table.num_rows], "datatype": datatype, "data": values_of(table, name)}
        for name, datatype in DATATYPES.items()
    ]
    return {"inputs": inputs, **more}


def raw_tensors(table):
    """(name, datatype, shape, bytes) of each column, and of the companion of each that has nulls but numbers."""
    found = []
    for name, datatype in DATATYPES.items():
        values = values_of(table, name)
        present = [value is not None for value in values]
        if datatype == "BYTES":
            texts = [(value or "").encode() for value in values]
            data = b"".join(struct.pack("<I", len(text)) + text for text in texts)
        else:
            null = float("nan") if datatype == "FP64" else 0
            filled = [null if value is None else value for value in values]
            data = np.array(filled, DTYPES[datatype]).tobytes()
        found.append((name, datatype, [table.num_rows, 1], data))
        if datatype != "FP64" and not all(present):
            found.append((f"{name}:present", "BOOL", [table.num_rows], np.array(present).tobytes()))
    return found


def binary_request(table, **more):
    """(body, length of its JSON) of the rows of a table in binary."""
    tensors = raw_tensors(table)
    inputs = [
        {"name": name, "shape": shape, "datatype": datatype, "parameters": {"binary_data_size": len(data)}}
        for name, datatype, shape, data in tensors
    ]
    head = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}, **more}).encode()
    return head + b"".join(data for *_, data in tensors), len(head)
