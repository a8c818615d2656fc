"""Wrong uses, each answered with the fix: what was wrong, where in the user's code, what was expected, what to do."""

import math
import re

import numpy as np
import pyarrow as pa
import pytest

import headrace as hr
from headrace import ops
from tests.wrong_uses import EAGER
from tests.wrong_uses_traced import PIPELINES


@pytest.fixture(scope="module")
def at_hand():
    """What the rows' code works with."""
    random = np.random.default_rng(1)
    table = pa.table(
        {
            "distance": random.normal(500, 200, 400),
            "hour": random.integers(0, 24, 400),
            "carrier": random.choice(["AA", "UA"], 400),
            "is_new": random.random(400) > 0.5,
            "late": random.random(400) > 0.5,
            "flight": list(range(400)),
        }
    )
    data = hr.Dataset.from_arrow(table, label="late", key=["flight"], split={"train": 8, "eval": 2})

    def features(x):
        return {"distance": ops.z_score(x.distance), "hour": x.hour, "carrier": ops.vocabulary(x.carrier)}

    graph = hr.transform(features, data)
    model = hr.train(hr.XGBoost(n_estimators=2), graph, data)
    evaluation = hr.evaluate(model, data, metrics=["roc_auc"], slices=["carrier"])
    return {
        "hr": hr,
        "ops": ops,
        "np": np,
        "pa": pa,
        "math": math,
        "table": table,
        "data": data,
        "features": features,
        "graph": graph,
        "model": model,
        "evaluation": evaluation,
        "verdict": hr.gate(model, evaluation, rules=["roc_auc >= 0"]),
        "refused": hr.gate(model, evaluation, rules=["roc_auc > 1"]),
        "schema": hr.infer_schema(hr.analyze(data)),
    }


def answer(text, line, names, folder):
    """What a person is answered who runs this text as wrong.py; places are written as the rows have them."""
    file = folder / "wrong.py"
    file.write_text(text)
    with pytest.raises(Exception) as caught:
        exec(compile(text, str(file), "exec"), names)
    assert isinstance(caught.value, (hr.HeadraceError, AttributeError)), repr(caught.value)
    said = str(caught.value).replace(str(folder), "FOLDER")
    said = re.sub(r"0\.\d{4,}", "VALUE", said)
    return re.sub(r"wrong\.py, line (\d+)", lambda found: place(int(found[1]) - line), said)


def place(after):
    """How the rows write a line."""
    return "LINE" if not after else f"LINE+{after}"


@pytest.mark.parametrize(("code", "expected"), [row[1:] for row in EAGER], ids=[row[0] for row in EAGER])
def test_eager(code, expected, at_hand, tmp_path):
    """Called as it is, outside a pipeline."""
    names = {**at_hand, "folder": tmp_path, "__name__": "wrong"}
    lines = code.split("\n")
    # A step and a pipeline are refused where they are written; anything else in the last line.
    line = 1 if "hr.step" in code or "hr.pipeline" in code or code.startswith("def f(") else len(lines)
    assert answer(code + "\n", line, names, tmp_path) == expected


@pytest.mark.parametrize(("code", "expected"), [row[1:] for row in PIPELINES], ids=[row[0] for row in PIPELINES])
def test_in_a_pipeline(code, expected, tmp_path):
    """Told while the pipeline is traced: before anything runs."""
    lines = [
        "import headrace as hr",
        "def features(x):",
        "    return {'a': x.a}",
        "@hr.pipeline",
        "def flow():",
        "    raw = hr.ingest('data/{span}.parquet', label='late')",
        "    model = hr.train(hr.XGBoost(), hr.transform(features, raw), raw)",
        f"    {code}",
        "flow.trace()",
    ]
    assert answer("\n".join(lines) + "\n", 8, {"__name__": "wrong"}, tmp_path) == expected


def test_every_answer_helps():
    """No row without a place to look, an expectation or something to do; no answer of Python's own machinery."""
    for name, _, expected in [*EAGER, *PIPELINES]:
        assert re.search(r"\(|; |did you mean|there are", expected), name
        assert "object has no attribute" not in expected and "NoneType" not in expected, name
    assert len(EAGER) + len(PIPELINES) >= 80
