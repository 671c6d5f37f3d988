import numpy as np
import pytest
from contract import small
from scipy import stats
from sklearn.base import clone
from sklearn.datasets import load_digits

from skvae import VAEFeatureExtractor
from skvae.exceptions import PosteriorCollapseWarning
from skvae.features.lower_bound import mean_errors
from skvae.objectives.elbo import BetaELBO
from skvae.objectives.reconstruction import GaussianLikelihood


@pytest.fixture(scope="module")
def digits():
    return (load_digits().data[:400] / 16).astype(np.float32)


@pytest.fixture(scope="module")
def fitted(digits):
    quick = {"max_iter": 20, "learning_rate_init": 5e-3}
    return VAEFeatureExtractor(6, random_state=0, n_threads=1, **quick).fit(digits)


def test_defaults_do_not_collapse_on_digits(fitted):
    assert fitted.active_units_ == 6
    assert (fitted.kl_per_component_ > 0.1).all()


def test_z_reads_as_the_mean_and_transform_never_samples(fitted, digits):
    mean = fitted.transform(digits)
    np.testing.assert_array_equal(fitted.transform(digits), mean)
    fitted.set_params(layer="z")
    np.testing.assert_array_equal(fitted.transform(digits), mean)
    decoded = fitted.inverse_transform(mean)
    fitted.set_params(layer="mean")
    np.testing.assert_array_equal(fitted.inverse_transform(mean), decoded)


def test_diagnostics_are_those_of_the_training_rows(fitted, digits):
    mean, log_var = np.split(
        fitted.set_params(layer=["mean", "log_var"]).transform(digits).astype(float),
        2,
        axis=1,
    )
    fitted.set_params(layer="mean")
    kl = 0.5 * (mean**2 + np.exp(log_var) - log_var - 1)
    np.testing.assert_allclose(fitted.kl_per_component_, kl.mean(axis=0), rtol=1e-6)
    rng = np.random.default_rng(0)
    z = [mean + np.exp(log_var / 2) * rng.normal(size=mean.shape) for _ in range(50)]
    errors = [np.square(fitted.inverse_transform(code) - digits).mean() for code in z]
    assert fitted.noise_variance_ == pytest.approx(np.mean(errors), rel=0.01)
    assert fitted.history_[-1]["divergence"] == pytest.approx(
        kl.sum(axis=1).mean(), rel=0.1
    )


def test_the_penalized_log_likelihood_is_taken_at_the_mean(fitted, digits):
    mean, log_var = np.split(
        fitted.set_params(layer=["mean", "log_var"]).transform(digits).astype(float),
        2,
        axis=1,
    )
    fitted.set_params(layer="mean")
    log_likelihood = stats.norm.logpdf(
        digits, fitted.reconstruct(digits), np.sqrt(fitted.noise_variance_)
    ).sum(axis=1)
    kl = 0.5 * (mean**2 + np.exp(log_var) - log_var - 1).sum(axis=1)
    found = fitted.penalized_log_likelihood(digits)
    np.testing.assert_allclose(found, log_likelihood - kl, rtol=1e-4)


def test_score_ranks_the_data_above_noise(fitted, digits):
    noise = np.random.default_rng(0).permuted(digits, axis=1)
    assert fitted.score(digits) > fitted.score(noise) + 10


def test_posterior_samples_have_the_posterior_moments(fitted, digits):
    X = np.repeat(digits[:1], 4000, axis=0)
    z = fitted.sample_posterior(X, random_state=0)
    mean = fitted.transform(digits[:1])[0]
    log_var = fitted.set_params(layer="log_var").transform(digits[:1])[0]
    fitted.set_params(layer="mean")
    np.testing.assert_allclose(
        z.mean(axis=0), mean, atol=4 * np.exp(log_var / 2).max() / 63
    )
    np.testing.assert_allclose(z.var(axis=0), np.exp(log_var), rtol=0.1)
    np.testing.assert_array_equal(z, fitted.sample_posterior(X, random_state=0))


