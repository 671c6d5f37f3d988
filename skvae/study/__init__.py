"""Compare pipelines on the same patient-grouped folds."""

from skvae.inspection.multiplicity import holm
from skvae.study.nested_cv import nested_cv
from skvae.study.result import NestedCVResult
from skvae.study.splits import RepeatedStratifiedGroupKFold
from skvae.study.statistics import corrected_interval, corrected_ttest

__all__ = [
    "NestedCVResult",
    "RepeatedStratifiedGroupKFold",
    "corrected_interval",
    "corrected_ttest",
    "holm",
    "nested_cv",
]
