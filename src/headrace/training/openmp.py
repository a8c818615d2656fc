"""OpenMP: third parties that bring it are imported so that their threads sleep while they wait."""

from __future__ import annotations

import importlib
import os
from typing import Any

__all__ = ["import_module"]


def import_module(name: str) -> Any:
    """Import a module whose OpenMP threads shall sleep while they wait, and return it.

    GNU OpenMP reads OMP_WAIT_POLICY when it is loaded, and spins by default: beside another busy process two threads
    then take several times as long as one (https://gcc.gnu.org/onlinedocs/libgomp/OMP_005fWAIT_005fPOLICY.html).
    What a user has set stays.

    It has the name of the standard library's, so that step keys see what an adapter imports.
    Raises ModuleNotFoundError. Cost: the import.

    >>> import_module("json").dumps(1)
    '1'
    """
    if "OMP_WAIT_POLICY" in os.environ:
        return importlib.import_module(name)
    os.environ["OMP_WAIT_POLICY"] = "passive"
    try:
        return importlib.import_module(name)
    finally:
        del os.environ["OMP_WAIT_POLICY"]