def test_samples_are_decoded_prior_draws(fitted):
    codes = np.random.RandomState(3).standard_normal((5, 6))
    expected = fitted.inverse_transform(codes)
    np.testing.assert_array_equal(fitted.sample(5, random_state=3), expected)


@pytest.mark.filterwarnings("ignore::skvae.exceptions.PosteriorCollapseWarning")
def test_beta_buys_a_smaller_divergence(digits):
    kl = [
        small(VAEFeatureExtractor, beta=beta, max_iter=12, learning_rate_init=1e-2)
        .fit(digits)
        .kl_per_component_.sum()
        for beta in (0.1, 1.0, 10.0)
    ]
    assert kl[0] > kl[1] > kl[2]


def test_a_collapsed_posterior_warns(digits):
    vae = small(VAEFeatureExtractor, beta=1e4, max_iter=16, learning_rate_init=2e-2)
    with pytest.warns(PosteriorCollapseWarning, match="smaller beta .now 10000.0."):
        vae.fit(digits)
    assert vae.active_units_ == 0


@pytest.mark.filterwarnings("ignore::skvae.exceptions.PosteriorCollapseWarning")
def test_free_bits_keep_the_units_alive(digits):
    common = {"beta": 30.0, "max_iter": 35, "learning_rate_init": 1e-2}
    without = small(VAEFeatureExtractor, **common).fit(digits)
    freed = small(VAEFeatureExtractor, free_bits=0.5, **common).fit(digits)
    assert freed.kl_per_component_.min() > 0.2 > without.kl_per_component_.min()


def test_warm_up_weighs_the_first_epochs_less(digits):
    cold = small(VAEFeatureExtractor, max_iter=10).fit(digits).history_
    warm = small(VAEFeatureExtractor, max_iter=10, kl_warmup=1.0).fit(digits).history_
    assert warm[0]["divergence"] < 0.3 * cold[0]["divergence"]


class UnitVariance(VAEFeatureExtractor):
    """The control: half the squared error as the reconstruction term."""

    def _objective(self, learned):
        return BetaELBO(self.beta, likelihood=GaussianLikelihood(1.0))


@pytest.mark.filterwarnings("ignore::skvae.exceptions.PosteriorCollapseWarning")
@pytest.mark.parametrize(
    ("scale", "n_times"),
    [
        (0.2, 2),
        pytest.param(1.0, 1, marks=pytest.mark.nightly),
        pytest.param(0.2, 1, marks=pytest.mark.nightly),
        pytest.param(1.0, 2, marks=pytest.mark.nightly),
    ],
)
def test_scale_and_number_of_inputs_do_not_shift_the_balance(digits, scale, n_times):
    """With a decoder of unit variance, beta = 1 has no active unit on X / 16."""
    settings = {"max_iter": 12, "hidden_layer_sizes": (32,), "n_components": 6}
    settings["learning_rate_init"] = 5e-3
    X = np.hstack([scale * digits] * n_times)
    assert small(VAEFeatureExtractor, **settings).fit(X).active_units_ >= 4
    assert small(UnitVariance, **settings).fit(X).active_units_ == 0


def test_diagnostics_of_one_network_are_computed_once(digits, tmp_path, monkeypatch):
    counted = []
    monkeypatch.setattr(
        "skvae.features.variational.mean_errors",
        lambda *args: counted.append(1) or mean_errors(*args),
    )
    vae = VAEFeatureExtractor(3, max_iter=2, random_state=0)
    alone = clone(vae).fit(digits)
    n_blocks = len(counted)
    kept = vae.set_params(memory=str(tmp_path))
    for layer in ("mean", "hidden_1", ["mean", "log_var"]):
        fitted = clone(kept).set_params(layer=layer).fit(digits)
        assert fitted.noise_variance_ == alone.noise_variance_
        assert fitted.active_units_ == alone.active_units_
        np.testing.assert_array_equal(fitted.kl_per_component_, alone.kl_per_component_)
    assert len(counted) == 2 * n_blocks
    # Another network, and other rows.
    others = clone(kept).set_params(beta=2.0).fit(digits), clone(kept).fit(digits[:-1])
    assert len({each.noise_variance_ for each in (alone, *others)}) == 3
