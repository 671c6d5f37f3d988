from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from skvae.images.geometry import (
    lattice,
    on_grid_of,
    oriented,
    overlaps,
    resampled,
    same_grid,
)
from skvae.images.volume import Volume

SPACING = st.tuples(*[st.floats(0.3, 4.0)] * 3)
SHAPE = st.tuples(*[st.integers(1, 7)] * 3)


def rotation(seed):
    rng = np.random.default_rng(seed)
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return q


def volume(shape=(4, 5, 6), spacing=(2.0, 1.0, 0.5), direction=None, seed=0):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=shape).astype(np.float32)
    direction = np.eye(3) if direction is None else direction
    return Volume(values, spacing, (10.0, -20.0, 5.0), direction)


def as_sitk(volume):
    image = sitk.GetImageFromArray(volume.values)
    image.SetSpacing(volume.spacing_mm[::-1])
    image.SetOrigin(volume.origin_mm)
    image.SetDirection(volume.direction.reshape(-1).tolist())
    return image


@given(SHAPE, SPACING, st.integers(0, 1000))
def test_turning_the_axes_moves_no_voxel(shape, spacing, seed):
    given_volume = volume(shape, spacing, rotation(seed), seed)
    turned = oriented(given_volume)
    assert turned.values.size == given_volume.values.size
    first, second = as_sitk(given_volume), as_sitk(turned)
    for index in np.ndindex(*turned.values.shape):
        place = second.TransformIndexToPhysicalPoint(tuple(int(i) for i in index[::-1]))
        before = first.TransformPhysicalPointToIndex(place)
        assert given_volume.values[before[::-1]] == turned.values[index]


@given(st.integers(0, 1000))
def test_axes_run_to_the_left_to_the_back_and_up(seed):
    turned = oriented(volume(direction=rotation(seed)))
    assert (np.diag(turned.direction) > 0).all()
    # What SimpleITK calls this orientation; of oblique axes, the nearest.
    code = sitk.DICOMOrientImageFilter.GetOrientationFromDirectionCosines(
        turned.direction.reshape(-1).tolist()
    )
    assert code == "LPS" or np.abs(turned.direction).max(axis=0).min() < 0.8


def test_headers_that_differ_by_rounding_are_the_same_grid():
    first = volume(shape=(40, 50, 60))
    rounded = Volume(first.values, (2.0, 1.0, 0.500001), (10.0001, -20.0, 5.0), np.eye(3))
    assert same_grid(first, rounded)
    # A thousandth of a voxel at the far end is seen.
    longer = Volume(first.values, (2.0, 1.0, 0.50002), (10.0, -20.0, 5.0), np.eye(3))
    assert not same_grid(first, longer)
    assert not same_grid(first, volume(shape=(40, 50, 61)))


def test_a_mask_of_another_grid_is_found_in_the_patient():
    image = volume(shape=(8, 8, 8), spacing=(1.0, 1.0, 1.0))
    values = np.zeros((4, 4, 4), dtype=np.uint8)
    values[1:3, 1:3, 1:3] = 1
    # Voxels of 2 mm, whose first lies half a millimetre off.
    mask = Volume(values, (2.0, 2.0, 2.0), (10.5, -19.5, 5.5), np.eye(3))
    assert overlaps(image, mask)
    brought = on_grid_of(image, mask)
    expected = np.zeros((8, 8, 8), dtype=np.uint8)
    expected[2:6, 2:6, 2:6] = 1
    assert np.array_equal(brought.values, expected)
    away = Volume(values, (2.0, 2.0, 2.0), (100.0, 0.0, 0.0), np.eye(3))
    assert not overlaps(image, away)


@pytest.mark.parametrize("interpolation", ["linear", "bspline", "nearest"])
def test_a_box_is_a_part_of_the_whole(interpolation):
    # No voxel of the new grid lies halfway between two of the old one.
    image = volume(shape=(40, 44, 48), spacing=(2.03, 0.81, 0.71), direction=rotation(3))
    spacing = (1.0, 1.0, 1.0)
    n = lattice(image, spacing)
    whole = resampled(image, spacing, tuple(slice(0, k) for k in n), interpolation)
    assert whole.shape == n == (80, 36, 34)
    box = (slice(30, 45), slice(10, 20), slice(12, 30))
    part = resampled(image, spacing, box, interpolation)
    assert np.allclose(part, whole[box], atol=1e-5 * np.ptp(whole))


def test_linear_values_are_exact_on_a_ramp():
    z, y, x = np.meshgrid(*[np.arange(25.0)] * 3, indexing="ij")
    ramp = (3 * z - 2 * y + x).astype(np.float32)
    image = Volume(ramp, (2.0, 2.0, 2.0), (0.0, 0.0, 0.0), np.eye(3))
    spacing = (1.0, 1.0, 0.5)
    n = lattice(image, spacing)
    for how in ("linear", "bspline"):
        fine = resampled(image, spacing, tuple(slice(0, k) for k in n), how)
        z, y, x = np.meshgrid(*[np.arange(k) for k in n], indexing="ij")
        inner = tuple(slice(k // 3, -k // 3) for k in n)  # splines bend at the border
        expected = 3 * z / 2 - 2 * y / 2 + x / 4
        assert np.allclose(fine[inner], expected[inner], atol=1e-2)


def test_the_last_voxel_is_not_lost_to_zero():
    image = volume(shape=(4, 4, 4), spacing=(1.0, 1.0, 1.0))
    image = replace(image, values=image.values + 100)
    n = lattice(image, (0.45, 0.45, 0.45))
    assert n == (8, 8, 8)  # 3.15 mm, where the image ends at 3
    fine = resampled(image, (0.45,) * 3, tuple(slice(0, k) for k in n), "linear")
    assert fine.min() > 90
