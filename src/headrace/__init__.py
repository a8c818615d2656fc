"""headrace: raw data to a served, monitored, continuously re-validated model.

Names are loaded when first used (PEP 562), so `import headrace` imports no third party. Members, such as
`hr.XGBoost` or `hr.CostWeightedError`, are found by `headrace.lookup` from the name of their file.
"""

import importlib as _importlib
from importlib.machinery import PathFinder as _PathFinder
from typing import Any as _Any

__version__ = "0.1.0"

_VERBS = "headrace.orchestration.verbs"

# name -> the module that defines it. `ops` is a module itself.
_NAMES = {
    "AsyncClient": "headrace.client",
    "Choice": "headrace.training",
    "Client": "headrace.client",
    "Columns": "headrace.transformation",
    "Dataset": "headrace.dataset",
    "Expression": "headrace.transformation",
    "Float": "headrace.training",
    "HeadraceError": "headrace.errors",
    "Int": "headrace.training",
    "Limits": "headrace.evaluation",
    "Model": "headrace.model",
    "Schema": "headrace.schema",
    "WeakSlices": "headrace.evaluation",
    "analyze": _VERBS,
    "approval": _VERBS,
    "champion": _VERBS,
    "each": "headrace.orchestration",
    "evaluate": _VERBS,
    "evaluate_predictions": _VERBS,
    "gate": _VERBS,
    "infer_schema": _VERBS,
    "ingest": _VERBS,
    "inspect": _VERBS,
    "latest": _VERBS,
    "load_schema": _VERBS,
    "open_store": "headrace.orchestration",
    "pipeline": "headrace.orchestration",
    "predict": _VERBS,
    "previous": _VERBS,
    "push": _VERBS,
    "step": "headrace.orchestration",
    "train": _VERBS,
    "transform": _VERBS,
    "tune": _VERBS,
    "validate": _VERBS,
    "when": _VERBS,
}

__all__ = ["__version__", "ops", *_NAMES]  # the table is the list


def __getattr__(name: str) -> _Any:
    if name == "ops":
        value: _Any = _importlib.import_module("headrace.transformation.ops")
    elif name in _NAMES:
        value = getattr(_importlib.import_module(_NAMES[name]), name)
    elif name.startswith("_") or _PathFinder.find_spec(f"{__name__}.{name}", __path__) is not None:
        # `from headrace import disk` asks here first and then imports the submodule; no look-up for that.
        raise AttributeError(f"module 'headrace' has no attribute {name!r}")
    else:
        from headrace.lookup import find_class

        found = find_class(name)
        if found is None:
            from headrace import errors
            from headrace.errors import UnknownName

            if name in errors.__all__:
                raise AttributeError(f"module 'headrace' has no attribute {name!r}: it is headrace.errors.{name}")
            problem = UnknownName("name in headrace", name, [*_NAMES, "ops", *_members()])
            raise AttributeError(str(problem))
        value = found
    globals()[name] = value
    return value


def _members() -> list[str]:
    """The members that users name as classes, by their files: none is imported."""
    from headrace.lookup import class_names

    return [name for kind in ("metric", "policy", "searcher", "source", "trainer") for name in class_names(kind)]


def __dir__() -> list[str]:
    return sorted({*__all__, *_members()})
