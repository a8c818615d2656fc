"""Ops: transformations by name, one file each; `ops.z_score(x.dep_delay)` records one in a feature function."""

from headrace.transformation.ops._names import __dir__, __getattr__

__all__ = ["__dir__", "__getattr__"]
