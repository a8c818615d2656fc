"""The explorer of thresholds: what its points say, and what is there without a script."""

import json
import re

import numpy as np
import pyarrow as pa

from headrace.orchestration.pages._scores import Scores
from headrace.report import explorer


def test_points_are_the_confusion_matrix():
    """At each threshold the shares of rows at or above it, by hand; the table is still there."""
    label = np.array([0.0, 1, 0, 1, 1])
    score = np.array([0.1, 0.9, 0.4, 0.4, 0.7])
    weight = np.array([1.0, 2, 1, 1, 1])
    table = pa.table({"label": label, "prediction": score, "weight": weight})
    drawn = str(Scores.of(table).thresholds())
    points = json.loads(re.search(r'data-points="([^"]*)"', drawn)[1])
    for threshold, yes, no in points:
        chosen = score >= threshold
        assert yes == round(float((weight * label * chosen).sum() / 6), 6)
        assert no == round(float((weight * (1 - label) * chosen).sum() / 6), 6)
    assert [point[0] for point in points] == sorted(set(score.tolist()))
    assert float(re.search(r'data-rate="([^"]*)"', drawn)[1]) == round(4 / 6, 9)
    assert "<table" in drawn


def test_nothing_is_lost_without_a_script():
    """What stands below is inside."""
    assert "a few thresholds" in str(explorer([(0.5, 0.1, 0.2)], 0.3, "a few thresholds"))
