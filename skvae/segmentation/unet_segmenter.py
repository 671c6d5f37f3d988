"""The U-Net: an encoder whose maps join those of the decoder at every level."""

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Annotated, Any

from skvae._compat import Options, StrOptions
from skvae.estimators.declared import POSITIVE_WHOLE, Count
from skvae.networks.builder import Builder
from skvae.segmentation.masks import LearnedMasks
from skvae.segmentation.segmenter import BaseSegmenter


class UNetSegmenter(BaseSegmenter):
    """Segment images with a U-Net, and read its layers as features.

    For images of one to three spatial axes and of any size, also of unequal sizes.
    `predict` gives labels, `score` the mean Dice coefficient, and `transform` the pooled
    features of a layer. Masks may be drawn in part, labels may overlap, and the encoder
    may come from an autoencoder or from VGG-16.

    Parameters
    ----------
    depth : int, default=4
        Number of times that the image is halved.
    n_convolutions : int or tuple of int, default=2
        Convolutions of each level and, last, of the bottleneck; the decoder mirrors them.
    first_stride : {1, 2}, default=1
        Stride of the first convolution. With 2, all maps have half the size along each
        axis, until the last step makes the mask: a fourth of the work for an image, an
        eighth for a volume, at the price of the finest details.
    skip : {"concat", "add"} or None, default="concat"
        How the maps of the encoder join those of the decoder at the same level.
    up : {"transpose", "resize", "unpool"}, default="transpose"
        How maps become larger: by transposed convolutions, by the nearest neighbour and a
        convolution, or by putting each maximum back to its place.
    spacing : tuple of float or None, default=None
        Distance between pixels along each spatial axis, such as ``(5, 1, 1)`` mm of slices
        with pixels of 1 mm. An axis whose pixels are at least twice as far apart as those
        of another is neither halved nor convolved across, until the levels have halved
        the others so often that it is not. None treats all axes alike. It is for all
        images: bring them to one spacing, as :class:`~skvae.ImageLoader` does.

    See Also
    --------
    SegNetSegmenter : Nothing but the places of maxima passes from encoder to decoder.
    dice_scores : The Dice coefficient of each image and label.

    Notes
    -----
    scikit-learn's own scorers and stratified folds do not know masks: leave ``scoring``
    out, which takes `score`, or make a scorer of a function of masks; take ``KFold``,
    ``GroupKFold`` or :class:`~skvae.MaskStratifiedKFold`, and for probabilities
    :func:`~skvae.cross_val_predict_masks`. Where y has flat masks of 0 and 1,
    ``scoring="f1_samples"`` is the Dice coefficient as well.

    ``UNetSegmenter(width=64, n_convolutions=(2, 2, 3, 3, 3), normalization=None)`` has the
    encoder of VGG-16, and takes all weights of its convolutions.

    Images of unequal sizes are brought to one size for training, with pixels that do not
    count.

    References
    ----------
    Ronneberger, O., Fischer, P. & Brox, T. (2015). U-Net: convolutional networks for
    biomedical image segmentation. MICCAI, 234-241.

    Milletari, F., Navab, N. & Ahmadi, S.-A. (2016). V-Net: fully convolutional neural
    networks for volumetric medical image segmentation. 3DV, 565-571.

    Lakshminarayanan, B., Pritzel, A. & Blundell, C. (2017). Simple and scalable predictive
    uncertainty estimation using deep ensembles. NeurIPS.

    Salehi, S. S. M., Erdogmus, D. & Gholipour, A. (2017). Tversky loss function for image
    segmentation using 3D fully convolutional deep networks. MLMI, 379-387.

    Dou, Q. et al. (2017). 3D deeply supervised network for automated segmentation of
    volumetric medical images. Medical Image Analysis 41, 40-54.

    Isensee, F., Jaeger, P. F., Kohl, S. A. A., Petersen, J. & Maier-Hein, K. H. (2021).
    nnU-Net: a self-configuring method for deep learning-based biomedical image
    segmentation. Nature Methods 18, 203-211.

    Examples
    --------
    >>> from skvae.datasets import make_mammograms
    >>> mammograms = make_mammograms(12, size=32, random_state=0)
    >>> X, y = mammograms.images, (mammograms.masks > 0).astype(int)
    >>> unet = UNetSegmenter(depth=2, width=8, max_iter=20, batch_size=4, random_state=0)
    >>> unet.fit(X[:8], y[:8]).score(X[8:], y[8:]) > 0.9
    True
    >>> unet.predict(X[8:]).shape, unet.predict_proba(X[8:]).shape
    ((4, 32, 32), (4, 2, 32, 32))
    >>> unet.transform(X[8:]).shape
    (4, 32)
    """

    depth: Count = 4
    n_convolutions: Annotated[int | tuple[int, ...], POSITIVE_WHOLE, list, tuple] = 2
    first_stride: Annotated[int, Options(Integral, {1, 2})] = 1
    skip: Annotated[str | None, StrOptions({"concat", "add"}), None] = "concat"
    up: Annotated[str, StrOptions({"transpose", "resize", "unpool"})] = "transpose"
    spacing: Annotated[tuple[float, ...] | None, list, tuple, None] = None

    def _architecture(self) -> dict[str, Any]:
        return {
            "depth": int(self.depth),
            "n_convolutions": self._counts(self.depth + 1),
            "first_stride": int(self.first_stride),
            "skip": self.skip,
            "up": self.up,
            "spacing": None if self.spacing is None else tuple(map(float, self.spacing)),
        }

    def _network_builder(
        self, sample_shape: tuple[int, ...], learned: LearnedMasks
    ) -> Builder:
        n_axes = len(sample_shape) - 1
        if self.spacing is not None and not are_distances(self.spacing, n_axes):
            raise ValueError(
                f"Got spacing={self.spacing!r}, but images have {n_axes} spatial axes; "
                "expected as many finite numbers above 0, or None."
            )
        return super()._network_builder(sample_shape, learned)


def are_distances(values: Sequence[Any], n: int) -> bool:
    """Whether values are so many finite numbers above 0."""
    return len(values) == n and all(
        isinstance(each, Real) and 0 < each < math.inf for each in values
    )
