"""The public surface: what users may call is a list that changes on purpose only."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import headrace
from headrace import errors

ROOT = Path(__file__).parent.parent

NAMES = [
    "AsyncClient",
    "Choice",
    "Client",
    "Columns",
    "Dataset",
    "Expression",
    "Float",
    "HeadraceError",
    "Int",
    "Limits",
    "Model",
    "Schema",
    "WeakSlices",
    "__version__",
    "analyze",
    "approval",
    "champion",
    "each",
    "evaluate",
    "evaluate_predictions",
    "gate",
    "infer_schema",
    "ingest",
    "inspect",
    "latest",
    "load_schema",
    "open_store",
    "ops",
    "pipeline",
    "predict",
    "previous",
    "push",
    "step",
    "train",
    "transform",
    "tune",
    "validate",
    "when",
]


def test_names_are_these():
    """A public name is added or removed here first."""
    assert sorted(headrace.__all__) == NAMES


def test_every_name_loads():
    """Each name in the table is defined where the table says."""
    for name in NAMES:
        assert getattr(headrace, name) is not None


def test_members_are_found_by_class_name():
    """A member needs no entry in any table: its file is enough."""
    assert headrace.CostWeightedError.__name__ == "CostWeightedError"
    assert headrace.XGBoost.__name__ == "XGBoost"


def test_members_are_in_dir():
    """What an editor completes holds the members, and finding them imports none."""
    code = "import sys, headrace; print(*dir(headrace)); print('pyarrow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names, is_imported = done.stdout.splitlines()
    assert {*NAMES, "XGBoost", "Csv", "DuckDB", "CostWeightedError", "Canary"} <= set(names.split())
    assert is_imported == "False"


def test_unknown_name_is_answered_with_the_nearest():
    """A typo gets the name that was meant."""
    with pytest.raises(AttributeError, match="did you mean 'analyze'"):
        _ = headrace.anlyze
    with pytest.raises(AttributeError, match="did you mean 'Accuracy'"):
        _ = headrace.Acuracy


def test_an_error_is_where_the_errors_are():
    """Those that are not in `headrace` itself are answered with their place, not with a name that looks alike."""
    for name in set(errors.__all__) - set(NAMES):
        with pytest.raises(AttributeError, match=rf"it is headrace\.errors\.{name}$"):
            getattr(headrace, name)


def test_import_brings_no_third_party():
    """`import headrace` costs the standard library alone."""
    code = (
        "import sys, headrace, headrace.errors\n"
        "third = {'numpy', 'pyarrow', 'onnx', 'onnxruntime', 'orjson', 'granian', 'ruamel', 'xgboost'}\n"
        "print(sorted(third & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_core_dependencies_are_these():
    """A new third party in the core, or in an extra, is a decision: docs/why.md says why each is here."""
    with (ROOT / "pyproject.toml").open("rb") as stream:
        project = tomllib.load(stream)["project"]
    named = [item.split(">")[0].split("<")[0] for item in project["dependencies"]]
    core = "pyarrow numpy onnx onnxruntime orjson ruamel.yaml granian uvloop cronsim fsspec"
    assert named == core.split()
    extras = (
        "beam bigquery duckdb gcs grpc images kafka lightgbm optuna otel postgres pubsub sklearn tfx torch web xgboost"
    )
    assert sorted(project["optional-dependencies"]) == extras.split()
    why = (ROOT / "docs" / "why.md").read_text(encoding="utf-8")
    assert [name for name in named if name not in why] == []
