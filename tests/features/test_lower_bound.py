from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp
from sklearn.datasets import load_digits

from skvae import AttriVAE, VAEFeatureExtractor
from skvae.features.lower_bound import antithetic_draws, of_unit_variance

Q, D = 3, 10


@cache
def gaussian():
    """Rows of a linear Gaussian model with three factors: training and new ones."""
    rng = np.random.default_rng(0)
    loadings = rng.normal(size=(Q, D))
    train, new = (
        rng.normal(size=(n, Q)) @ loadings + rng.normal(size=(n, D)) for n in (1000, 2000)
    )
    return train, new


@cache
def linear(kind, n_components):
    """Return a linear model of the training rows, the same for all who only read it."""
    estimator = kind(
        n_components,
        hidden_layer_sizes=(),
        max_iter=60,
        batch_size=100,
        learning_rate_init=8e-3,
        random_state=0,
        n_threads=1,
    )
    return estimator.fit(gaussian()[0])


def exact_log_density(fitted, X):
    """Return log N(x; b, W W' + s² I) from the decoder's weights and variance."""
    b = fitted.inverse_transform(np.zeros((1, fitted.n_components)))[0].astype(float)
    W = fitted.inverse_transform(np.eye(fitted.n_components)).astype(float) - b
    covariance = W.T @ W + fitted.noise_variance_ * np.eye(D)
    return stats.multivariate_normal(b, covariance).logpdf(X)


@pytest.mark.parametrize("kind", [VAEFeatureExtractor, AttriVAE])
def test_linear_models_are_below_their_density_and_rank_as_by_it(kind):
    _, new = gaussian()
    scores, exact = [], []
    for n_components in (3, 5, 8):
        fitted = linear(kind, n_components)
        bound, density = fitted.score_samples(new), exact_log_density(fitted, new)
        gap = density - bound
        assert gap.mean() > -3 * gap.std() / np.sqrt(len(new))
        assert gap.mean() < 0.1
        tight = fitted.score(new, n_draws=256, importance_weighted=True)
        assert bound.mean() < tight < density.mean() + 0.03  # draws are shared
        assert fitted.penalized_log_likelihood(new).mean() > density.mean() + 0.5
        scores.append(bound.mean())
        exact.append(density.mean())
    ranked = np.argsort(exact)[::-1]
    for better, worse in pairwise(ranked):
        tied = exact[better] - exact[worse] < 0.05
        assert tied or scores[better] > scores[worse]


def test_the_variance_of_a_linear_decoder_is_that_of_maximum_likelihood():
    """Tipping & Bishop (1999): the mean of the eigenvalues that are left out."""
    train, _ = gaussian()
    eigenvalues = np.linalg.eigvalsh(np.cov(train.T, bias=True))
    fitted = linear(VAEFeatureExtractor, Q)
    assert fitted.noise_variance_ == pytest.approx(eigenvalues[:-Q].mean(), rel=0.03)


@pytest.fixture(scope="module")
def digits():
    X = (load_digits().data / 16).astype(np.float32)
    return X[:1000], X[1000:1060]


@pytest.fixture(
    scope="module",
    params=[
        (VAEFeatureExtractor, "gaussian"),
        (VAEFeatureExtractor, "bernoulli"),
        (AttriVAE, "gaussian"),
        (AttriVAE, "bernoulli"),
        (AttriVAE, "squared_error"),
    ],
    ids=lambda p: f"{p[0].__name__}-{p[1]}",
)
def fitted(request, digits):
    kind, likelihood = request.param
    estimator = kind(
        4,
        likelihood=likelihood,
        hidden_layer_sizes=(32,),
        max_iter=15,
        random_state=0,
        n_threads=1,
    )
    return estimator.fit(digits[0])


def log_weights(fitted, X, n_draws):
    """Return log p(x, z) - log q(z|x) of independent draws, in numpy."""
    mean, log_var = np.split(
        fitted.set_params(layer=["mean", "log_var"]).transform(X).astype(float), 2, axis=1
    )
    fitted.set_params(layer="mean")
    deviation, rng, rows = np.exp(log_var / 2), np.random.default_rng(0), []
    for _ in range(n_draws // 50):
        z = mean + deviation * rng.normal(size=(50, *mean.shape))
        x_hat = fitted.inverse_transform(z.reshape(-1, z.shape[2])).astype(float)
        x_hat = x_hat.reshape(50, *X.shape)
        if fitted.likelihood == "bernoulli":
            x_hat = x_hat.clip(1e-12, 1 - 1e-12)
            inside = X * np.log(x_hat) + (1 - X) * np.log1p(-x_hat)
        else:
            squared = fitted.likelihood == "squared_error"
            variance = 0.5 if squared else fitted.noise_variance_
            inside = stats.norm.logpdf(X, x_hat, np.sqrt(variance))
        prior = stats.norm.logpdf(z).sum(axis=2)
        posterior = stats.norm.logpdf(z, mean, deviation).sum(axis=2)
        rows.append(inside.sum(axis=2) + prior - posterior)
    return np.concatenate(rows)


def test_bounds_agree_with_a_thousand_independent_draws(fitted, digits):
    _, X = digits
    weights = log_weights(fitted, X, 1000)
    elbo, tight = weights.mean(axis=0), logsumexp(weights, axis=0) - np.log(1000)
    bound = fitted.score_samples(X)
    assert bound.mean() == pytest.approx(elbo.mean(), abs=0.4)
    assert fitted.score(X, n_draws=256) == pytest.approx(elbo.mean(), abs=0.1)
    found = fitted.score_samples(X, 1000, importance_weighted=True)
    assert found.mean() == pytest.approx(tight.mean(), abs=0.3)
    assert fitted.score(X) == pytest.approx(bound.mean(), abs=1e-4)
    assert bound.mean() < found.mean()


def test_a_score_depends_on_neither_place_nor_neighbours(fitted, digits):
    _, X = digits
    together = fitted.score_samples(X)
    np.testing.assert_allclose(fitted.score_samples(X[::-1])[::-1], together, rtol=1e-5)
    np.testing.assert_allclose(fitted.score_samples(X[7:8]), together[7:8], rtol=1e-5)
    assert not np.array_equal(fitted.score_samples(X, random_state=1), together)


def test_draws_are_normal_pairs_and_scaled_ones_have_their_variance():
    draws = antithetic_draws(16, 5, 0)
    np.testing.assert_array_equal(draws[::2], -draws[1::2])
    np.testing.assert_allclose(of_unit_variance(draws).square().mean(dim=0), 1, rtol=1e-6)
    np.testing.assert_array_equal(antithetic_draws(16, 5, 0), draws)
    assert antithetic_draws(15, 2, 0).shape == (15, 2)
    assert stats.kstest(antithetic_draws(4000, 1, 0).numpy()[::2, 0], "norm").pvalue > 0.01


@pytest.mark.parametrize("n_draws", [0, 1.5, "16"])
def test_a_number_of_draws_that_is_none_is_refused(fitted, digits, n_draws):
    with pytest.raises(ValueError, match=f"Got n_draws={n_draws!r}"):
        fitted.score_samples(digits[1], n_draws=n_draws)
