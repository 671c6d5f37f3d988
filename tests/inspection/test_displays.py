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
    assert display.ax_.get_xlabel() == "ink (units of the attribute)"
    (bar,) = display.ax_.child_axes
    assert bar.get_ylabel() == "decoded value"
    assert display.ax_.images[0].get_clim() == (images.min(), images.max())


def test_a_grid_names_both_axes(digits):
    _, ax = plt.subplots()
    display = LatentTraversalDisplay.from_estimator(
        digits.vae, unit=(2, 0), values=([-1, 1], [-2, 0, 2]), ax=ax
    )
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    names = "mean_2 (units of the code)", "mean_0 (units of the code)"
    assert (ax.get_ylabel(), ax.get_xlabel()) == names
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
    said = display.ax_.get_title(loc="left")
    assert said == "slice 5 of 6 across axis 2; channel 2 of 2"


def test_figures_of_tiles_have_no_blank_margins(volumes, digits):
    X, model = volumes
    of_volumes = LatentTraversalDisplay.from_estimator(model, X, unit=1, n_steps=3)
    of_images = LatentTraversalDisplay.from_estimator(digits.vae, digits.X, unit=1)
    maps = AttentionMapDisplay.from_estimator(digits.vae, digits.X[:4], unit=1)
    for display in (of_volumes, of_images, maps):
        figure = display.figure_
        figure.canvas.draw()
        ink = np.asarray(figure.canvas.buffer_rgba())[..., :3].min(axis=2) < 250
        rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
        blank = [rows[0], columns[0], len(ink) - rows[-1], ink.shape[1] - columns[-1]]
        assert max(blank) < 0.25 * figure.dpi


def test_rows_are_bars_of_the_columns_that_change_most(rows):
    model = small(Autoencoder).fit(rows)
    display = LatentTraversalDisplay.from_estimator(
        model, rows, unit=1, n_steps=3, n_columns=4
    )
    decoded = display.traversal.images
    top = np.argsort(-np.ptp(decoded, axis=0))[:4]
    widths = [bar.get_width() for bar in display.ax_.patches]
    np.testing.assert_array_equal(widths, (decoded[2] - decoded[0])[top])
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert names == [f"column {k}" for k in top]
    assert [text.get_text() for text in display.ax_.texts] == [
        f"{decoded[0, k]:.3g} → {decoded[2, k]:.3g}" for k in top
    ]
    with pytest.raises(ValueError, match="n_columns=0"):
        LatentTraversalDisplay(display.traversal).plot(n_columns=0)
    with pytest.raises(ValueError, match="Got a grid of code_0 and code_1, but lines and"):
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
    assert labels == ["first", "0", "0.5", "1", "second"]
    shown = display.ax_.images[0].get_array()
    np.testing.assert_array_equal(shown[:, :8], digits.X[0, 0])
    np.testing.assert_array_equal(shown[:, -8:], digits.X[1, 0])


def contours(display):
    """Return the levels of the coloured contours, which follow their white rims."""
    sets = [c for c in display.ax_.collections if hasattr(c, "levels")]
    return [c.levels[0] for c in sets[1::2]], sets


def test_contours_are_around_what_is_above_a_percentile(digits):
    display = AttentionMapDisplay.from_estimator(
        digits.vae, digits.X[:3], attribute="ink", percentile=80
    )
    (image,) = display.ax_.images
    pair = np.stack([digits.X[:3, 0], digits.X[:3, 0]])
    np.testing.assert_array_equal(image.get_array(), tiled(pair))
    (level,), sets = contours(display)
    assert level == pytest.approx(np.percentile(display.maps, 80))
    # Lines lie over the lower row alone, and at the level.
    places = np.concatenate([path.vertices for path in sets[1].get_paths()]).round(9)
    assert len(places) > 10
    assert places[:, 1].min() > 8
    over = tiled(np.stack([display.maps * np.nan, display.maps]))
    for x, y in places[::5]:
        on_grid = x == round(x), y == round(y)
        assert any(on_grid)  # on an edge between two pixels
        if not 9 <= y <= 16 or not 0 <= x <= 25:
            continue  # closed around the edge
        low = over[int(np.floor(y)), int(np.floor(x))]
        high = over[int(np.ceil(y)), int(np.ceil(x))]
        share = max(x % 1, y % 1)
        if np.isfinite([low, high]).all():
            assert low + share * (high - low) == pytest.approx(level, rel=1e-3)
    assert display.name == "ink (mean_0) per cell of conv_1"
    (said,) = [t.get_text() for t in display.ax_.get_legend().get_texts()]
    assert said == f"{display.name} ≥ {level:.2g} (80th percentile)"


def test_signed_maps_have_contours_for_and_against(volumes):
    X, model = volumes
    display = AttentionMapDisplay.from_estimator(model, X[:2], unit=0, relu=False, axis=1)
    levels, _ = contours(display)
    shown = display.maps[:, :, 2]
    expected = [np.percentile(np.maximum(s * shown, 0), 90) for s in (1, -1)]
    assert levels == pytest.approx([v for v in expected if v > 0])
    assert display.ax_.get_title(loc="left") == "slice 3 of 4 across axis 1"


def test_a_map_of_nothing_has_no_contour():
    display = AttentionMapDisplay(np.ones((2, 1, 4, 4)), np.zeros((2, 4, 4))).plot()
    assert contours(display)[0] == []
    with pytest.raises(ValueError, match="percentile=0"):
        display.plot(percentile=0)


def test_maps_of_signals_are_not_drawn():
    with pytest.raises(ValueError, match="Got signals"):
        AttentionMapDisplay(np.zeros((2, 1, 7)), np.zeros((2, 7))).plot()
