import numpy as np
import pytest
from contract import small
from scipy.linalg import subspace_angles
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from skvae import Autoencoder


def test_a_linear_autoencoder_spans_the_pca_subspace():
    X = load_digits().data[:600] / 16
    linear = Autoencoder(
        4, hidden_layer_sizes=(), solver="lbfgs", max_iter=300, random_state=0, n_threads=1
    ).fit(X)
    pca = PCA(4).fit(X)
    weight = linear.network_.state["to_rows.weight"]
    angle = np.degrees(subspace_angles(weight, pca.components_.T).max())
    mse = np.square(linear.reconstruct(X) - X).mean()
    best = np.square(pca.inverse_transform(pca.transform(X)) - X).mean()
    assert angle < 2
    assert mse == pytest.approx(best, rel=1e-3)


def test_training_beats_the_mean(rows):
    autoencoder = small(Autoencoder, max_iter=200, learning_rate_init=1e-2).fit(rows)
    error = np.square(autoencoder.reconstruct(rows) - rows).mean()
    assert error < 0.3 * rows.var()


def test_score_is_minus_half_the_squared_error(rows):
    autoencoder = small(Autoencoder).fit(rows)
    expected = -0.5 * np.square(autoencoder.reconstruct(rows) - rows).sum(axis=1)
    np.testing.assert_allclose(autoencoder.score_samples(rows), expected, rtol=1e-5)
    assert autoencoder.score(rows) == pytest.approx(expected.mean(), rel=1e-5)


def test_bernoulli_reconstructs_probabilities(rows):
    X = (rows > 0).astype(np.float32)
    autoencoder = small(
        Autoencoder, likelihood="bernoulli", max_iter=30, learning_rate_init=1e-2
    ).fit(X)
    p = autoencoder.reconstruct(X)
    assert p.min() >= 0
    assert p.max() <= 1
    expected = np.log(np.where(X == 1, p, 1 - p).astype(float).clip(1e-12)).sum(axis=1)
    np.testing.assert_allclose(autoencoder.score_samples(X), expected, rtol=1e-2)
    assert ((p > 0.5) == X).mean() > 0.8


def test_decoding_the_code_is_the_reconstruction():
    rng = np.random.default_rng(0)
    images = rng.random((20, 2, 5, 7), dtype=np.float32)
    autoencoder = small(Autoencoder).fit(images)
    decoded = autoencoder.inverse_transform(autoencoder.transform(images))
    assert decoded.shape == images.shape
    np.testing.assert_allclose(decoded, autoencoder.reconstruct(images), atol=1e-6)
    flat = images.reshape(20, -1)
    rows = small(Autoencoder, image_shape=(2, 5, 7)).fit(flat)
    assert rows.inverse_transform(rows.transform(flat)).shape == flat.shape
    np.testing.assert_allclose(
        rows.reconstruct(flat), decoded.reshape(20, -1), rtol=1e-6, atol=1e-6
    )


def test_only_a_code_can_be_decoded(rows):
    autoencoder = small(Autoencoder, layer="hidden_1").fit(rows)
    with pytest.raises(ValueError, match="layer='hidden_1', but inverse_transform"):
        autoencoder.inverse_transform(autoencoder.transform(rows))
    autoencoder.set_params(layer="code")
    with pytest.raises(ValueError, match="4 columns, but the code has n_components=3"):
        autoencoder.inverse_transform(np.zeros((2, 4)))


def test_reading_the_code_never_runs_the_decoder(rows):
    autoencoder = small(Autoencoder).fit(rows)
    expected = autoencoder.transform(rows)

    def refuse(*args):
        raise AssertionError("the decoder ran")

    autoencoder.network_.module.decode = refuse
    np.testing.assert_array_equal(autoencoder.transform(rows), expected)
