"""What everything that labels pixels shares: masks out, and their score."""

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
from sklearn.base import TransformerMixin

from skvae.arguments import naming, refuse_masked, refuse_other_index
from skvae.estimators.declared import DeclaredEstimator
from skvae.estimators.row_columns import check_weight
from skvae.segmentation.dice import mean_dice


class MaskPredictor(TransformerMixin, DeclaredEstimator):
    """An estimator that labels each pixel of images of any size."""

    _arguments: ClassVar[str] = """
    X : array-like of shape (n_samples, channels, *spatial) or (n_samples, n_features)
        Images of any size, or their flat rows. A list may have images of unequal
        sizes.
    y : array-like of shape (n_samples, *spatial)
        True masks, in a layout that `fit` takes.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each image.
    """

    @abstractmethod
    def _labels(self, X: Any) -> np.ndarray:
        """Predict masks with an axis for each of the image."""

    def _coded(self, y: Any) -> Any:
        """Return true masks with a label for each pixel."""
        return y

    def predict(self, X: Any) -> np.ndarray:
        """Predict the label of each pixel.

        Returns
        -------
        y : ndarray of shape (n_samples, *spatial)
            Labels, of the type and layout of the y of `fit`. For images of unequal sizes,
            an array of arrays.
        """
        labels = self._labels(X)
        return self._learned.in_layout(labels)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the mean Dice coefficient of the foreground labels, over all images.

        Returns
        -------
        score : float
            In [0, 1]; a label in neither mask of an image counts as 1, see
            :func:`~skvae.dice_scores`.
            Images without a pixel that counts are left out.

        Raises
        ------
        ValueError
            If y or weights are not as expected, or no pixel of y counts.
        """
        columns = {"sample_weight": sample_weight}
        refuse_masked(type(self).__name__, columns)
        refuse_other_index(type(self).__name__, X, columns | {"y": y})
        labels = self._labels(X)
        if sample_weight is not None:
            sample_weight = check_weight(sample_weight, labels, "a score")
        with naming("y"):
            return mean_dice(
                self._coded(y),
                labels,
                self.classes_,
                self.ignore_label,
                multilabel=self._learned.multilabel,
                single_pixel=len(self.sample_shape_) == 1,
                sample_weight=sample_weight,
            )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.positive_only = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        tags.input_tags.sparse = False  # as pixels, rows are made for images
        return tags
