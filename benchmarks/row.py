"""Row `row`: one row from request bytes to answer bytes: codec, the demo's 12 features, 200 trees, JSON.

Against the limit, ONNX Runtime alone with lanes made beforehand; against the same work by hand (orjson, a transform in
plain Python and NumPy, XGBoost's own predict), which checks nothing of what it is sent; and against our own aim. Ours
and the others' take turns, row by row of the same 500 held-out flights, so that a busy machine hits all alike.
"""

from __future__ import annotations

import importlib.util
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from _lines import line, options

CASE = "row"
EXAMPLE = Path(__file__).parent.parent / "examples" / "flights"
ROLES: dict[str, Any] = {
    "label": "late",
    "key": ["time_hour", "carrier", "flight", "origin"],
    "split": {"train": 8, "eval": 2},
}


def load(name: str) -> Any:
    """A module of the example, by its file."""
    found = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLE / f"{name}.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def make(tiny: bool) -> tuple[Any, Any, list[dict[str, Any]]]:
    """The demo's transform and a model of 200 trees on the year's first flights; and held-out raw rows."""
    from headrace.adapters.xgboost.trainer import XGBoost
    from headrace.dataset import Dataset
    from headrace.training import train
    from headrace.transformation import transform

    table = load("prepare").flights().slice(0, 4_000 if tiny else 80_000)
    dataset = Dataset.from_arrow(table, **ROLES)
    graph = transform(load("flights").features, dataset)
    model = train(XGBoost(n_estimators=200, max_depth=6), graph, dataset)
    names = [column.name for column in graph.columns]
    rows = dataset.to_arrow("eval", columns=names).slice(0, 100 if tiny else 500).to_pylist()
    return graph, model, rows


def by_hand(graph: Any, model: Any) -> Callable[[bytes], bytes]:
    """What one writes without headrace for these 12 features; constants are the fitted ones, nothing is checked."""
    import xgboost
    from sklearn.utils import murmurhash3_32

    plain = graph.to_plain()
    constants = {
        op: plain["constants"][str(index)]
        for op, index in dict(plain["expressions"]["features"]).items()
        if str(index) in plain["constants"]
    }
    carriers = {value: float(code) for code, value in enumerate(constants["carrier"]["values"])}
    routes = {value: float(code) for code, value in enumerate(constants["route"]["values"])}
    delay, temperature = constants["dep_delay"], constants["temp"]
    edges = np.array(constants["distance"]["boundaries"])
    booster = xgboost.Booster()
    booster.load_model(bytearray(model.native_files["model.xgboost.json"]))
    booster.set_param({"nthread": 1})
    nan = math.nan

    def number(row: dict[str, Any], name: str) -> float:
        value = row[name]
        return nan if value is None else value

    def answer(body: bytes) -> bytes:
        row = orjson.loads(body)["instances"][0]
        origin, dest, distance, wind = row["origin"], row["dest"], row["distance"], row["wind_speed"]
        route, code = nan, nan
        if origin is not None and dest is not None:
            text = f"{origin}\x1f{dest}"
            code = routes.get(text, -1.0)
            route = code if code >= 0.0 else float(len(routes) + murmurhash3_32(text, positive=True) % 16)
        if row["carrier"] is not None:
            code = carriers.get(row["carrier"], -1.0)
        else:
            code = nan
        temp = 55.0 if row["temp"] is None else row["temp"]
        values = (
            (number(row, "dep_delay") - delay["mean"]) / delay["std_dev"],
            nan if distance is None else float(np.searchsorted(edges, distance, side="right")),
            code,
            route,
            number(row, "hour"),
            (temp - temperature["mean"]) / temperature["std_dev"],
            0.0 if wind is None else float(wind > 20.0),
            number(row, "visib"),
            number(row, "precip"),
            number(row, "seats"),
            2013 - number(row, "plane_year"),
            float(row["tailnum"] is None),
        )
        matrix = np.array([values], np.float64).astype(np.float32)
        return orjson.dumps({"predictions": booster.inplace_predict(matrix).tolist()})

    return answer


def medians_us(works: dict[str, Callable[[int], object]], num_rows: int, *, rounds: int) -> dict[str, float]:
    """Median microseconds of one call of each, taking turns; each round answers every row once."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(rounds + 1):
        for name, work in works.items():
            for index in range(num_rows):
                start = time.perf_counter_ns()
                work(index)
                if turn:  # the first round warms up
                    times[name].append((time.perf_counter_ns() - start) / 1e3)
    return {name: float(np.median(found)) for name, found in times.items()}


def main() -> None:
    """Print our time for one row beside the limit, the work by hand, and the aim."""
    arguments = options(__doc__)
    graph, model, rows = make(arguments.tiny)
    bodies = [orjson.dumps({"instances": [row]}) for row in rows]
    lanes = [model.codec.from_json(body) for body in bodies]
    session = model.session

    def ours(index: int) -> bytes:
        found = model.predict_lanes(model.codec.from_json(bodies[index]))
        return orjson.dumps({"predictions": found["prediction"].tolist()})

    works: dict[str, Callable[[int], object]] = {
        "ours": ours,
        "onnxruntime alone, lanes ready": lambda index: session.run(["prediction"], lanes[index]),
        "codec alone": lambda index: model.codec.from_json(bodies[index]),
    }
    if not arguments.no_peers:
        hand = by_hand(graph, model)
        for index, body in enumerate(bodies):  # a peer that does other work would prove nothing
            ratio = abs(orjson.loads(hand(body))["predictions"][0] - orjson.loads(ours(index))["predictions"][0])
            assert ratio < 1e-4, (rows[index], ratio)
        works["by hand: orjson, Python, XGBoost"] = lambda index: hand(bodies[index])
    found = medians_us(works, len(rows), rounds=1 if arguments.tiny else 10)
    trees = int(model.signature.trainer["n_estimators"])
    what = f"1 row, {len(model.columns)} columns, {len(model.feature_names)} features, {trees} trees"
    mine = found["ours"]
    line(
        CASE,
        what,
        "us",
        mine,
        "onnxruntime alone, lanes ready",
        found["onnxruntime alone, lanes ready"],
        note="limit: nothing parsed or checked",
    )
    if not arguments.no_peers:
        name = "by hand: orjson, Python, XGBoost"
        line(CASE, what, "us", mine, name, found[name], note="no codec: wrong types and names pass")
    line(CASE, what, "us", mine, "floor", 80.0)
    line(CASE, what, "us", mine, "aim", 35.0, note=f"codec {found['codec alone']:.1f} us of it")
    if mine > 80.0 and not arguments.tiny:
        print(f"row: {mine:.1f} us is above the floor of 80 us", file=sys.stderr)


if __name__ == "__main__":
    main()
