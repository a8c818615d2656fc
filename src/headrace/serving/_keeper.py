"""The keeper: a short-lived process that makes closed segments of the request log Parquet, then ends.

A process of its own, at the lowest priority, because neither the workers nor the supervisor have time for it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from headrace.errors import HeadraceError
from headrace.progress import say
from headrace.serving._segments import settle

__all__ = ["main"]


def main() -> None:
    """Settle the folders named: `requests` and `rewards`."""
    os.nice(19)
    try:
        for folder in sys.argv[1:]:
            settle(Path(folder))
    except (HeadraceError, OSError) as error:
        say(f"the request log: {error}")
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
