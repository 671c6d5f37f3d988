"""Given a network, a row of weight 0 is as if removed, one of weight 2 as if doubled."""

import numpy as np
import pytest
from contract import small

from skvae import (
    Autoencoder,
    ConvolutionalSparseAutoencoder,
    SparseAutoencoder,
    VAEFeatureExtractor,
)

DIAGNOSTICS = {
    VAEFeatureExtractor: ["kl_per_component_", "active_units_", "noise_variance_"],
    SparseAutoencoder: ["mean_activation_", "dead_units_", "l0_", "explained_variance_"],
    ConvolutionalSparseAutoencoder: ["mean_activation_", "l0_", "explained_variance_"],
}


@pytest.fixture(scope="module")
def X():  # noqa: N802
    rng = np.random.default_rng(0)
    return (rng.normal(size=(80, 3)) @ rng.normal(size=(3, 10))).astype(np.float32)


@pytest.fixture(scope="module")
def weight():
    return np.random.default_rng(1).integers(3, size=80).astype(float)


@pytest.mark.parametrize("kind", DIAGNOSTICS, ids=lambda kind: kind.__name__)
def test_diagnostics_weigh_rows(kind, X, weight):
    """Without a step of its own (a rate of almost nothing), a fit only reads."""

    def fitted(rows, **columns):
        still = small(kind, max_iter=1, learning_rate_init=1e-30)
        return still.fit(rows, **columns)

    weighted = fitted(X, sample_weight=weight)
    repeated = fitted(np.repeat(X, weight.astype(int), axis=0))
    for name in DIAGNOSTICS[kind]:
        np.testing.assert_allclose(
            getattr(weighted, name),
            getattr(repeated, name),
            rtol=1e-6,
            atol=1e-6,
            err_msg=name,
        )


@pytest.mark.parametrize(
    "kind", [Autoencoder, *DIAGNOSTICS], ids=lambda kind: kind.__name__
)
def test_scores_weigh_rows(kind, X, weight):
    fitted = small(kind, max_iter=2).fit(X)
    repeated = fitted.score(np.repeat(X, weight.astype(int), axis=0))
    assert fitted.score(X, sample_weight=weight) == pytest.approx(repeated, rel=1e-6)
    with pytest.raises(ValueError, match="at least one non-zero"):
        fitted.score(X, sample_weight=np.zeros(80))


def test_outliers_of_weight_zero_are_as_if_removed(X):
    outliers = 100 * np.random.default_rng(2).normal(size=(40, 10)).astype(np.float32)
    both, weight = np.vstack([X, outliers]), np.repeat([1.0, 0.0], [80, 40])
    settings = {"early_stopping": True, "max_iter": 20}
    with_outliers = small(VAEFeatureExtractor, **settings).fit(both, sample_weight=weight)
    without = small(VAEFeatureExtractor, **settings).fit(X)
    np.testing.assert_allclose(
        with_outliers.transform(X), without.transform(X), rtol=1e-3, atol=1e-4
    )
    assert with_outliers.noise_variance_ == pytest.approx(without.noise_variance_, rel=0.01)
    assert with_outliers.n_iter_ == without.n_iter_


@pytest.mark.parametrize("early_stopping", [False, True])
def test_weights_that_are_all_zero_are_refused(X, early_stopping):
    kind = small(Autoencoder, early_stopping=early_stopping)
    with pytest.raises(ValueError, match="at least one non-zero"):
        kind.fit(X, sample_weight=np.zeros(80))
    assert not hasattr(kind, "network_")


def test_weights_are_repetitions_after_a_whole_fit_by_lbfgs(X, weight):
    settings = {"hidden_layer_sizes": (), "solver": "lbfgs", "max_iter": 300}
    weighted = small(Autoencoder, **settings).fit(X, sample_weight=weight)
    repeated = small(Autoencoder, **settings).fit(np.repeat(X, weight.astype(int), axis=0))
    difference = weighted.reconstruct(X) - repeated.reconstruct(X)
    assert np.abs(difference).max() < 1e-5 * X.std()
    assert weighted.score(X) == pytest.approx(repeated.score(X), rel=1e-6)
