"""Engine: how folds and maps run over the fragments of a data set."""

from headrace.engine._contract import AnyFold, Engine, Grouped, Keys, Work
from headrace.engine.engines.local import Local
from headrace.engine.engines.local import Local as LocalEngine
from headrace.engine.reference import build, describe

__all__ = ["AnyFold", "Engine", "Grouped", "Keys", "Local", "LocalEngine", "Work", "build", "describe"]
