"""The estimators of scikit-learn that can be converted: a closed list, with what each asks for."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from headrace.errors import InvalidInput, UnknownName
from headrace.model.signature import Task

__all__ = ["ESTIMATORS", "Estimator", "check_params", "default_parameter", "estimator_named", "make", "read_instance"]

Family = Literal["linear", "layers", "tree", "forest", "boosting", "histogram"]


@dataclass(frozen=True)
class Estimator:
    """One estimator of the list.

    Parameters
    ----------
    module : str
        Where its class is.
    family : str
        Which converter writes it.
    task : "binary" or "regression"
        What it does.
    allowed : dict of str to tuple
        Parameters of which only some values are converted, and those values.
    """

    module: str
    family: Family
    task: Task
    allowed: Mapping[str, tuple[Any, ...]] | None = None


_LOG_LOSS = {"loss": ("log_loss",)}
_VALUE_LOSS = {"loss": ("squared_error", "absolute_error", "quantile"), "categorical_features": (None, "from_dtype")}

ESTIMATORS: dict[str, Estimator] = {
    "LogisticRegression": Estimator("linear_model", "linear", "binary"),
    "SGDClassifier": Estimator("linear_model", "linear", "binary", _LOG_LOSS),
    "LinearRegression": Estimator("linear_model", "linear", "regression"),
    "Ridge": Estimator("linear_model", "linear", "regression"),
    "Lasso": Estimator("linear_model", "linear", "regression"),
    "ElasticNet": Estimator("linear_model", "linear", "regression"),
    "SGDRegressor": Estimator("linear_model", "linear", "regression"),
    "DecisionTreeClassifier": Estimator("tree", "tree", "binary"),
    "DecisionTreeRegressor": Estimator("tree", "tree", "regression"),
    "RandomForestClassifier": Estimator("ensemble", "forest", "binary"),
    "RandomForestRegressor": Estimator("ensemble", "forest", "regression"),
    "ExtraTreesClassifier": Estimator("ensemble", "forest", "binary"),
    "ExtraTreesRegressor": Estimator("ensemble", "forest", "regression"),
    "GradientBoostingClassifier": Estimator("ensemble", "boosting", "binary", _LOG_LOSS),
    "GradientBoostingRegressor": Estimator("ensemble", "boosting", "regression"),
    "HistGradientBoostingClassifier": Estimator(
        "ensemble", "histogram", "binary", {**_LOG_LOSS, "categorical_features": (None, "from_dtype")}
    ),
    "HistGradientBoostingRegressor": Estimator("ensemble", "histogram", "regression", _VALUE_LOSS),
    "MLPClassifier": Estimator("neural_network", "layers", "binary"),
    "MLPRegressor": Estimator("neural_network", "layers", "regression", {"loss": ("squared_error",)}),
}


def estimator_named(name: str) -> Estimator:
    """The entry of the list. Raises UnknownName with the nearest and the list."""
    if name not in ESTIMATORS:
        raise UnknownName("estimator", name, ESTIMATORS, where="Sklearn")
    return ESTIMATORS[name]


def _class(name: str) -> Any:
    return getattr(importlib.import_module(f"sklearn.{estimator_named(name).module}"), name)


def default_parameter(name: str, parameter: str) -> Any:
    """What a parameter of an estimator is where nobody sets it; UnknownName for one that it lacks."""
    defaults = _class(name)().get_params(deep=False)
    if parameter not in defaults:
        raise UnknownName("parameter", parameter, defaults, where=f"Sklearn, {name}")
    return defaults[parameter]


def read_instance(estimator: Any) -> tuple[str, dict[str, Any]]:
    """Name and parameters of an estimator that a user made; what it has learnt already is not looked at.

    Raises UnknownName for one that is not on the list, or a class of the same name from elsewhere.
    """
    name = type(estimator).__name__
    if isinstance(estimator, type) or not type(estimator).__module__.startswith("sklearn."):
        given = estimator.__name__ if isinstance(estimator, type) else name
        raise UnknownName("estimator", given, ESTIMATORS, where="Sklearn takes an estimator such as Ridge(alpha=2.0)")
    estimator_named(name)
    defaults = type(estimator)().get_params(deep=False)
    found = estimator.get_params(deep=False)
    return name, {key: value for key, value in found.items() if not _is_same(value, defaults[key])}


def _is_same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and bool(value == default)


def check_params(name: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters as plain data, sorted by name.

    Raises UnknownName for one that the estimator lacks, InvalidInput for a value that is no plain data, or that is not
    converted.
    """
    where = f"Sklearn {name}"
    signature = inspect.signature(_class(name).__init__)
    known = [key for key in signature.parameters if key != "self"]
    plain = {}
    for key in sorted(params):
        if key not in known:
            raise UnknownName("parameter", key, known, where=where)
        plain[key] = _plain(params[key], f"{where}, {key}")
    for key, values in (estimator_named(name).allowed or {}).items():
        if key in known:
            value = plain.get(key, signature.parameters[key].default)
            if value not in values:
                raise InvalidInput(
                    f"{key} = {value!r} is not converted", where=where, expected=" or ".join(map(repr, values))
                )
    return plain


def _plain(value: Any, where: str) -> Any:
    if hasattr(value, "dtype") and getattr(value, "ndim", None) == 0:
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (tuple, list)):
        return tuple(_plain(item, where) for item in value)
    if isinstance(value, dict):
        return {_plain(key, where): _plain(item, where) for key, item in value.items()}
    raise InvalidInput(
        f"a {type(value).__name__} is no plain data", where=where, expected="numbers, texts, or tuples of them"
    )


def make(name: str, params: Mapping[str, Any], *, seed: int, num_threads: int) -> Any:
    """A new estimator; `seed` and `num_threads` where it has such a parameter and none was given."""
    cls = _class(name)
    known = inspect.signature(cls.__init__).parameters
    given = dict(params)
    if "random_state" in known and given.get("random_state") is None:
        given["random_state"] = seed
    # A linear model's `n_jobs` is for several classes, or deprecated; a forest's does not show in what it fits.
    if estimator_named(name).family == "forest" and given.get("n_jobs") is None:
        given["n_jobs"] = num_threads
    return cls(**given)
