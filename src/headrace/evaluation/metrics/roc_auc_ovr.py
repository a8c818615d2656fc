"""ROC AUC, one class against the rest: how well each class's probability finds its rows."""

from dataclasses import dataclass

from headrace.evaluation._class_curve import ClassAreas

__all__ = ["RocAucOvr"]


@dataclass(frozen=True, kw_only=True)
class RocAucOvr(ClassAreas):
    """The mean over classes of the area under the ROC curve of a class against all others; 0.5 is chance.

    Source: scikit-learn's `roc_auc_score(multi_class="ovr", average="macro")`.
    """
