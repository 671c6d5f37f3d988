from copy import copy

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import uniform_filter
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from skvae import ConvolutionalSparseAutoencoder
from skvae.datasets import make_mammograms

SMALL = {"n_threads": 1, "device": "cpu", "random_state": 0, "batch_size": 8}


def sparse_autoencoder(**parameters):
    chosen = {"n_components": 8, "max_iter": 20, "n_patches": 1, "patch_size": 16}
    return ConvolutionalSparseAutoencoder(**SMALL | chosen | parameters)


@pytest.fixture(scope="module")
def mammograms():
    bunch = make_mammograms(48, size=48, random_state=0)
    bunch.images = (bunch.images - bunch.images.mean()) / bunch.images.std()
    return bunch


@pytest.fixture(scope="module")
def fitted(mammograms):
    return sparse_autoencoder().fit(mammograms.images)


def test_features_of_a_pixel_are_those_of_the_patch_around_it(fitted, mammograms):
    image = mammograms.images[0, 0]
    maps = fitted.transform_pixels(mammograms.images[:1])[0]
    state = fitted.network_.state
    matrix, center = state["windows.matrix"], state["windows.center"]
    weight, bias = state["to_code.weight"][..., 0, 0], state["to_code.bias"]
    row, column = 20, 17
    # The window of 9 pixels, and 3 more on each side for the windows of 7.
    patch = image[row - 7 : row + 8, column - 7 : column + 8]
    windows = sliding_window_view(patch, (7, 7)).reshape(81, 49)
    code = expit((windows - center) @ matrix.T @ weight.T + bias)
    np.testing.assert_allclose(maps[:8, row, column], code.mean(axis=0), rtol=1e-4)


def test_coarse_maps_are_interpolated_from_the_reduced_image(fitted, mammograms):
    X = mammograms.images[:2]
    maps = fitted.transform_pixels(X)
    halves = X.reshape(2, 1, 24, 2, 24, 2).mean(axis=(3, 5))
    code = sparse_autoencoder(scales=(1,), pool_size=1)
    code = code.fit(halves)  # for its shapes; the weights are those of the other
    code.network_.state = fitted.network_.state
    code.network_._build()
    small = code.transform_pixels(halves)
    larger = torch.nn.functional.interpolate(
        torch.from_numpy(small), scale_factor=2, mode="bilinear"
    )
    expected = uniform_filter(larger.numpy(), (0, 0, 9, 9))
    inner = (..., slice(4, -4), slice(4, -4))
    np.testing.assert_allclose(maps[:, 8:16][inner], expected[inner], atol=1e-5)


def test_maps_of_images_of_other_sizes(fitted, mammograms):
    X = mammograms.images[:2]
    whole = fitted.transform_pixels(X)
    parts = fitted.transform_pixels([X[0], X[1, :, :40, 8:]])
    assert [part.shape for part in parts] == [(24, 48, 48), (24, 40, 40)]
    np.testing.assert_allclose(parts[0], whole[0], rtol=1e-5)
    # What is cut off shows up to 20 pixels inside: kernel and window at scale 4.
    np.testing.assert_allclose(parts[1][:, :20, 20:], whole[1, :, :20, 28:], rtol=1e-5)
    assert not np.allclose(parts[1][:, 30:], whole[1, :, 30:40, 8:])
    with pytest.raises(ValueError, match=r"images of \(12, 48\), but expected at least 13"):
        fitted.transform_pixels(X[:, :, :12])
    with pytest.raises(ValueError, match="but expected 1 channels and 2 spatial"):
        fitted.transform_pixels(np.zeros((1, 2, 48, 40)))


def test_pooled_features_are_means_and_maxima_of_the_maps(fitted, mammograms):
    X = mammograms.images[:5]
    maps = fitted.transform_pixels(X)
    assert maps.shape == (5, 24, 48, 48)
    assert len(fitted.get_feature_names_out()) == 24
    np.testing.assert_allclose(fitted.transform(X), maps.mean(axis=(2, 3)), rtol=1e-5)
    largest = copy(fitted).set_params(pool="max")
    np.testing.assert_allclose(largest.transform(X), maps.max(axis=(2, 3)), rtol=1e-5)


def test_lifetime_weight_pulls_every_unit_to_its_target(mammograms):
    X = mammograms.images[:24]
    # Whole images: borders, which differ from the rest, are a larger share of patches.
    chosen = {"patch_size": None, "batch_size": 4, "population_weight": 0.0}
    chosen |= {"max_iter": 12}
    quiet = sparse_autoencoder(**chosen, lifetime_weight=1.0).fit(X)
    free = sparse_autoencoder(**chosen, lifetime_weight=0.0).fit(X)
    assert np.abs(quiet.mean_activation_ - 0.1).max() < 0.03
    assert free.mean_activation_.mean() > 0.2
    assert quiet.l0_ < free.l0_


def test_population_weight_leaves_fewer_units_at_a_position(mammograms):
    chosen = {"max_iter": 20, "lifetime_weight": 0.0}
    free = sparse_autoencoder(**chosen, population_weight=0.0).fit(mammograms.images)
    few = sparse_autoencoder(**chosen, population_weight=1.0).fit(mammograms.images)
    assert few.l0_ < 0.8 * free.l0_
    assert few.history_[-1]["population"] < few.history_[0]["population"]


