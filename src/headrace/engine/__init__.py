"""Engine: how folds and maps run over the fragments of a data set."""

from headrace.engine._contract import AnyFold, Engine, Grouped, Keys, PartName, Work
from headrace.engine.engines.local import Local
from headrace.engine.engines.local import Local as LocalEngine
from headrace.engine.reference import build, describe
from headrace.engine.states import StateCache

__all__ = [
    "AnyFold",
    "Engine",
    "Grouped",
    "Keys",
    "Local",
    "LocalEngine",
    "PartName",
    "StateCache",
    "Work",
    "build",
    "describe",
]
