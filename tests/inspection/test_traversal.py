import numpy as np
import pytest

from skvae import Autoencoder
from skvae.inspection import latent_interpolation, latent_traversal

QUANTILES = (0.02, 0.98)


def test_only_the_unit_that_is_asked_for_moves(digits):
    traversal = latent_traversal(digits.vae, digits.X, unit=2, n_steps=5)
    codes = digits.vae.transform(digits.X)
    expected = np.tile(codes.mean(axis=0), (5, 1))
    expected[:, 2] = np.linspace(*np.quantile(codes[:, 2], QUANTILES), 5)
    np.testing.assert_allclose(traversal.codes, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(traversal.values[:, 0], expected[:, 2], rtol=1e-5)
    assert traversal.names == ("mean_2",)


def test_images_are_what_the_estimator_decodes(digits):
    traversal = latent_traversal(digits.vae, digits.X, unit=0, start=3)
    decoded = digits.vae.inverse_transform(traversal.codes)
    np.testing.assert_allclose(traversal.images, decoded, rtol=1e-6, atol=1e-6)
    at_sample = latent_traversal(
        digits.vae,
        digits.X,
        unit=0,
        start=3,
        values=digits.vae.transform(digits.X[3:4])[:, 0],
    )
    reconstruction = digits.vae.reconstruct(digits.X[3:4])
    np.testing.assert_allclose(at_sample.images, reconstruction, rtol=1e-5, atol=1e-6)


def test_without_samples_the_prior_says_where_to_go(digits):
    traversal = latent_traversal(digits.vae, unit=1, n_steps=3)
    np.testing.assert_allclose(traversal.values[:, 0], [-2.053749, 0, 2.053749], atol=1e-6)
    np.testing.assert_array_equal(traversal.codes[:, [0, 2, 3]], 0)


def test_a_code_to_start_from(digits):
    start = np.array([0.5, -1.0, 2.0, 0.25])
    traversal = latent_traversal(digits.vae, unit=3, start=start, values=[0, 1])
    np.testing.assert_array_equal(traversal.codes, [[0.5, -1, 2, 0], [0.5, -1, 2, 1]])


def test_a_grid_moves_two_units_and_no_other(digits):
    traversal = latent_traversal(digits.vae, unit=(3, 1), values=([1, 2], [4, 5, 6]))
    assert traversal.images.shape == (2, 3, 1, 8, 8)
    for i, first in enumerate([1, 2]):
        for j, second in enumerate([4, 5, 6]):
            np.testing.assert_array_equal(traversal.codes[i, j], [0, second, 0, first])
            np.testing.assert_array_equal(traversal.values[i, j], [first, second])
    one = latent_traversal(digits.vae, unit=1, values=[4, 5, 6], start=[0, 0, 0, 2])
    np.testing.assert_allclose(traversal.images[1], one.images, rtol=1e-6, atol=1e-6)


def test_attributes_are_travelled_in_their_own_units(digits):
    by_name = latent_traversal(digits.vae, attribute="slant", values=[-2.0, -1.0, 1.0])
    np.testing.assert_array_equal(by_name.codes[:, 1], [-2, 0, 4])
    np.testing.assert_array_equal(by_name.values[:, 0], [-2, -1, 1])
    assert by_name.names == ("slant",)
    by_number = latent_traversal(digits.vae, attribute=1, values=[-2.0, -1.0, 1.0])
    np.testing.assert_array_equal(by_number.images, by_name.images)
    default = latent_traversal(digits.vae, digits.X, attribute="ink", n_steps=2)
    ends = np.quantile(digits.vae.transform(digits.X)[:, 0], QUANTILES)
    np.testing.assert_allclose(default.values[:, 0], 2 * ends + 10, rtol=1e-5)
    np.testing.assert_allclose(default.codes[:, 0], ends, rtol=1e-5)
    both = latent_traversal(
        digits.vae, attribute=("ink", "slant"), values=([10, 12], [-1.0, 0.0])
    )
    np.testing.assert_array_equal(both.codes[1, 1], [1, 2, 0, 0])


def test_rows_and_flat_images_decode_to_their_own_shape(rows, digits):
    model = Autoencoder(2, max_iter=1, random_state=0, n_threads=1).fit(rows)
    assert latent_traversal(model, rows, unit=1, n_steps=3).images.shape == (3, 12)
    flat = digits.X.reshape(len(digits.X), -1)
    parameters = digits.vae.get_params() | {"image_shape": (1, 8, 8)}
    of_rows = type(digits.vae)(**parameters).fit(flat)
    expected = latent_traversal(digits.vae, digits.X, unit=1)
    np.testing.assert_array_equal(
        latent_traversal(of_rows, flat, unit=1).images, expected.images
    )


def test_interpolation_ends_at_the_two_reconstructions(digits):
    between = latent_interpolation(digits.vae, digits.X[[3, 8]], n_steps=5)
    ends = digits.vae.reconstruct(digits.X[[3, 8]])
    np.testing.assert_allclose(between.images[[0, -1]], ends, rtol=1e-5, atol=1e-6)
    codes = digits.vae.transform(digits.X[[3, 8]])
    np.testing.assert_allclose(between.codes[2], codes.mean(axis=0), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(between.values[:, 0], [0, 0.25, 0.5, 0.75, 1])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "Got unit=None and attribute=None, but expected one of both"),
        ({"unit": 0, "attribute": "ink"}, "Got unit=0 and attribute='ink'"),
        ({"unit": 4}, "Got unit=4, but VAEFeatureExtractor has the units 0 to 3"),
        ({"attribute": "age"}, "Got attribute='age', .* with the attributes ink, slant"),
        ({"attribute": -1}, "Got attribute=-1"),
        ({"unit": (1, 1)}, r"Got unit=\(1, 1\), but a grid has two different ones"),
        ({"unit": (0, 1), "attribute": (0, 1)}, "expected one of both"),
        ({"unit": 0, "values": [[1, 2]]}, "but expected a list of finite numbers"),
        ({"unit": (0, 1), "values": ([1], [np.nan])}, "a tuple of two lists"),
        ({"unit": 0, "n_steps": 1}, "Got n_steps=1"),
        ({"unit": 0, "start": 400}, "Got start=400, but X has 400 rows"),
        ({"unit": 0, "start": [1.0]}, r"Got start=\[1.0\], .* a code of 4 finite numbers"),
    ],
)
def test_what_cannot_be_travelled(digits, parameters, message):
    with pytest.raises(ValueError, match=message):
        latent_traversal(digits.vae, digits.X, **parameters)


def test_a_plain_autoencoder_needs_samples(rows):
    model = Autoencoder(2, max_iter=1, random_state=0, n_threads=1).fit(rows)
    with pytest.raises(ValueError, match="Got X=None, but the codes of Autoencoder"):
        latent_traversal(model, unit=0)
    with pytest.raises(ValueError, match="was fitted with no attributes"):
        latent_traversal(model, rows, attribute="ink")
    with pytest.raises(ValueError, match="Got X with 3 samples, but expected two"):
        latent_interpolation(model, rows[:3])
