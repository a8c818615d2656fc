"""ROC AUC, one class against the rest, each class counting by its rows."""

from dataclasses import dataclass
from typing import ClassVar

from headrace.evaluation._class_curve import ClassAreas

__all__ = ["RocAucOvrWeighted"]


@dataclass(frozen=True, kw_only=True)
class RocAucOvrWeighted(ClassAreas):
    """The mean over classes of the area under the ROC curve of a class against all others, by the rows that have it.

    Source: scikit-learn's `roc_auc_score(multi_class="ovr", average="weighted")`.
    """

    is_weighted: ClassVar[bool] = True
