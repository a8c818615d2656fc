"""ROC AUC, one class against one: how well the probabilities tell any two classes apart."""

from dataclasses import dataclass
from typing import ClassVar

from headrace.evaluation._class_curve import ClassAreas

__all__ = ["RocAucOvo"]


@dataclass(frozen=True, kw_only=True)
class RocAucOvo(ClassAreas):
    """The mean over ordered pairs of classes of the area under the ROC curve of rows of these two; 0.5 is chance.

    It does not know how frequent classes are.

    Source: Hand and Till, "A simple generalisation of the area under the ROC curve for multiple class classification
    problems" (2001); scikit-learn's `roc_auc_score(multi_class="ovo", average="macro")`.
    """

    is_paired: ClassVar[bool] = True
