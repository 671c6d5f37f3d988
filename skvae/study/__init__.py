"""Compare pipelines on the same patient-grouped folds."""

from skvae.report.benefit_curves import decision_curve_figure
from skvae.report.block_importance import importance_figure
from skvae.report.calibration_panels import calibration_figure
from skvae.report.chosen_configurations import chosen_figure
from skvae.report.comparison import comparison_figure
from skvae.report.confusion_panels import confusion_figure
from skvae.report.decoded_pictures import reconstruction_figure, traversal_figure
from skvae.report.external_scores import external_figure
from skvae.report.flow import Flow, flow_figure
from skvae.report.fold_differences import difference_figure
from skvae.report.observed_outcomes import observed_figure
from skvae.report.rank_curves import precision_recall_figure, roc_figure
from skvae.report.study_figures import (
    layer_map_figure,
    learning_curve_figure,
    permutation_null_figure,
)
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
from skvae.study.inner_scores import layer_map
from skvae.study.input_blocks import Blocks, SelectBlock
from skvae.study.learning_curve import learning_curve
from skvae.study.nested_cv import nested_cv
from skvae.study.permutation_null import permutation_null
from skvae.study.result import NestedCVResult
from skvae.study.splits import RepeatedStratifiedGroupKFold

__all__ = [
    "Blocks",
    "Flow",
    "NestedCVResult",
    "RepeatedStratifiedGroupKFold",
    "SelectBlock",
    "attribute_figure",
    "averaged_curve",
    "bayesian_correlated_ttest",
    "calibration",
    "calibration_figure",
    "choose_threshold",
    "chosen_figure",
    "comparison_figure",
    "concordance_index",
    "confusion_figure",
    "corrected_interval",
    "corrected_ttest",
    "decision_curve",
    "decision_curve_figure",
    "default_arms",
    "delong_interval",
    "delong_test",
    "difference_figure",
    "external_figure",
    "flow_figure",
    "holm",
    "importance_figure",
    "intraclass_correlation",
    "layer_map",
    "layer_map_figure",
    "learning_curve",
    "learning_curve_figure",
    "loss_figure",
    "nested_cv",
    "observed_figure",
    "permutation_null",
    "permutation_null_figure",
    "precision_recall_figure",
    "reconstruction_figure",
    "riley_sample_size",
    "roc_figure",
    "threshold_metrics",
    "traversal_figure",
]
