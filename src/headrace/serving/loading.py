"""Loading: what makes a version ready to be served; workers do it, and the gate's probe, to see whether it works."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from headrace.errors import InvalidInput
from headrace.serving._memory import available_mb, check_memory
from headrace.serving.core import Served
from headrace.serving.cost import UNKNOWN_COST, Cost, measure

__all__ = ["load", "load_folder", "make", "warm"]

_WARM_ROWS = 8
_WARM_TURNS = 10


def load(
    home: Path, endpoint: str, version: int, digest: str, *, with_shape: bool, num_workers: int | None = None
) -> Served:
    """Load one version from the store and warm it up.

    With `num_workers`, how many processes do so at once, memory is looked at first: NotEnoughMemory is raised where it
    would not fit. Raises InvalidInput or HostDiffers for a model that cannot be served here, StoreError or OSError
    where it cannot be read now.
    """
    from headrace.store import Store

    with Store.open(home, read_only=True) as store:
        folder = store.artifact_folder(digest)
    if num_workers is not None:
        check_memory(folder, f"version {version} of endpoint {endpoint!r}", num_workers, available_mb())
    return load_folder(folder, endpoint, version, digest, with_shape=with_shape)


def load_folder(folder: Path, endpoint: str, version: int, digest: str, *, with_shape: bool) -> Served:
    """Load one version from the folder of its files and warm it up; raises as `load` does."""
    from headrace.model import Model

    model = Model.load(folder)
    cost = warm(model)
    return make(endpoint, version, digest, model, with_shape=with_shape, cost=cost)


def make(
    endpoint: str, version: int, digest: str, model: Any, *, with_shape: bool, cost: Cost = UNKNOWN_COST
) -> Served:
    """A version of a model that is loaded already; `cost` is what `warm` measured of it."""
    from headrace.serving.shape import Shape

    shape = (
        Shape(endpoint, version, digest, model.columns, model.signature.sensitive, model.signature.classes)
        if with_shape
        else None
    )
    if shape is not None:
        _ = shape.schema
    return Served(endpoint, version, digest, model, shape, cost)


def warm(model: Any) -> Cost:
    """Answer golden rows the way requests are answered, so that no client pays for what is done the first time.

    Returns what a run costs here, by which `headrace.serving.running` decides how it is run.
    """
    names = [column.name for column in model.columns]
    golden = model.golden.select(names)
    rows = golden.slice(max(0, golden.num_rows - _WARM_ROWS)).to_pylist()
    bodies = [json.dumps({"instances": [row]}, default=_as_json).encode() for row in rows]
    for _ in range(_WARM_TURNS):
        for body in bodies:
            # A row of a golden table may hold what JSON cannot say; that it is not said warms as well.
            with suppress(InvalidInput):
                model.predict_lanes(model.codec.from_json(body))
    return measure(model.predict_lanes, model.codec.from_batch(golden.slice(max(0, golden.num_rows - 1))))


def _as_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode()}
    return str(value.isoformat())
