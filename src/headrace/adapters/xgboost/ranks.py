"""Several processes that fit one booster: XGBoost's collective over a launcher's rendezvous, each on its own rows."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from headrace import disk
from headrace.errors import InvalidInput, StepFailed
from headrace.training import Features, Group

__all__ = ["agree", "meet", "own_rows"]

_PATIENCE_S = 120.0


@contextmanager
def meet(group: Group) -> Iterator[None]:
    """XGBoost's communicator among all ranks; its tracker runs in the first one, on loopback."""
    import xgboost
    from xgboost.collective import CommunicatorContext
    from xgboost.tracker import RabitTracker

    xgboost.set_config(verbosity=0)  # of this process, which is the rank's own: the tracker says who is who
    file = Path(group.rendezvous) / "tracker.json"
    tracker: Any = None
    if group.rank == 0:
        tracker = RabitTracker(group.num_ranks, "127.0.0.1", sortby="task")
        tracker.start()
        disk.write_file(file, json.dumps(tracker.worker_args()).encode(), sync=False)
    until = time.monotonic() + _PATIENCE_S
    while not file.is_file():
        if time.monotonic() > until:
            raise StepFailed("the first rank started no tracker", where="XGBoost")
        time.sleep(0.01)
    with CommunicatorContext(**json.loads(file.read_bytes()), dmlc_task_id=f"{group.rank:06d}"):
        yield
    if tracker is not None:
        tracker.wait_for()


def own_rows(features: Features, group: Group) -> Features:
    """Every `num_ranks`-th row, from the rank's number on. Raises InvalidInput for fewer rows than ranks."""
    if features.num_rows < group.num_ranks:
        raise InvalidInput(
            f"{group.num_ranks} workers for {features.num_rows} rows", where="XGBoost", expected="a row for each"
        )
    return features.select(slice(group.rank, None, group.num_ranks))


def agree(group: Group, goes_on: bool) -> bool:
    """Whether all ranks go on: the first one asks the journal, the others always would."""
    if group.num_ranks == 1:
        return goes_on
    from xgboost import collective

    return bool(collective.allreduce(np.array([float(goes_on)]), collective.Op.MIN)[0])
