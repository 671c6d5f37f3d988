import matplotlib as mpl
import numpy as np
import pytest
from contract import small

mpl.use("Agg")
from matplotlib import pyplot as plt

from skvae import Autoencoder
from skvae.drawing import sliced, tile_centres, tiled
from skvae.inspection import (
    AttentionMapDisplay,
    LatentTraversal,
    LatentTraversalDisplay,
    latent_interpolation,
)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def volumes():
    X = np.random.default_rng(0).random((9, 2, 5, 4, 6), dtype=np.float32)
    return X, small(Autoencoder, activation="elu").fit(X)


def test_slices_of_volumes():
    X = np.arange(3 * 2 * 5 * 4 * 6).reshape(3, 2, 5, 4, 6)
    np.testing.assert_array_equal(sliced(X, 3, 1, 0, None), X[:, 1, 2])
    np.testing.assert_array_equal(sliced(X, 3, 0, 1, 3), X[:, 0, :, 3])
    np.testing.assert_array_equal(sliced(X, 3, 0, 2, 0), X[:, 0, :, :, 0])
    np.testing.assert_array_equal(sliced(X[0], 2, 4, 0, None), X[0, :, 4])
    for wrong, message in [
        ((2, 0, None), "Got channel=2, but expected 0 to 1"),
        ((0, 3, None), "Got axis=3, but expected 0 to 2"),
        ((0, 0, 5), "Got index=5, but expected 0 to 4"),
    ]:
        with pytest.raises(ValueError, match=message):
            sliced(X, 3, *wrong)


def test_tiles_lie_where_their_labels_say():
    grid = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    image = tiled(grid)
    rows, columns = tile_centres(2, 4), tile_centres(3, 5)
    for i in range(2):
        for j in range(3):
            top, left = int(rows[i] - 1.5), int(columns[j] - 2)
            np.testing.assert_array_equal(image[top : top + 4, left : left + 5], grid[i, j])
    assert np.isnan(image).sum() == image.size - grid.size


def test_a_strip_shows_the_decoded_images_in_order(digits):
    display = LatentTraversalDisplay.from_estimator(digits.vae, digits.X, attribute="ink")
    drawn = display.ax_.images[0].get_array()
    images = display.traversal.images[:, 0]
    np.testing.assert_array_equal(drawn, tiled(images[None]))
    labels = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert labels == [f"{v:.3g}" for v in display.traversal.values[:, 0]]
    assert display.ax_.get_xlabel() == "ink"


def test_a_grid_names_both_axes(digits):
    _, ax = plt.subplots()
    display = LatentTraversalDisplay.from_estimator(
        digits.vae, unit=(2, 0), values=([-1, 1], [-2, 0, 2]), ax=ax
    )
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert (ax.get_ylabel(), ax.get_xlabel()) == ("mean_2", "mean_0")
    assert [t.get_text() for t in ax.get_yticklabels()] == ["-1", "1"]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["-2", "0", "2"]
    drawn = tiled(display.traversal.images[:, :, 0])
    np.testing.assert_array_equal(ax.images[0].get_array(), drawn)


def test_volumes_are_cut_where_asked(volumes):
    X, model = volumes
    display = LatentTraversalDisplay.from_estimator(
        model, X, unit=1, n_steps=3, channel=1, axis=2, index=4
    )
    expected = display.traversal.images[:, 1, :, :, 4]
    np.testing.assert_array_equal(display.ax_.images[0].get_array(), tiled(expected[None]))


def test_rows_are_lines(rows):
    model = small(Autoencoder).fit(rows)
    display = LatentTraversalDisplay.from_estimator(model, rows, unit=1, n_steps=3)
    for line, row in zip(display.ax_.lines, display.traversal.images, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), row)
    with pytest.raises(ValueError, match="Got a grid of code_0 and code_1, but lines"):
        LatentTraversalDisplay.from_estimator(model, rows, unit=(0, 1))


def test_signals_are_lines_of_a_channel():
    signals = np.random.default_rng(0).random((3, 2, 7))
    traversal = LatentTraversal(("a",), np.arange(3.0)[:, None], np.zeros((3, 1)), signals)
    display = LatentTraversalDisplay(traversal).plot(channel=1)
    for line, signal in zip(display.ax_.lines, signals[:, 1], strict=True):
        np.testing.assert_array_equal(line.get_ydata(), signal)


def test_an_interpolation_can_be_drawn(digits):
    between = latent_interpolation(digits.vae, digits.X[:2], n_steps=3)
    display = LatentTraversalDisplay(between).plot()
    labels = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert labels == ["0", "0.5", "1"]


def test_maps_lie_over_their_images(digits):
    display = AttentionMapDisplay.from_estimator(digits.vae, digits.X[:3], attribute="ink")
    below, above = display.ax_.images
    pair = np.stack([digits.X[:3, 0], digits.X[:3, 0]])
    np.testing.assert_array_equal(below.get_array(), tiled(pair))
    np.testing.assert_array_equal(above.get_array()[9:, :8], display.maps[0])
    strongest = np.unravel_index(np.nanargmax(above.get_array()), above.get_array().shape)
    assert above.get_alpha()[strongest] == above.get_alpha().max() > 0.5
    assert (above.get_alpha()[:8] == 0).all()
    assert display.name == "attribute ink"


def test_signed_maps_have_a_symmetric_scale(volumes):
    X, model = volumes
    display = AttentionMapDisplay.from_estimator(model, X[:2], unit=0, relu=False, axis=1)
    low, high = display.ax_.images[1].get_clim()
    assert low == -high == -np.abs(display.maps).max()


def test_maps_of_signals_are_not_drawn():
    with pytest.raises(ValueError, match="Got signals"):
        AttentionMapDisplay(np.zeros((2, 1, 7)), np.zeros((2, 7))).plot()
