import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from monai.metrics import compute_hausdorff_distance, compute_surface_dice
from scipy import ndimage

from skvae import dice_scores
from skvae.inspection import segmentation_table

PAIRS = array_shapes(min_dims=2, max_dims=3, min_side=2, max_side=7).flatmap(
    lambda shape: arrays(bool, (2, *shape))
)


def ball(centre, radius, spacing=(1.0, 1.0, 1.0), shape=(40, 40, 40)):
    grid = np.indices(shape) * np.reshape(spacing, (3, 1, 1, 1))
    return np.sqrt(((grid - np.reshape(centre, (3, 1, 1, 1))) ** 2).sum(axis=0)) <= radius


def surface(mask):
    return mask & ~ndimage.binary_erosion(mask)


def distances(a, b, spacing):
    """From the surface of a to that of b, by a distance transform of the whole image."""
    return ndimage.distance_transform_edt(~surface(b), sampling=spacing)[surface(a)]


def one(truth, predicted, **arguments):
    table = segmentation_table(
        truth[None].astype(int), predicted[None].astype(int), labels=[1], **arguments
    )
    return table.iloc[0]


@pytest.mark.filterwarnings("ignore:.*always_return_as_numpy:FutureWarning")
@given(pair=PAIRS, data=st.data())
def test_surfaces_agree_with_distance_transforms_and_monai(pair, data):
    truth, predicted = pair
    if not truth.any() or not predicted.any():
        return
    spacing = data.draw(st.tuples(*[st.sampled_from([0.5, 1.0, 2.5])] * truth.ndim))
    tolerance = data.draw(st.sampled_from([0.0, 0.75, 2.0]))
    row = one(truth, predicted, spacing=spacing, tolerance=tolerance)
    there = distances(truth, predicted, spacing)
    back = distances(predicted, truth, spacing)
    # Between two distances, a quantile in float32 has the rounding of the larger one.
    quantile = max(np.quantile(d, 0.95) for d in (there, back))
    assert row.hd95 == pytest.approx(quantile, abs=1e-5)
    agree = np.concatenate([there, back]) <= tolerance + 1e-6
    assert row.surface_dice == pytest.approx(agree.mean())
    tensors = (torch.from_numpy(m)[None, None].float() for m in (predicted, truth))
    y_pred, y = tensors
    hd95 = compute_hausdorff_distance(
        y_pred, y, include_background=True, percentile=95, spacing=spacing
    )
    assert row.hd95 == pytest.approx(hd95.item(), rel=1e-5, abs=1e-4)
    share = compute_surface_dice(
        y_pred, y, [tolerance * (1 + 1e-6)], include_background=True, spacing=spacing
    )
    assert row.surface_dice == pytest.approx(share.item(), rel=1e-5)


@given(pair=PAIRS)
def test_overlaps_are_bounded_symmetric_and_defined_on_empty_masks(pair):
    truth, predicted = pair
    row, swapped = one(truth, predicted), one(predicted, truth)
    assert row.dice == dice_scores(truth[None], predicted[None], labels=[True]).item()
    assert row.iou == pytest.approx(row.dice / (2 - row.dice))
    for name in ("dice", "iou", "hd95", "surface_dice"):
        assert row[name] == pytest.approx(swapped[name])
    assert row.volume_difference == -swapped.volume_difference
    assert (row.hd95 == np.inf) == (truth.any() != predicted.any())
    same = one(truth, truth)
    assert (same.dice, same.iou, same.hd95, same.surface_dice) == (1, 1, 0, 1)


def test_empty_masks():
    empty, full = np.zeros((4, 4), dtype=bool), np.ones((4, 4), dtype=bool)
    both = one(empty, empty)
    assert (both.dice, both.iou, both.hd95, both.surface_dice) == (1, 1, 0, 1)
    for pair in ((empty, full), (full, empty)):
        row = one(*pair)
        assert (row.dice, row.iou, row.hd95, row.surface_dice) == (0, 0, np.inf, 0)
        assert abs(row.volume_difference) == 16


def test_a_square_that_is_moved():
    truth, predicted = np.zeros((2, 20, 30), dtype=bool)
    truth[5:15, 4:14], predicted[5:15, 8:18] = True, True
    row = one(truth, predicted, spacing=(1.0, 0.5), tolerance=1.5)
    assert row.dice == pytest.approx(2 * 60 / 200)
    assert row.iou == pytest.approx(60 / 140)
    assert (row.volume_true, row.volume_predicted, row.volume_difference) == (50, 50, 0)
    assert row.hd95 == 2  # its far side, by 4 pixels of 0.5 mm
    # Of 36 pixels: nine each of the sides along the movement, two of the far side.
    assert row.surface_dice == pytest.approx(20 / 36)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 1.0, 1.0), (1.5, 0.75, 1.0)])
