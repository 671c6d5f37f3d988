"""A classifier on an autoencoder's features, fine-tuned."""

from skvae.prediction.classification import PretrainedClassifier


class AutoencoderClassifier(PretrainedClassifier):
    """Classify rows or images with a pretrained and fine-tuned encoder.

    Three phases: an autoencoder is pretrained on all rows; a head learns the labels from
    its features while the encoder is frozen; then encoder and head are trained together,
    both with smaller steps. In y, NaN and None stand for a missing label, and so
    does -1 where two other classes remain; such rows take part in pretraining only, and
    `score` leaves them out. For cross-validation, -1 is the better mark: a stratified
    split, which takes no NaN, gives each fold its share of the labels.

    See Also
    --------
    AutoencoderRegressor : Predicts a number.

    References
    ----------
    Hinton, G. E. & Salakhutdinov, R. R. (2006). Reducing the dimensionality of data
    with neural networks. Science 313, 504-507.

    Yosinski, J., Clune, J., Bengio, Y. & Lipson, H. (2014). How transferable are
    features in deep neural networks? NeurIPS.

    Examples
    --------
    Digits, of which two in three have no label:

    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skvae import Autoencoder
    >>> X, y = load_digits(return_X_y=True)
    >>> some = np.where(np.arange(len(y)) % 3, -1, y)
    >>> classifier = AutoencoderClassifier(
    ...     autoencoder=Autoencoder(32, max_iter=10), finetune_max_iter=10, random_state=0
    ... )
    >>> classifier.fit(X / 16, some).score(X[some < 0] / 16, y[some < 0]) > 0.9
    True
    >>> [(row["phase"], row["n_epochs"]) for row in classifier.phases_]
    [('pretrain', 10), ('head', 10), ('finetune', 10)]
    """
