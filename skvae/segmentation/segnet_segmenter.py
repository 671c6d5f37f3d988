"""The SegNet: a decoder that knows where the encoder's maxima were."""

from typing import Annotated, Any

from skvae.estimators.declared import POSITIVE_WHOLE, Count
from skvae.segmentation.segmenter import BaseSegmenter


class SegNetSegmenter(BaseSegmenter):
    """Segment images with a SegNet, whose decoder puts maxima back to their places.

    The places of the encoder's maxima drive the decoder, which learns no upsampling of
    its own and sees nothing else of the encoder. The layers are those of VGG-16, with as
    many channels for ``width=64``. See `UNetSegmenter` for what y may be.

    Parameters
    ----------
    depth : int, default=5
        Number of times that the image is halved.
    n_convolutions : int or tuple of int, default=(2, 2, 3, 3, 3)
        Convolutions of each level; the decoder mirrors them. The bottleneck has none: it
        is the last level's maxima.

    See Also
    --------
    UNetSegmenter : The maps of the encoder join those of the decoder.
    dice_scores : The Dice coefficient of each image and label.

    References
    ----------
    Badrinarayanan, V., Kendall, A. & Cipolla, R. (2017). SegNet: a deep convolutional
    encoder-decoder architecture for image segmentation. IEEE Transactions on Pattern
    Analysis and Machine Intelligence 39, 2481-2495.

    Examples
    --------
    >>> from skvae.datasets import make_mammograms
    >>> mammograms = make_mammograms(12, size=32, random_state=0)
    >>> X, y = mammograms.images, (mammograms.masks > 0).astype(int)
    >>> segnet = SegNetSegmenter(depth=2, n_convolutions=2, width=8, max_iter=40,
    ...                          batch_size=4, random_state=0)
    >>> segnet.fit(X[:8], y[:8]).score(X[8:], y[8:]) > 0.9
    True
    """

    depth: Count = 5
    n_convolutions: Annotated[int | tuple[int, ...], POSITIVE_WHOLE, list, tuple] = (
        2,
        2,
        3,
        3,
        3,
    )

    def _architecture(self) -> dict[str, Any]:
        return {
            "depth": int(self.depth),
            "n_convolutions": (*self._counts(self.depth), 0),
            "skip": None,
            "up": "unpool",
        }
