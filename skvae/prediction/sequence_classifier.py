"""A classifier of sequences of frames."""

from skvae.prediction.classification import PretrainedClassifier
from skvae.prediction.sequence_predictor import SequencePredictor


class SequenceClassifier(SequencePredictor, PretrainedClassifier):
    """Classify sequences of frames, such as images over time.

    Three phases: an autoencoder, by default a VAE, is pretrained on all frames; a
    recurrent network with a head learns the labels from the codes of the frames, which
    are computed once, since the encoder is frozen; then all is trained together with
    clipped gradients, the encoder with smaller steps. In y, NaN and None stand for a
    missing label, and so does -1 where two other classes remain; such sequences take
    part in pretraining only, and `score` leaves them out.

    See Also
    --------
    SequenceRegressor : Predicts a number.
    AutoencoderClassifier : For single images or rows.

    Notes
    -----
    A VAE may collapse to the prior, so that its features say nothing of the frames; it
    warns then (`PosteriorCollapseWarning`), and ``autoencoder_.active_units_`` is 0. The
    default VAE lets the divergence rise over the first half of its epochs against this.

    References
    ----------
    Cho, K. et al. (2014). Learning phrase representations using RNN encoder-decoder for
    statistical machine translation. EMNLP.

    Yang, Z. et al. (2016). Hierarchical attention networks for document classification.
    NAACL.

    Examples
    --------
    Whether a blob is fast, and which frames say so:

    >>> from skvae import Autoencoder
    >>> from skvae.datasets import make_moving_blobs
    >>> X, speed = make_moving_blobs(60, size=12, random_state=0, return_X_y=True)
    >>> frames = Autoencoder(8, channels=(8, 16), max_iter=10)
    >>> classifier = SequenceClassifier(autoencoder=frames, finetune_max_iter=5,
    ...                                 pool_time="attention", random_state=0)
    >>> classifier.fit(X, speed > 0.75).score(X, speed > 0.75) > 0.9
    True
    >>> weights = classifier.set_params(layer="attention").transform(X)
    >>> weights.shape
    (60, 8)
    """
