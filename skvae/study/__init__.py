"""Compare pipelines on the same patient-grouped folds."""

from skvae.report.block_importance import importance_figure
from skvae.report.decoded_pictures import reconstruction_figure, traversal_figure
from skvae.report.training_curves import loss_figure
from skvae.report.unit_attributes import attribute_figure
from skvae.statistics.averaged_curves import averaged_curve
from skvae.statistics.bayesian_comparison import bayesian_correlated_ttest
from skvae.statistics.calibration import calibration
from skvae.statistics.concordance import concordance_index
from skvae.statistics.corrected_resampling import corrected_interval, corrected_ttest
from skvae.statistics.decision_curves import decision_curve
from skvae.statistics.delong import delong_interval, delong_test
from skvae.statistics.intraclass import intraclass_correlation
from skvae.statistics.multiplicity import holm
from skvae.statistics.sample_size import riley_sample_size
from skvae.statistics.thresholds import choose_threshold, threshold_metrics
from skvae.study.default_arms import default_arms
from skvae.study.input_blocks import Blocks, SelectBlock
from skvae.study.learning_curve import learning_curve
from skvae.study.nested_cv import nested_cv
from skvae.study.permutation_null import permutation_null
from skvae.study.result import NestedCVResult
from skvae.study.splits import RepeatedStratifiedGroupKFold

__all__ = [
    "Blocks",
    "NestedCVResult",
    "RepeatedStratifiedGroupKFold",
    "SelectBlock",
    "attribute_figure",
    "averaged_curve",
    "bayesian_correlated_ttest",
    "calibration",
    "choose_threshold",
    "concordance_index",
    "corrected_interval",
    "corrected_ttest",
    "decision_curve",
    "default_arms",
    "delong_interval",
    "delong_test",
    "holm",
    "importance_figure",
    "intraclass_correlation",
    "learning_curve",
    "loss_figure",
    "nested_cv",
    "permutation_null",
    "reconstruction_figure",
    "riley_sample_size",
    "threshold_metrics",
    "traversal_figure",
]
