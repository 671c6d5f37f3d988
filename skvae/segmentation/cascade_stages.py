"""The stages of a cascade: to be trained, or trained already."""

from collections.abc import Mapping
from typing import Any

from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from skvae.estimators.held_estimators import fit_of_held, refuse_fitted, with_shared
from skvae.segmentation.segmenter import BaseSegmenter
from skvae.segmentation.unet_segmenter import UNetSegmenter

# Of pixels that do not count, in the masks that the stages learn from.
LEFT_OUT = -1


def stage_to_fit(name: str, stage: Any, shared: Mapping[str, Any], n_labels: int) -> Any:
    """Return the clone of a stage that is to be fitted, or the one that is fitted already.

    Parameters
    ----------
    name : str
        Of the parameter.
    stage : segmenter, FrozenEstimator or None
        Its value.
    shared : mapping of str to object
        Parameters that it takes where it leaves them alone.
    n_labels : int
        Labels beside the background that a fitted one may have at most.

    Raises
    ------
    ValueError
        If it is fitted without being frozen, or frozen without being a fitted segmenter
        that has such labels.
    """
    if not isinstance(stage, FrozenEstimator):
        stage = UNetSegmenter() if stage is None else stage
        refuse_fitted(name, stage)
        return with_shared(stage, shared).set_params(ignore_label=LEFT_OUT)
    fitted = stage.estimator
    if not isinstance(fitted, BaseSegmenter):
        raise ValueError(f"Got {name}={stage!r}, but expected a segmenter of skvae.")
    check_is_fitted(fitted, "network_")
    labels = set(fitted.classes_.tolist())
    if (
        fitted._learned.multilabel
        or 0 not in labels
        or not labels <= set(range(n_labels + 1))
    ):
        raise ValueError(
            f"Got {name}={stage!r} with the classes {fitted.classes_}, but expected 0 for "
            f"the background, and labels up to {n_labels} that do not overlap."
        )
    return fitted


def fitted_stage(
    name: str, stage: Any, images: Any, masks: Any, columns: Mapping[str, Any]
) -> Any:
    """Return a stage that has learned from images, or that had before."""
    with fit_of_held(name):
        return stage if hasattr(stage, "network_") else stage.fit(images, masks, **columns)
