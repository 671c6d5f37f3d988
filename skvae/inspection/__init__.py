"""What a fitted estimator learned."""

from typing import TYPE_CHECKING

from skvae.first_use import on_first_use

if TYPE_CHECKING:
    from skvae.inspection.attention import attention_map
    from skvae.inspection.attention_display import AttentionMapDisplay
    from skvae.inspection.correlation_display import AttributeCorrelationDisplay
    from skvae.inspection.histogram_display import UnitAttributeDisplay
    from skvae.inspection.layer_ranking import LayerRanking, rank_layers
    from skvae.inspection.measured_traversal import closed_loop
    from skvae.inspection.probe import LayerProbe, layer_probe
    from skvae.inspection.probe_display import LayerProbeDisplay
    from skvae.inspection.stability import FeatureStability, feature_stability
    from skvae.inspection.stability_display import FeatureStabilityDisplay
    from skvae.inspection.traversal import (
        LatentTraversal,
        latent_interpolation,
        latent_traversal,
    )
    from skvae.inspection.traversal_display import LatentTraversalDisplay
    from skvae.inspection.unit_correlation import attribute_correlation
    from skvae.segmentation.mask_display import SegmentationDisplay
    from skvae.segmentation.mask_table import segmentation_table
    from skvae.statistics.correlation import AttributeCorrelation
    from skvae.statistics.dci import DCI, disentanglement_completeness_informativeness
    from skvae.statistics.score_table import disentanglement_scores
    from skvae.statistics.scores import (
        interpretability,
        modularity,
        mutual_information_gap,
        separated_attribute_predictability,
        spearman_correlation_score,
    )

__all__ = [
    "DCI",
    "AttentionMapDisplay",
    "AttributeCorrelation",
    "AttributeCorrelationDisplay",
    "FeatureStability",
    "FeatureStabilityDisplay",
    "LatentTraversal",
    "LatentTraversalDisplay",
    "LayerProbe",
    "LayerProbeDisplay",
    "LayerRanking",
    "SegmentationDisplay",
    "UnitAttributeDisplay",
    "attention_map",
    "attribute_correlation",
    "closed_loop",
    "disentanglement_completeness_informativeness",
    "disentanglement_scores",
    "feature_stability",
    "interpretability",
    "latent_interpolation",
    "latent_traversal",
    "layer_probe",
    "modularity",
    "mutual_information_gap",
    "rank_layers",
    "segmentation_table",
    "separated_attribute_predictability",
    "spearman_correlation_score",
]

# Public name -> module. What a name needs is imported when it is first used.
_HOMES = {
    "DCI": "skvae.statistics.dci",
    "AttentionMapDisplay": "skvae.inspection.attention_display",
    "AttributeCorrelation": "skvae.statistics.correlation",
    "AttributeCorrelationDisplay": "skvae.inspection.correlation_display",
    "FeatureStability": "skvae.inspection.stability",
    "FeatureStabilityDisplay": "skvae.inspection.stability_display",
    "LatentTraversal": "skvae.inspection.traversal",
    "LatentTraversalDisplay": "skvae.inspection.traversal_display",
    "LayerProbe": "skvae.inspection.probe",
    "LayerProbeDisplay": "skvae.inspection.probe_display",
    "LayerRanking": "skvae.inspection.layer_ranking",
    "SegmentationDisplay": "skvae.segmentation.mask_display",
    "UnitAttributeDisplay": "skvae.inspection.histogram_display",
    "attention_map": "skvae.inspection.attention",
    "attribute_correlation": "skvae.inspection.unit_correlation",
    "closed_loop": "skvae.inspection.measured_traversal",
    "disentanglement_completeness_informativeness": "skvae.statistics.dci",
    "disentanglement_scores": "skvae.statistics.score_table",
    "feature_stability": "skvae.inspection.stability",
    "interpretability": "skvae.statistics.scores",
    "latent_interpolation": "skvae.inspection.traversal",
    "latent_traversal": "skvae.inspection.traversal",
    "layer_probe": "skvae.inspection.probe",
    "modularity": "skvae.statistics.scores",
    "mutual_information_gap": "skvae.statistics.scores",
    "rank_layers": "skvae.inspection.layer_ranking",
    "segmentation_table": "skvae.segmentation.mask_table",
    "separated_attribute_predictability": "skvae.statistics.scores",
    "spearman_correlation_score": "skvae.statistics.scores",
}

__getattr__, __dir__ = on_first_use(__name__, _HOMES)
