"""A regressor on an autoencoder's features, fine-tuned."""

from skvae.prediction.regression import PretrainedRegressor


class AutoencoderRegressor(PretrainedRegressor):
    """Predict numbers for rows or images with a pretrained and fine-tuned encoder.

    Three phases: an autoencoder is pretrained on all rows; a head learns the targets
    from its features while the encoder is frozen; then encoder and head are trained
    together, both with smaller steps. It minimises half the squared residual of
    the standardised target, or the mean of that over several. In y, NaN and None stand
    for a missing target; rows without any take part in pretraining only, and `score`
    leaves them out.

    See Also
    --------
    AutoencoderClassifier : Predicts a class.

    References
    ----------
    Hinton, G. E. & Salakhutdinov, R. R. (2006). Reducing the dimensionality of data
    with neural networks. Science 313, 504-507.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.preprocessing import StandardScaler
    >>> X, y = load_diabetes(return_X_y=True)
    >>> X = StandardScaler().fit_transform(X)
    >>> regressor = AutoencoderRegressor(finetune_max_iter=10, random_state=0)
    >>> regressor.fit(X[:300], y[:300]).score(X[300:], y[300:]) > 0.3
    True
    """
