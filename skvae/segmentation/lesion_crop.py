"""From images to crops of their lesions: a segmenter's masks, or those in a channel."""

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted

from skvae.arguments import check_choice, check_number
from skvae.exceptions import warn_caller
from skvae.segmentation.out_of_fold import cross_val_predict_masks

__all__ = ["LesionCrop"]


class LesionCrop(TransformerMixin, BaseEstimator):
    """Crop each image around its lesion, for a feature extractor behind it.

    The lesion is the largest connected part of the foreground: of what `segmenter`
    predicts, or of a channel of X that holds a mask, as `skvae.images.ImageLoader` makes it
    with `mask_mode="channel"`.

    Parameters
    ----------
    segmenter : estimator, object with a method `predict`, or None, default=None
        Such as `UNetSegmenter`. It is cloned and fitted where `fit` gets masks, and used as
        it is where it is fitted already. A network from elsewhere needs no more than a
        `predict` from images `(n_samples, n_channels, *spatial)` to labels `(n_samples,
        *spatial)`.
    size : tuple of int or None, default=None
        Shape of the crops, without channels. By default that of the largest lesion seen in
        `fit`, with the margin on both sides.
    margin : int, default=2
        Pixels around the largest lesion, for `size=None`.
    mask_channel : int or None, default=None
        Channel of X that holds the mask, instead of a segmenter. It stays in the crops.
    label : int or None, default=None
        Label of the lesion in the masks, such as 2 of those of a `CascadeSegmenter`. By
        default all but 0.
    mask_mode : {"none", "zero"}, default="none"
        `"zero"` sets what lies outside of all foreground to 0.
    cv : int, splitter or None, default=None
        With folds, `fit_transform` crops each training image by a segmenter that has not
        seen it, as those of new images will be. Patients go to `fit` as `groups`.

    Attributes
    ----------
    segmenter_ : estimator
        What predicts masks; only with `segmenter`.
    size_ : tuple of int
        Shape of the crops, without channels.

    See Also
    --------
    skvae.CascadeSegmenter : Segments within what another has found.

    Notes
    -----
    An image without any foreground gives its middle, with a warning that counts them. A
    crop that would leave the image is moved inwards; an image smaller than it is filled up
    with its lowest value. Under metadata routing, it requests `masks` and `groups`.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae import LesionCrop
    >>> X = np.zeros((2, 2, 32, 32))  # an image and its mask
    >>> X[0, 1, 4:9, 6:12] = 1
    >>> X[1, 1, 20:23, 20:23] = 1
    >>> LesionCrop(mask_channel=1, margin=2).fit_transform(X).shape
    (2, 2, 9, 10)

    `LesionCrop(UNetSegmenter())` learns from masks: `fit(X, masks=masks)`.
    """

    __metadata_request__fit: ClassVar[dict[str, bool]] = {"masks": True, "groups": True}

    def __init__(
        self,
        segmenter: Any = None,
        *,
        size: tuple[int, ...] | None = None,
        margin: int = 2,
        mask_channel: int | None = None,
        label: int | None = None,
        mask_mode: str = "none",
        cv: Any = None,
    ) -> None:
        self.segmenter = segmenter
        self.size = size
        self.margin = margin
        self.mask_channel = mask_channel
        self.label = label
        self.mask_mode = mask_mode
        self.cv = cv

    def fit(self, X: Any, y: Any = None, *, masks: Any = None, groups: Any = None) -> Self:
        """Fit the segmenter, and learn the size of the crops.

        Parameters
        ----------
        X : array of shape (n_samples, n_channels, *spatial)
            Images.
        y : None
            Ignored.
        masks : array of shape (n_samples, *spatial), default=None
            What the segmenter learns.
        groups : array-like of shape (n_samples,), default=None
            Patient of each image, for `cv`.

        Returns
        -------
        LesionCrop
            Itself.
        """
        self._fit(X, masks, groups)
        return self

    def fit_transform(
        self, X: Any, y: Any = None, *, masks: Any = None, groups: Any = None
    ) -> NDArray[Any]:
        """Fit, and return the crops of the training images.

        Parameters
        ----------
        X, y, masks, groups : object
            As of `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_channels, *size_)
            The crops; with `cv`, by segmenters that have not seen the image.
        """
        return self._crops(np.asarray(X), self._fit(X, masks, groups))

    def transform(self, X: Any) -> NDArray[Any]:
        """Return the crops.

        Parameters
        ----------
        X : array of shape (n_samples, n_channels, *spatial)
            Images.

        Returns
        -------
        ndarray of shape (n_samples, n_channels, *size_)
            The crops, of the type of X.
        """
        check_is_fitted(self)
        return self._crops(np.asarray(X), self._foreground(np.asarray(X)))

    def _fit(self, X: Any, masks: Any, groups: Any) -> NDArray[np.bool_]:
        """Return the foreground of the training images."""
        X = np.asarray(X)
        self._check(X, masks)
        if self.segmenter is None:
            foreground = self._foreground(X)
        elif masks is None:
            if hasattr(self.segmenter, "fit"):
                check_is_fitted(self.segmenter)
            self.segmenter_ = self.segmenter
            foreground = self._foreground(X)
        else:
            self.segmenter_ = clone(self.segmenter).fit(X, masks)
            foreground = (
                self._foreground(X) if self.cv is None else self._unseen(X, masks, groups)
            )
        self.size_ = self._checked_size(X, foreground)
        return foreground

    def _check(self, X: NDArray[Any], masks: Any) -> None:
        check_choice("LesionCrop", "mask_mode", self.mask_mode, ("none", "zero"))
        check_number("LesionCrop", "margin", self.margin, whole=True, low=0)
        if self.label is not None:
            check_number("LesionCrop", "label", self.label, whole=True, low=1)
        if (self.segmenter is None) == (self.mask_channel is None):
            raise ValueError(
                f"Got segmenter={self.segmenter!r} and mask_channel={self.mask_channel!r}, "
                "expected one of them."
            )
        if X.ndim < 4:
            raise ValueError(
                f"Got X of shape {X.shape}, expected (n_samples, n_channels, *spatial)."
            )
        if self.mask_channel is not None and not 0 <= self.mask_channel < X.shape[1]:
            raise ValueError(
                f"Got mask_channel={self.mask_channel!r}, but X has {X.shape[1]} channels."
            )
        if self.segmenter is not None and not hasattr(self.segmenter, "predict"):
            raise TypeError(
                f"Got segmenter of type {type(self.segmenter).__name__}, expected an "
                "object with a method predict."
            )
        if masks is not None and not hasattr(self.segmenter, "fit"):
            raise ValueError("Got masks without segmenter, expected what learns from them.")

    def _unseen(self, X: NDArray[Any], masks: Any, groups: Any) -> NDArray[np.bool_]:
        found = cross_val_predict_masks(
            self.segmenter, X, masks, groups=groups, cv=self.cv, method="predict"
        )
        return self._of_lesions(found)

    def _foreground(self, X: NDArray[Any]) -> NDArray[np.bool_]:
        if self.segmenter is None:
            return self._of_lesions(np.maximum(X[:, self.mask_channel], 0))
        found = np.asarray(self.segmenter_.predict(X))
        if found.size != len(X) * np.prod(X.shape[2:]):
            raise ValueError(
                f"Got segmenter that predicts an array of shape {found.shape} for images "
                f"of shape {X.shape}, expected a label for each pixel."
            )
        return self._of_lesions(found.reshape(len(X), *X.shape[2:]))

    def _of_lesions(self, masks: NDArray[Any]) -> NDArray[np.bool_]:
        return masks != 0 if self.label is None else masks == self.label

    def _checked_size(
        self, X: NDArray[Any], foreground: NDArray[np.bool_]
    ) -> tuple[int, ...]:
        n_axes = X.ndim - 2
        if self.size is not None:
            size = tuple(self.size) if isinstance(self.size, tuple | list) else ()
            if len(size) != n_axes or not all(
                isinstance(n, int | np.integer) and n > 0 for n in size
            ):
                raise ValueError(
                    f"Got size={self.size!r}, expected {n_axes} counts of pixels above 0."
                )
            return tuple(int(n) for n in size)
        boxes = [box for image in foreground if (box := _largest(image)) is not None]
        if not boxes:
            raise ValueError(
                "Got images of which none has any foreground, expected a size, or lesions."
            )
        lengths = [[s.stop - s.start for s in box] for box in boxes]
        return tuple(int(n) + 2 * self.margin for n in np.max(lengths, axis=0))

    def _crops(self, X: NDArray[Any], foreground: NDArray[np.bool_]) -> NDArray[Any]:
        crops = np.empty((*X.shape[:2], *self.size_), dtype=X.dtype)
        n_empty = 0
        for crop, image, mask in zip(crops, X, foreground, strict=True):
            box = _largest(mask)
            n_empty += box is None
            whole = tuple(slice(0, n) for n in mask.shape)
            shown = np.where(mask, image, 0) if self.mask_mode == "zero" else image
            crop[:] = _around(shown, box or whole, self.size_)
        if n_empty:
            warn_caller(
                f"{n_empty} of {len(X)} images have no foreground; their middle was taken."
            )
        return crops


def _largest(mask: NDArray[np.bool_]) -> tuple[slice, ...] | None:
    """Return the box of the largest connected part, or None where there is none."""
    labels, n_parts = ndimage.label(mask)
    if not n_parts:
        return None
    largest = int(np.bincount(labels.ravel())[1:].argmax())
    box: tuple[slice, ...] = ndimage.find_objects(labels)[largest]
    return box


def _around(
    image: NDArray[Any], box: tuple[slice, ...], size: tuple[int, ...]
) -> NDArray[Any]:
    """Return the crop around the middle of a box, within the image as far as it can be."""
    kept, added = [slice(None)], [(0, 0)]
    for s, n, wanted in zip(box, image.shape[1:], size, strict=True):
        start = (s.start + s.stop - wanted) // 2
        start = min(max(0, start), max(0, n - wanted))
        kept.append(slice(start, start + min(n, wanted)))
        before = max(0, wanted - n) // 2
        added.append((before, max(0, wanted - n) - before))
    return np.pad(image[tuple(kept)], added, constant_values=image.min())
