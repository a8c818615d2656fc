"""Row `loader`: rows per second of shuffled batches of 1,024 rows, 12 float32 columns and a label, from memory.

Against PyTorch's DataLoader on the same arrays (in its own environment), as users write it: TensorDataset, shuffled,
no worker processes; and against the limit, a stored permutation of `numpy.random` that is only sliced, which a stop in
the middle of an epoch loses. Ours works its order out as it goes, and goes on from one integer.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from _lines import line, options

CASE = "loader"
ROOT = Path(__file__).parent.parent
PYTHON = ROOT / ".venvs" / "torch" / "bin" / "python"
BATCH_ROWS = 1024

_PEER = """
import json, sys, time
import torch
from torch.utils.data import DataLoader, TensorDataset
num_rows, batch_rows = int(sys.argv[1]), int(sys.argv[2])
torch.set_num_threads(1)
x, y = torch.zeros(num_rows, 12), torch.zeros(num_rows)
rates = []
for _ in range(3):
    start, total = time.perf_counter(), 0
    for rows, label in DataLoader(TensorDataset(x, y), batch_size=batch_rows, shuffle=True):
        total += len(rows)
    rates.append(total / (time.perf_counter() - start))
print(json.dumps(max(rates)))
"""


def best_rate(work: Callable[[], int], rounds: int = 3) -> float:
    """Rows a second, the best of some rounds."""
    rates = []
    for _ in range(rounds):
        start = time.perf_counter()
        rates.append(work() / (time.perf_counter() - start))
    return max(rates)


def main() -> None:
    """Print the rates."""
    from headrace.training.loader import Loader

    arguments = options(__doc__)
    num_rows = 20_000 if arguments.tiny else 200_000
    x, y = np.zeros((num_rows, 12), np.float32), np.zeros(num_rows, np.float32)

    def ours() -> int:
        batches = Loader(num_rows, BATCH_ROWS).batches(0, num_epochs=1)
        return sum(len(x[batch.rows]) and len(y[batch.rows]) for batch in batches)

    def stored() -> int:
        order = np.random.default_rng(0).permutation(num_rows)
        pieces = (order[first : first + BATCH_ROWS] for first in range(0, num_rows, BATCH_ROWS))
        return sum(len(x[rows]) and len(y[rows]) for rows in pieces)

    what = f"{num_rows:,} rows x 12 float32 and a label, shuffled, batches of {BATCH_ROWS:,}"
    mine = best_rate(ours)
    limit = best_rate(stored)
    line(CASE, what, "rows/s", mine, "numpy: a stored permutation", limit, higher=True, note="limit: cannot be resumed")
    if not arguments.no_peers:
        subprocess.run(["sh", str(ROOT / "tools" / "environment.sh"), "torch"], check=True)
        command = [str(PYTHON), "-c", _PEER, str(num_rows), str(BATCH_ROWS)]
        peer = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        line(CASE, what, "rows/s", mine, "torch DataLoader, TensorDataset", peer, higher=True, note="one process each")


if __name__ == "__main__":
    main()