def test_balls_in_mm(spacing):
    centre = np.array([20.0, 20.0, 20.0]) * spacing
    inner, outer = (ball(centre, radius, spacing) for radius in (8.0, 11.0))
    row = one(inner, outer, spacing=spacing, tolerance=2.0)
    volume = 4 / 3 * np.pi * 8**3
    assert row.volume_true == pytest.approx(volume, rel=0.05)
    assert row.volume_predicted == pytest.approx(volume * (11 / 8) ** 3, rel=0.05)
    assert row.dice == pytest.approx(2 / (1 + (11 / 8) ** 3), abs=0.03)
    assert row.hd95 == pytest.approx(3, abs=max(spacing) / 2)
    assert row.surface_dice < 0.2
    assert one(inner, outer, spacing=spacing, tolerance=4.5).surface_dice == 1


def test_rows_are_cases_and_labels_with_their_patient_and_spacing():
    truth = np.zeros((3, 6, 6), dtype=int)
    truth[:, 1:4, 1:4], truth[1, 5] = 1, 7
    sizes = [[1, 1], [2, 1], [2, 2]]
    table = segmentation_table(truth, truth, spacing=sizes, groups=["a", "a", "b"])
    assert table["case"].tolist() == [0, 0, 1, 1, 2, 2]
    assert table["group"].tolist() == ["a", "a", "a", "a", "b", "b"]
    assert table["label"].tolist() == [1, 7] * 3
    assert table["volume_true"].tolist() == [9, 0, 18, 12, 36, 0]
    assert (table["dice"] == 1).all()
    chosen = segmentation_table(truth, truth, labels=[7])
    assert chosen["label"].tolist() == [7, 7, 7]
    assert "group" not in chosen
    assert segmentation_table(0 * truth, 0 * truth).empty


def test_pixels_that_do_not_count():
    truth, predicted = np.zeros((2, 1, 6, 6), dtype=int)
    truth[0, 1:3], predicted[0, 1:5] = 1, 1
    assert segmentation_table(truth, predicted)["dice"].item() == pytest.approx(2 / 3)
    truth[0, 3:] = -1
    for column in ("dice", "iou", "surface_dice"):
        assert segmentation_table(truth, predicted)[column].item() == 1
    counted = segmentation_table(truth, predicted, ignore_label=None)
    assert counted["label"].tolist() == [-1, 1]


def test_images_and_labels_without_a_pixel_that_counts_are_not_known():
    truth, predicted = np.zeros((2, 3, 6, 6), dtype=int)
    truth[:, 1:3], predicted[:, 1:5] = 1, 2
    truth[1] = -1
    table = segmentation_table(truth, predicted).set_index(["case", "label"])
    assert table.loc[1].isna().all(axis=None)
    assert table.drop(1).notna().all(axis=None)
    overlapping = np.stack([truth, abs(truth)], axis=1)
    table = segmentation_table(overlapping, abs(overlapping), multilabel=True)
    assert table[table.isna().any(axis=1)][["case", "label"]].to_numpy().tolist() == [
        [1, 0]
    ]


def test_labels_that_overlap_by_number_and_by_name():
    rng = np.random.default_rng(0)
    truth, predicted = rng.integers(0, 2, size=(2, 3, 2, 5, 4))
    table = segmentation_table(truth, predicted, multilabel=True)
    for k in (0, 1):
        alone = segmentation_table(truth[:, k], predicted[:, k])
        rows = table[table["label"] == k].reset_index(drop=True)
        assert rows.drop(columns="label").equals(alone.drop(columns="label"))
    fields = [np.empty((3, 5, 4), [("lung", int), ("lesion", int)]) for _ in range(2)]
    for each, masks in zip(fields, (truth, predicted), strict=True):
        each["lung"], each["lesion"] = masks[:, 0], masks[:, 1]
    named = segmentation_table(*fields)
    assert named["label"].tolist() == ["lung", "lesion"] * 3
    assert named.drop(columns="label").equals(table.drop(columns="label"))
    turned = segmentation_table(fields[0], fields[1][["lesion", "lung"]])
    assert turned.equals(named)
    assert segmentation_table(*fields, labels=["lesion"])["case"].tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="Got the label 'liver', but masks have lung, les"):
        segmentation_table(*fields, labels=["liver"])


def test_images_of_unequal_sizes():
    truth = [np.eye(4, dtype=int), np.ones((2, 3), dtype=int)]
    table = segmentation_table(truth, truth, spacing=0.5)
    assert table["volume_true"].tolist() == [1, 1.5]


def test_what_does_not_fit_is_named():
    truth = np.ones((2, 3, 4), dtype=int)
    with pytest.raises(ValueError, match=r"shapes \(3, 4\) and \(3, 3\) for the image 0"):
        segmentation_table(truth, truth[:, :, :3])
    for spacing in ((1, 1, 1), (1, 0), -1.0, [[1, 1]], np.nan):
        with pytest.raises(ValueError, match=r"Got spacing=.* 2 images of 2 axes"):
            segmentation_table(truth, truth, spacing=spacing)
    with pytest.raises(ValueError, match="Got tolerance=-1"):
        segmentation_table(truth, truth, tolerance=-1)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        segmentation_table(truth, truth, groups=[0])
