import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from skvae.segmentation.crops import (
    Crop,
    bounding_box,
    grown,
    resized,
    size_along_axes,
)


@given(st.data())
def test_a_box_is_the_smallest_that_has_the_mask_and_a_margin(data):
    shape = tuple(data.draw(st.lists(st.integers(1, 8), min_size=1, max_size=3)))
    seed, margin = data.draw(st.integers(0, 99)), data.draw(st.integers(0, 3))
    mask = np.random.default_rng(seed).random(shape) < 0.1
    box = bounding_box(mask, margin)
    if not mask.any():
        assert box is None
        return
    for part, indices, n in zip(box, np.nonzero(mask), shape, strict=True):
        assert part.start == max(indices.min() - margin, 0)
        assert part.stop == min(indices.max() + margin + 1, n)


@given(st.integers(1, 30), st.integers(0, 29), st.integers(1, 30), st.integers(0, 40))
def test_a_grown_box_keeps_what_it_had_and_stays_in_the_image(n, start, length, least):
    start = min(start, n - 1)
    stop = min(start + length, n)
    [larger] = grown((slice(start, stop),), (least,), (n,))
    assert 0 <= larger.start <= start < stop <= larger.stop <= n
    assert larger.stop - larger.start == max(stop - start, min(least, n))
    # Alike on both sides, but at the edges of the image.
    if larger.start > 0 and larger.stop < n:
        assert abs((start - larger.start) - (larger.stop - stop)) <= 1


def test_a_crop_of_its_own_size_comes_back_as_it_was():
    image = np.random.default_rng(0).random((2, 7, 9, 5), dtype=np.float32)
    crop = Crop((slice(1, 5), slice(0, 9), slice(2, 4)))
    back = crop.back(crop.image(image), image.shape[1:])
    inside = np.zeros(image.shape[1:], dtype=bool)
    inside[crop.box] = True
    np.testing.assert_array_equal(back, image * inside)


@pytest.mark.parametrize("shape", [(17,), (11, 14), (6, 9, 5)])
def test_resampling_is_that_of_scipy_on_pixels_as_areas(shape):
    x = np.random.default_rng(0).random((1, *shape), dtype=np.float32)
    size = tuple(2 * n for n in shape)
    expected = ndimage.zoom(x[0], 2, order=1, mode="nearest", grid_mode=True)
    np.testing.assert_allclose(resized(x, size)[0], expected, rtol=1e-5, atol=1e-6)


def test_labels_of_a_crop_are_those_of_most_of_a_pixel():
    mask = np.random.default_rng(0).integers(-1, 3, (6, 9)).astype(np.int16)
    crop = Crop((slice(0, 6), slice(2, 8)), (12, 12))
    doubled = crop.labels(mask)
    assert doubled.dtype == np.int16
    np.testing.assert_array_equal(doubled, mask[:, 2:8].repeat(2, axis=0).repeat(2, axis=1))
    stripes = np.array([0, 1, 1, 1, 2, 2, 0, 0, 0])
    thirds = Crop((slice(0, 9),), (3,)).labels(stripes)
    np.testing.assert_array_equal(thirds, [1, 2, 0])


@given(st.integers(3, 40), st.integers(3, 40), st.integers(0, 99))
def test_resampled_probabilities_stay_such(n, m, seed):
    p = np.random.default_rng(seed).dirichlet(np.ones(3), size=(n, n)).astype(np.float32)
    found = resized(np.moveaxis(p, 2, 0), (m, m))
    np.testing.assert_allclose(found.sum(axis=0), 1, rtol=1e-5)
    assert found.min() >= 0


def test_a_disc_survives_the_way_to_half_its_size_and_back():
    row, column = np.indices((40, 40)) - 19.5
    disc = (np.hypot(row, column) < 12).astype(np.uint8)
    crop = Crop(bounding_box(disc > 0, 2), (14, 14))
    back = crop.back(crop.labels(disc)[np.newaxis].astype(np.float32), disc.shape)[0] > 0.5
    centre = ndimage.center_of_mass(back)
    np.testing.assert_allclose(centre, (19.5, 19.5), atol=0.05)
    assert 2 * (back & (disc > 0)).sum() / (back.sum() + disc.sum()) > 0.95


def test_sizes_are_one_for_each_axis():
    assert size_along_axes(8, 3) == (8, 8, 8)
    assert size_along_axes([8, 4], 2) == (8, 4)
    assert size_along_axes(None, 2) is None
    assert size_along_axes(8, 0) is None
    for size in ((8, 4), (8, 4, 0), (8, 4, 1.5)):
        with pytest.raises(ValueError, match="expected a whole number above 0, or 3 of"):
            size_along_axes(size, 3)
