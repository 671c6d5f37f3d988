"""Compare pipelines on the same patient-grouped folds."""

from skvae.statistics.averaged_curves import averaged_curve
from skvae.statistics.bayesian_comparison import bayesian_correlated_ttest
from skvae.statistics.calibration import calibration
from skvae.statistics.corrected_resampling import corrected_interval, corrected_ttest
from skvae.statistics.decision_curves import decision_curve
from skvae.statistics.delong import delong_interval, delong_test
from skvae.statistics.intraclass import intraclass_correlation
from skvae.statistics.multiplicity import holm
from skvae.statistics.thresholds import choose_threshold, threshold_metrics
from skvae.study.nested_cv import nested_cv
from skvae.study.result import NestedCVResult
from skvae.study.splits import RepeatedStratifiedGroupKFold

__all__ = [
    "NestedCVResult",
    "RepeatedStratifiedGroupKFold",
    "averaged_curve",
    "bayesian_correlated_ttest",
    "calibration",
    "choose_threshold",
    "corrected_interval",
    "corrected_ttest",
    "decision_curve",
    "delong_interval",
    "delong_test",
    "holm",
    "intraclass_correlation",
    "nested_cv",
    "threshold_metrics",
]
