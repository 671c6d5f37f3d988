"""The plain autoencoder."""

from skvae.features.base import BaseAutoencoder


class Autoencoder(BaseAutoencoder):
    """Features of a plain autoencoder of rows or images.

    It minimises half the squared error of the reconstruction (or, with
    ``likelihood="bernoulli"``, the cross-entropy), summed over the entries of a
    sample; `score` is minus that.

    See Also
    --------
    DenoisingAutoencoder : Sees a corrupted input while training.
    VAEFeatureExtractor : Its code is a distribution.
    sklearn.decomposition.PCA : What it is with no hidden layers and
        ``solver="lbfgs"``, up to a linear map of the code.

    References
    ----------
    Hinton, G. E. & Salakhutdinov, R. R. (2006). Reducing the dimensionality of data
    with neural networks. Science 313, 504-507.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X = load_iris().data
    >>> autoencoder = Autoencoder(2, hidden_layer_sizes=(8,), max_iter=2, random_state=0)
    >>> autoencoder.fit_transform(X).shape
    (150, 2)
    >>> [layer.name for layer in autoencoder.list_layers()]
    ['hidden_1', 'code', 'decoded_1', 'reconstruction']
    >>> autoencoder.set_params(layer="hidden_1").transform(X).shape
    (150, 8)
    """
