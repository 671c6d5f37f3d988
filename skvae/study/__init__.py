"""Compare pipelines on the same patient-grouped folds."""

from skvae.statistics.corrected_resampling import corrected_interval, corrected_ttest
from skvae.statistics.multiplicity import holm
from skvae.study.nested_cv import nested_cv
from skvae.study.result import NestedCVResult
from skvae.study.splits import RepeatedStratifiedGroupKFold

__all__ = [
    "NestedCVResult",
    "RepeatedStratifiedGroupKFold",
    "corrected_interval",
    "corrected_ttest",
    "holm",
    "nested_cv",
]
