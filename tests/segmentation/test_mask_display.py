import matplotlib as mpl
import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

mpl.use("Agg")
from matplotlib import pyplot as plt

from skvae import UNetSegmenter, dice_scores
from skvae.datasets import make_xrays
from skvae.drawing import tiled
from skvae.inspection import SegmentationDisplay

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def drawn(display):
    """Return the overlay as tiles of equal size: row, column, pixels; 0 for nothing."""
    over = np.nan_to_num(np.asarray(display.ax_.images[1].get_array().filled(0)))
    n = len(display.images)
    height, width = (over.shape[0] - 3) // 4, (over.shape[1] - n + 1) // n
    rows = [over[i * (height + 1) :][:height] for i in range(4)]
    return np.array([[r[:, j * (width + 1) :][:, :width] for j in range(n)] for r in rows])


def legend(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def ticks(display):
    return [tick.get_text() for tick in display.ax_.get_xticklabels()]


def test_rows_are_image_truth_prediction_and_error():
    images = RNG.random((2, 1, 4, 5))
    truth, predicted = np.zeros((2, 2, 4, 5), dtype=int)
    truth[0, 1, 1:4], predicted[0, 1, 2:5] = 7, 7  # one missed, one false
    truth[1, 0], predicted[1, 0] = 7, 9  # all of them another label
    display = SegmentationDisplay.from_predictions(images, truth, predicted)
    np.testing.assert_array_equal(
        display.ax_.images[0].get_array(),
        tiled(np.stack([images[:, 0]] * 4)),
    )
    none, true, found, errors = drawn(display)
    assert not none.any()
    np.testing.assert_array_equal(true, truth // 7)
    np.testing.assert_array_equal(
        found, np.select([predicted == 7, predicted == 9], [1, 2])
    )
    expected = np.zeros((2, 4, 5))
    expected[0, 1, 1], expected[0, 1, 4], expected[1, 0] = 3, 4, 5
    np.testing.assert_array_equal(errors, expected)
    assert legend(display) == [
        *("label 7", "label 9", "missed (false negative)", "added (false positive)"),
        "wrong label",
    ]
    dice = dice_scores(truth, predicted, labels=[7, 9])
    np.testing.assert_array_equal(display.dice, dice)
    assert ticks(display) == [f"Dice {each:.2f}" for each in dice.mean(axis=1)]


def test_only_what_occurs_is_in_the_legend():
    masks = np.ones((1, 4, 5), dtype=int)
    display = SegmentationDisplay.from_predictions(masks[:, None], masks, masks)
    assert legend(display) == ["label 1"]
    assert ticks(display) == ["Dice 1.00"]
    empty = SegmentationDisplay.from_predictions(masks[:, None], 0 * masks, 0 * masks)
    assert legend(empty) == []
    assert ticks(empty) == ["Dice 1.00"]


def test_an_image_without_a_label_has_no_score():
    truth, predicted = np.ones((2, 3, 3), dtype=int), np.ones((2, 3, 3), dtype=int)
    truth[1] = -1
    display = SegmentationDisplay.from_predictions(truth[:, None], truth, predicted)
    assert ticks(display) == ["Dice 1.00", "no truth"]


def test_pixels_that_do_not_count_are_left_out():
    truth, predicted = np.full((1, 3, 3), -1), np.ones((1, 3, 3), dtype=int)
    truth[0, 0] = 1
    display = SegmentationDisplay.from_predictions(
        RNG.random((1, 1, 3, 3)), truth, predicted
    )
    assert not drawn(display)[:, 0, 1:].any()
    assert display.dice == 1


def test_of_volumes_the_slice_with_the_most_foreground_or_the_middle_is_shown():
    volumes = RNG.random((3, 1, 5, 6, 7))
    truth, predicted = np.zeros((2, 3, 5, 6, 7), dtype=int)
    truth[0, 3, 1:4, 1:4], truth[0, 1, 0, 0] = 1, 1
    predicted[1, 4, 2:5] = 1
    display = SegmentationDisplay.from_predictions(volumes, truth, predicted)
    shown = display.ax_.images[0].get_array()[:6]
    columns = [
        volumes[0, 0, 3],
        volumes[1, 0, 4],
        volumes[2, 0, 2],
    ]  # the last in the middle
    np.testing.assert_array_equal(shown, tiled(np.array([columns])))
    assert display.dice.tolist() == [[0], [0], [1]]
    other = display.plot(axis=2, index=0).ax_.images[0].get_array()[:5]
    np.testing.assert_array_equal(other, tiled(volumes[None, :, 0, :, :, 0]))
    with pytest.raises(ValueError, match="Got axis=3"):
        display.plot(axis=3)


def test_images_of_unequal_sizes_leave_the_rest_empty():
    images = [RNG.random((2, 4, 6)), RNG.random((2, 5, 3))]
    truth = [np.ones((4, 6), dtype=int), np.ones((5, 3), dtype=int)]
    _, ax = plt.subplots()
    display = SegmentationDisplay.from_predictions(images, truth, truth, channel=1, ax=ax)
    assert display.ax_ is ax
    below = display.ax_.images[0].get_array()
    np.testing.assert_array_equal(below[:4, :6], images[0][1].astype(np.float32))
    np.testing.assert_array_equal(below[:5, 7:10], images[1][1].astype(np.float32))
    assert np.ma.getmaskarray(below)[:5, 10:].all()
    assert not drawn(display)[1, 1, :, 3:].any()


def test_labels_that_overlap_by_axis_and_by_name():
    images = RNG.random((2, 1, 4, 5))
    truth, predicted = RNG.integers(0, 2, size=(2, 2, 2, 4, 5))
    display = SegmentationDisplay.from_predictions(images, truth, predicted)
    covered = np.where(truth[:, 1], 2, truth[:, 0])
    np.testing.assert_array_equal(drawn(display)[1], covered)
    fields = np.empty((2, 2, 4, 5), [("lung", int), ("lesion", int)])
    for each, masks in zip(fields, (truth, predicted), strict=True):
        each["lung"], each["lesion"] = masks[:, 0], masks[:, 1]
    named = SegmentationDisplay.from_predictions(images, *fields)
    np.testing.assert_array_equal(drawn(named), drawn(display))
    assert legend(named)[:2] == ["lung", "lesion"]
    np.testing.assert_array_equal(named.dice, display.dice)


def test_an_estimator_predicts_images_and_rows():
    X, y = make_xrays(6, size=32, random_state=0, return_X_y=True)
    settings = {"depth": 1, "width": 4, "max_iter": 2, "n_threads": 1, "random_state": 0}
    unet = UNetSegmenter(**settings).fit(X, y)
    display = SegmentationDisplay.from_estimator(unet, X[:2], y[:2])
    np.testing.assert_array_equal(drawn(display)[2], unet.predict(X[:2]))
    rows, flat = X.reshape(6, -1), y.reshape(6, -1)
    unet = UNetSegmenter(**settings, image_shape=(1, 32, 32)).fit(rows, flat)
    again = SegmentationDisplay.from_estimator(unet, rows[:2], flat[:2])
    np.testing.assert_array_equal(drawn(again), drawn(display))


def test_images_without_an_axis_of_channels_are_drawn_as_an_estimator_takes_them():
    X, y = make_xrays(6, size=32, random_state=0, return_X_y=True)
    settings = {"depth": 1, "width": 4, "max_iter": 2, "n_threads": 1, "random_state": 0}
    unet = UNetSegmenter(**settings, image_shape=(1, 32, 32)).fit(X[:, 0], y)
    display = SegmentationDisplay.from_estimator(unet, X[:2, 0], y[:2])
    np.testing.assert_array_equal(display.images, X[:2])
    np.testing.assert_array_equal(drawn(display)[1], y[:2])
    np.testing.assert_array_equal(drawn(display)[2], unet.predict(X[:2]))


def test_pixels_that_do_not_count_are_those_of_the_estimator():
    X, y = make_xrays(6, size=32, random_state=0, return_X_y=True)
    y = y.copy()
    y[:, 20:] = 255
    settings = {"depth": 1, "width": 4, "max_iter": 2, "n_threads": 1, "random_state": 0}
    unet = UNetSegmenter(**settings, ignore_label=255).fit(X, y)
    display = SegmentationDisplay.from_estimator(unet, X[:2], y[:2])
    assert list(display.labels) == [1]
    assert not drawn(display)[:, :, 20:].any()
    np.testing.assert_array_equal(
        display.dice, dice_scores(y[:2], unet.predict(X[:2]), ignore_label=255)
    )
    counted = SegmentationDisplay.from_estimator(unet, X[:2], y[:2], ignore_label=None)
    assert list(counted.labels) == [1, 255]


def test_searches_and_pipelines_are_read_through():
    X, y = make_xrays(6, size=32, random_state=0, return_X_y=True)
    rows, flat = X.reshape(6, -1), y.reshape(6, -1).copy()
    flat[:, 700:] = 9
    settings = {"depth": 1, "width": 4, "max_iter": 2, "n_threads": 1, "random_state": 0}
    unet = UNetSegmenter(**settings, image_shape=(1, 32, 32), ignore_label=9)
    search = GridSearchCV(make_pipeline(StandardScaler(), unet), {}, cv=2).fit(rows, flat)
    display = SegmentationDisplay.from_estimator(search, rows[:2], flat[:2])
    assert list(display.labels) == [1]
    expected = np.where(flat[:2] == 9, 0, search.predict(rows[:2])).reshape(2, 32, 32)
    np.testing.assert_array_equal(drawn(display)[2], expected)


def test_what_cannot_be_drawn_is_named():
    masks = np.ones((2, 4, 5), dtype=int)
    with pytest.raises(ValueError, match=r"shape \(4, 5\) for the image 0 of shape"):
        SegmentationDisplay.from_predictions(np.ones((2, 1, 4, 4)), masks, masks)
    with pytest.raises(ValueError, match="Got signals"):
        SegmentationDisplay.from_predictions(np.ones((2, 1, 5)), masks[:, 0], masks[:, 0])
    with pytest.raises(ValueError, match="inconsistent numbers"):
        SegmentationDisplay.from_predictions(np.ones((1, 1, 4, 5)), masks, masks)