def test_diagnostics_are_those_of_the_training_images(fitted, mammograms):
    X = mammograms.images
    codes = [
        fitted.network_.read(X, [name], None, 1).reshape(len(X), 8, -1)
        for name in ("code", "code_scale_2", "code_scale_4")
    ]
    mean = np.mean([code.mean(axis=(0, 2)) for code in codes], axis=0)
    np.testing.assert_allclose(fitted.mean_activation_, mean, rtol=1e-5)
    active = np.mean([(code > 0.1).sum(axis=1).mean() for code in codes])
    assert fitted.l0_ == pytest.approx(active, rel=1e-5)
    assert fitted.dead_units_ == sum(
        max(code[:, unit].max() for code in codes) <= 0.1 for unit in range(8)
    )
    residual = np.square(X - fitted.reconstruct(X)).sum() / len(X)
    explained = 1 - residual / X.var(axis=0).sum()
    assert fitted.explained_variance_ == pytest.approx(explained, rel=1e-3)


def test_score_is_minus_half_the_squared_error_of_a_value(fitted, mammograms):
    X, scores = mammograms.images[:3], []
    for end in ("", "_scale_2", "_scale_4"):
        window, found = (
            fitted.network_.read(X, [f"{name}{end}"], None, 1)
            for name in ("window", "window_reconstruction")
        )
        scores.append(-0.5 * np.square(window - found).mean(axis=1))
    np.testing.assert_allclose(fitted.score_samples(X), np.mean(scores, axis=0), rtol=1e-4)


def test_codes_are_decoded_whole_and_only_whole(fitted, mammograms):
    X = mammograms.images[:2]
    whole = copy(fitted).set_params(layer="code", pool=None)
    decoded = whole.inverse_transform(whole.transform(X))
    np.testing.assert_allclose(decoded, fitted.reconstruct(X), atol=1e-5)
    with pytest.raises(ValueError, match="Got pool='avg', but inverse_transform"):
        whole.set_params(pool="avg").inverse_transform(np.zeros((2, 8)))
    with pytest.raises(ValueError, match="layer='features', but inverse_transform"):
        fitted.inverse_transform(np.zeros((2, 24)))


def test_maps_tell_tissues_apart_better_than_grey_levels(fitted, mammograms):
    maps = np.moveaxis(fitted.transform_pixels(mammograms.images), 1, -1)
    grey = np.moveaxis(mammograms.images, 1, -1)
    train, test = np.arange(48) < 32, np.arange(48) >= 32
    masks, found = mammograms.masks, {}
    for name, features in (("maps", maps), ("grey", grey)):
        dense = masks[train][masks[train] > 0] == 2
        rows = features[train][masks[train] > 0]
        model = LogisticRegression(max_iter=500).fit(rows[::5], dense[::5])
        score = model.decision_function(features[test][masks[test] > 0])
        found[name] = roc_auc_score(masks[test][masks[test] > 0] == 2, score)
    assert found["maps"] > found["grey"] + 0.03


def test_whitening_is_not_for_probabilities(mammograms):
    X = (mammograms.images > 0).astype(np.float32)
    chosen = {"likelihood": "bernoulli", "max_iter": 2}
    plain = sparse_autoencoder(**chosen).fit(X)
    np.testing.assert_array_equal(plain.network_.state["windows.matrix"], np.eye(49))
    found = plain.reconstruct(X)
    assert 0 < found.min() <= found.max() < 1


def test_rows_have_neither_scales_nor_patches_nor_pixels(rows):
    dense = sparse_autoencoder(n_components=5, hidden_layer_sizes=(6,), max_iter=2).fit(
        rows
    )
    names = [layer.name for layer in dense.list_layers()]
    assert names[:4] == ["window", "hidden_1", "code", "mean_activation"]
    decoded = dense.inverse_transform(dense.transform(rows))
    np.testing.assert_allclose(decoded, dense.reconstruct(rows), atol=1e-5)
    with pytest.raises(ValueError, match="expected maps as large as an image"):
        dense.transform_pixels(rows)


def test_maps_smaller_than_the_image_are_no_features_of_pixels(fitted, mammograms):
    coarse = copy(fitted).set_params(layer=["code", "code_scale_2"])
    with pytest.raises(ValueError, match=r"code_scale_2 has the shape \(8, 24, 24\)"):
        coarse.transform_pixels(mammograms.images)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"scales": (2, 4)}, r"Got scales=\(2, 4\), but expected increasing"),
        ({"scales": (1, 4, 2)}, r"Got scales=\(1, 4, 2\), but expected increasing"),
        ({"pool_size": 4}, "Got pool_size=4, but expected an odd number"),
        ({"patch_size": 12}, "patch_size=12 .* expected at least 13 pixels"),
        ({"scales": (1, 16)}, r"images of \(48, 48\), but expected at least 49"),
    ],
)
def test_bad_parameters(parameters, message, mammograms):
    with pytest.raises(ValueError, match=message):
        sparse_autoencoder(**parameters).fit(mammograms.images)
