"""The (beta-)variational autoencoder."""

from typing import Any

from skvae.features.variational import BaseVAE
from skvae.objectives.elbo import BetaELBO


class VAEFeatureExtractor(BaseVAE):
    """Features of a (beta-)variational autoencoder of rows or images.

    It minimises the negative ELBO, ``-log p(x|z) + beta KL(q(z|x) || N(0, I))``, with a
    Gaussian decoder of one learned variance (or Bernoulli probabilities), so that
    ``beta`` means the same whatever the unit of X; whatever the number of entries of a
    sample, it does with ``counted_entries``. `transform`
    reads the posterior ``mean`` and never samples.

    See Also
    --------
    Autoencoder : Without a distribution over the code.
    sklearn.decomposition.PCA : The linear baseline.

    Notes
    -----
    `score` estimates the evidence lower bound (with ``beta=1``), in nats per sample: at
    most the log-density of a sample under the decoder, whatever the number of units. The
    decoder's variance is the most likely one, batch by batch while training (Rybkin et
    al., 2021) and over the training samples afterwards.

    References
    ----------
    Kingma, D. P. & Welling, M. (2014). Auto-encoding variational Bayes. ICLR.

    Higgins, I. et al. (2017). beta-VAE: learning basic visual concepts with a
    constrained variational framework. ICLR.

    Rybkin, O., Daniilidis, K. & Levine, S. (2021). Simple and effective VAE training
    with calibrated decoders. ICML.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().data / 16
    >>> vae = VAEFeatureExtractor(8, max_iter=5, random_state=0).fit(X)
    >>> vae.transform(X).shape
    (1797, 8)
    >>> vae.get_feature_names_out()[:2]
    array(['mean_0', 'mean_1'], dtype=object)
    >>> vae.set_params(layer=["hidden_1", "mean"]).transform(X).shape
    (1797, 136)
    """

    def _objective(self, learned: Any) -> BetaELBO:
        return self._elbo()
