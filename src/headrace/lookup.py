"""Names to members: the one-file rule.

A member (a metric, an op, a source, a trainer ...) is one file in its kind's plural folder, or in
`adapters/<extra>/`. The file's stem is the name users type; the class in it has the stem's name without underscores
(`cost_weighted_error.py` holds `CostWeightedError`). Look-up lists the folder: nothing is registered, nothing is
imported until it is asked for. Packages from outside join with an entry point in the group `headrace.<kind>`.

This is the only upward edge between floors: rooms below reach members above through it, and get a class that keeps
the kind's contract.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import importlib.util
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from headrace.errors import MissingExtra, UnknownName

__all__ = ["KINDS", "Shown", "class_names", "find", "find_class", "names"]

# kind -> the folder of its members, and the module name adapters of that kind have in adapters/<extra>/.
KINDS: dict[str, tuple[str, str]] = {
    "metric": ("evaluation/metrics", "metric"),
    "op": ("transformation/ops", "op"),
    "check": ("validation/checks", "check"),
    "signature": ("validation/signatures", "signature"),
    "source": ("ingestion/sources", "source"),
    "stream": ("ingestion/streams", "stream"),
    "trainer": ("training/trainers", "trainer"),
    "engine": ("engine/engines", "engine"),
    "launcher": ("training/launchers", "launcher"),
    "searcher": ("tuning/searchers", "searcher"),
    "protocol": ("serving/protocols", "protocol"),
    "listener": ("serving/listeners", "listener"),
    "tracer": ("serving/tracers", "tracer"),
    "policy": ("routing/policies", "policy"),
    "exporter": ("orchestration/exporters", "exporter"),
    "exchange": ("validation/exchanges", "exchange"),
    "page": ("orchestration/pages", "page"),
    "records": ("store/records", "records"),
    "semantic": ("statistics/semantics", "semantic"),
    "decoder": ("model/decoders", "decoder"),
}

# Adapters whose third party's name is not the folder's: folder -> the name a person knows it by.
_PACKAGES = {
    "beam": "Apache Beam",
    "bigquery": "Google's BigQuery clients",
    "duckdb": "DuckDB",
    "gcs": "gcsfs",
    "grpc": "gRPC",
    "images": "Pillow",
    "kafka": "Confluent's Kafka client",
    "lightgbm": "LightGBM",
    "optuna": "Optuna",
    "otel": "OpenTelemetry",
    "postgres": "the drivers for PostgreSQL",
    "pubsub": "Google's Pub/Sub client",
    "sklearn": "scikit-learn",
    "tfx": "TensorFlow Metadata",
    "torch": "PyTorch",
    "xgboost": "XGBoost",
}

_ROOT = Path(__file__).parent


@functools.lru_cache(1)
def _outside(_path: tuple[str, ...]) -> Any:  # Python 3.11 and 3.12 have two classes with one `select`
    """The entry points of all that is installed, read once for all kinds: every distribution has a file to open."""
    return importlib.metadata.entry_points()


@functools.cache
def _modules(kind: str) -> dict[str, str]:
    """Name -> importable module, without importing any."""
    folder, adapter = KINDS[kind]
    found: dict[str, str] = {}
    for file in sorted((_ROOT / folder).glob("*.py")):
        if not file.stem.startswith("_"):
            found[file.stem] = "headrace." + folder.replace("/", ".") + "." + file.stem
    for file in sorted((_ROOT / "adapters").glob(f"*/{adapter}.py")):
        found[file.parent.name] = f"headrace.adapters.{file.parent.name}.{adapter}"
    for point in _outside(tuple(sys.path)).select(group=f"headrace.{kind}"):
        found.setdefault(point.name, point.value)
    return found


def names(kind: str) -> list[str]:
    """The names of all members of a kind, sorted; nothing is imported.

    >>> "xgboost" in names("trainer")
    True
    """
    return sorted(_modules(kind))


def find(kind: str, name: str) -> type[Any]:
    """The member class of that kind and name.

    Raises UnknownName with the nearest name, or MissingExtra with the install line. Cost: one import, once.
    """
    modules = _modules(kind)
    if name not in modules:
        raise UnknownName(kind, name, modules)
    target, _, attribute = modules[name].partition(":")
    try:
        module = importlib.import_module(target)
    except ModuleNotFoundError as error:
        if target.startswith("headrace.adapters.") and not (error.name or "").startswith("headrace"):
            extra = target.split(".")[2]
            raise MissingExtra(f"{extra} {kind}", _PACKAGES.get(extra, extra), extra) from error
        raise
    if attribute:
        return getattr(module, attribute)  # type: ignore[no-any-return]
    squeezed = name.replace("_", "")
    for attribute, value in vars(module).items():
        if isinstance(value, type) and attribute.lower() == squeezed and value.__module__ == target:
            return value
    raise UnknownName(kind, name, modules, where=f"{target} holds no class named like {squeezed!r}")


def class_names(kind: str) -> dict[str, str]:
    """Class name -> module of headrace's own members of a kind, read from their files; nothing is imported.

    >>> class_names("trainer")["XGBoost"]
    'headrace.adapters.xgboost.trainer'
    """
    found = {}
    for name, module in _modules(kind).items():
        file = _ROOT.joinpath(*module.split(".")[1:]).with_suffix(".py")
        if not module.startswith("headrace.") or not file.is_file():
            continue
        for written in re.findall(r"^class (\w+)", file.read_text(encoding="utf-8"), re.MULTILINE):
            if written.lower() == name.replace("_", ""):
                found[written] = module
    return found


def find_class(class_name: str) -> type[Any] | None:
    """The member whose class has this name, of any kind, or None: serves `headrace.__getattr__`.

    >>> find_class("NoSuchThing") is None
    True
    """
    squeezed = class_name.lower()
    if class_name[:1].islower() or "_" in class_name:
        return None
    for kind in KINDS:
        # A page is called like the noun it shows, records like the source: whoever types that name means the other.
        # A semantic type and an exchange are named as text only.
        for name in _modules(kind) if kind not in ("page", "records", "semantic", "exchange", "decoder") else ():
            if name.replace("_", "") == squeezed:
                cls = find(kind, name)
                if cls.__name__ == class_name:
                    return cls
    return None


class _Told(type):
    """Classes whose missing attributes are told as `Shown` says."""

    elsewhere: Mapping[str, str] = {}

    if not TYPE_CHECKING:  # a checker would take every name for one that is there

        def __getattr__(cls, name: str) -> Any:
            if name in cls.elsewhere:
                raise AttributeError(f"{cls.__name__} has no attribute {name!r}; write {cls.elsewhere[name]}")
            return type.__getattribute__(cls, name)  # once more, for Python's own message


class Shown(metaclass=_Told):
    """What shows itself in a notebook: nouns inherit it. The page of its `kind` is drawn by a room far above.

    `elsewhere` has names that people know from other libraries, and what is written here for them: asked for one, the
    noun says so.
    """

    kind: ClassVar[str]
    elsewhere: ClassVar[Mapping[str, str]] = {}

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name in type(self).elsewhere:
                return getattr(type(self), name)
            return object.__getattribute__(self, name)  # once more: a property's own error is not hidden

    def _repr_html_(self) -> str:
        html: str = find("page", self.kind)().card(self)
        return html
