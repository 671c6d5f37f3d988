"""A regressor on sequences of frames."""

from skvae.prediction.regression import PretrainedRegressor
from skvae.prediction.sequence_predictor import SequencePredictor


class SequenceRegressor(SequencePredictor, PretrainedRegressor):
    """Predict numbers for sequences of frames, such as images over time.

    Three phases: an autoencoder, by default a VAE, is pretrained on all frames; a
    recurrent network with a head learns the targets from the codes of the frames,
    which are computed once, since the encoder is frozen; then all is trained together
    with clipped gradients, the encoder with smaller steps. It minimises half the
    squared residual of the standardised target, or the mean of that over several. In y,
    NaN and None stand for a missing target; sequences without any take part in
    pretraining only, and `score` leaves them out.

    See Also
    --------
    SequenceClassifier : Predicts a class.
    AutoencoderRegressor : For single images or rows.

    Notes
    -----
    A VAE may collapse to the prior, so that its features say nothing of the frames; it
    warns then (`PosteriorCollapseWarning`), and ``autoencoder_.active_units_`` is 0. The
    default VAE lets the divergence rise over the first half of its epochs against this.

    References
    ----------
    Cho, K. et al. (2014). Learning phrase representations using RNN encoder-decoder for
    statistical machine translation. EMNLP.

    Hochreiter, S. & Schmidhuber, J. (1997). Long short-term memory. Neural Computation
    9, 1735-1780.

    Examples
    --------
    The speed of a blob, from sequences of unequal length:

    >>> from skvae import Autoencoder
    >>> from skvae.datasets import make_moving_blobs
    >>> X, y = make_moving_blobs(
    ...     60, n_frames=(4, 8), size=12, random_state=0, return_X_y=True
    ... )
    >>> len(X), X[0].shape, X[1].shape
    (60, (8, 1, 12, 12), (4, 1, 12, 12))
    >>> frames = Autoencoder(8, channels=(8, 16), max_iter=10)
    >>> regressor = SequenceRegressor(autoencoder=frames, finetune_max_iter=5,
    ...                               random_state=0).fit(X, y)
    >>> regressor.score(X, y) > 0.9
    True
    >>> regressor.set_params(layer="frames").transform(X).shape
    (60, 8)
    """
