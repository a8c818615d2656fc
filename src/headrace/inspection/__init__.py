"""Inspection: what a model makes of its columns, and whether a far simpler model would do as well.

    inspection = hr.inspect(model, examples)
    inspection.importance[0].column, inspection.importance[0].drop      # what the metric loses without it
    inspection.dependence[0].points                                     # what predictions do as it moves
    inspection.simpler                                                  # a constant and a linear model, same rows

Evaluation says how good a model is, inspection what it is good by. Everything is measured on rows it was not fitted on,
by asking the model itself: whatever made it, it is the graph that is inspected.
"""

from headrace.inspection._inspect import inspect
from headrace.inspection._inspection import Ablation, Dependence, Importance, Inspection, Point, Simpler

__all__ = ["Ablation", "Dependence", "Importance", "Inspection", "Point", "Simpler", "inspect"]
