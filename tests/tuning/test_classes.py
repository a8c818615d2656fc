"""A search over trainers of several classes: judged by log loss, the best one sees all classes."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

import headrace as hr
from headrace.testing.trainer_cases import NumberGraph
from headrace.training import Journal
from headrace.tuning._objective import Objective


def test_trials_of_classes_are_judged_by_log_loss(tmp_path):
    """Of text and of whole numbers; saved for another process it judges the same."""
    x = np.random.default_rng(0).normal(size=(300, 2))
    place = np.digitize(x.sum(axis=1), [-0.5, 0.5])
    numbers = {"id": range(300), "x0": x[:, 0], "x1": x[:, 1], "number": place * 7}
    table = pa.table({**numbers, "kind": np.array(["a", "b", "c"], object)[place].tolist()})
    found = []
    for label, trainer in (("kind", hr.XGBoost()), ("number", hr.XGBoost(objective="multi:softprob"))):
        data = hr.Dataset.from_arrow(table, label=label, key=["id"])
        objective = Objective.make(NumberGraph(2), data, takes_classes=trainer.takes_classes)
        assert objective.metric.name == "log_loss" and len(objective.judged.classes) == 3
        found.append(objective.value(trainer, {"n_estimators": 5}, Journal()))
        folder = tmp_path / label
        folder.mkdir()
        objective.save(folder)
        again = Objective.load(folder, objective.metric)
        assert again.fitted.classes == objective.fitted.classes
        assert again.value(trainer, {"n_estimators": 5}, Journal()) == found[-1]
    assert found[0] == found[1] < np.log(3.0)
