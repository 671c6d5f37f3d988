"""True and predicted masks side by side, of which one label at a time is read."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import assert_all_finite, check_consistent_length

from skvae.mask_layouts import as_masks, field_names, fields_as_axis


class MaskPairs(NamedTuple):
    """Masks of the same images, with the names of labels that overlap, else None."""

    truth: list[np.ndarray]
    predicted: list[np.ndarray]
    names: list[Any] | None
    ignore_label: int | None

    def chosen(self, labels: Sequence[Any] | None) -> list[Any]:
        """Return labels; by default all, of classes those that occur but the background."""
        if self.names is not None:
            strange = [k for k in labels or () if k not in self.names]
            if strange:
                raise ValueError(
                    f"Got the label {strange[0]!r}, but masks have "
                    f"{', '.join(map(str, self.names))}."
                )
            return self.names if labels is None else [*labels]
        if labels is not None:
            return [*labels]
        found = {
            k for mask in (*self.truth, *self.predicted) for k in np.unique(mask).tolist()
        }
        return sorted(found - {0, self.ignore_label})

    def regions(self, label: Any) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield where a label is, in truth and by prediction, in pixels that count."""
        value = label if self.names is None else 1
        predictions = self._of_label(self.predicted, label)
        for truth, predicted in zip(
            self._of_label(self.truth, label), predictions, strict=True
        ):
            region = predicted == value
            if self.ignore_label is not None:
                region &= truth != self.ignore_label
            yield truth == value, region

    def counted(self, label: Any) -> list[bool]:
        """Return whether any pixel of an image counts, where masks say where a label is."""
        if self.ignore_label is None:
            return [True] * len(self.truth)
        truth = self._of_label(self.truth, label)
        return [bool((mask != self.ignore_label).any()) for mask in truth]

    def _of_label(self, masks: list[np.ndarray], label: Any) -> list[np.ndarray]:
        """Return the masks that say where a label is: of labels that overlap, its own."""
        if self.names is None:
            return masks
        k = self.names.index(label)
        return [mask[k] for mask in masks]


def paired_masks(
    y_true: Any, y_pred: Any, multilabel: bool, ignore_label: int | None
) -> MaskPairs:
    """Check that masks belong together.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples, *spatial) or list of arrays
        Masks; with ``multilabel``, labels lie in front of the pixels of each. Fields of
        structured masks are labels that overlap, too.
    multilabel : bool
        Whether labels lie in front of the pixels.
    ignore_label : int or None
        True pixels with this label do not count.

    Raises
    ------
    ValueError
        If they differ in number or shape, or are not finite.
    """
    y_true, y_pred = as_masks(y_true), as_masks(y_pred)
    check_consistent_length(y_true, y_pred)
    fields = field_names(y_true)
    truth = [fields_as_axis(mask, 0) for mask in y_true]
    predicted = [fields_as_axis(mask, 0, fields) for mask in y_pred]
    for i, (a, b) in enumerate(zip(truth, predicted, strict=True)):
        if a.shape != b.shape:
            raise ValueError(
                f"Got masks of shapes {a.shape} and {b.shape} for the image {i}, but "
                "expected equal ones."
            )
        assert_all_finite(a, input_name="y_true")
        assert_all_finite(b, input_name="y_pred")
    names: Sequence[Any] | None = fields
    if fields is None and multilabel:
        names = range(len(truth[0]))
    return MaskPairs(truth, predicted, None if names is None else [*names], ignore_label)
