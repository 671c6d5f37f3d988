from fractions import Fraction

import numpy as np
import pytest

from skvae.datasets.contours import fill_contours, split_coordinates


def is_strictly_inside(row, column, corners):
    """Even-odd rule with exact fractions, pixel by pixel; False on the outline."""
    inside = False
    for (r0, c0), (r1, c1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        r0, c0, r1, c1 = int(r0), int(c0), int(r1), int(c1)
        cross = (r1 - r0) * (column - c0) - (c1 - c0) * (row - r0)
        in_box = min(r0, r1) <= row <= max(r0, r1) and min(c0, c1) <= column <= max(c0, c1)
        if cross == 0 and in_box:
            return False
        if (r0 <= row) != (r1 <= row):
            inside ^= column > c0 + Fraction((row - r0) * (c1 - c0), r1 - r0)
    return inside


@pytest.mark.parametrize("seed", range(8))
def test_agrees_with_a_test_of_each_pixel(seed):
    # Random corners: concave, crossing themselves, with long, steep and repeated edges.
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 12, size=5)
    shape = (9, 13)
    points = np.column_stack([rng.integers(0, n, size=lengths.sum()) for n in shape])
    masks = fill_contours(points, lengths, shape)
    for mask, corners in zip(masks, np.split(points, np.cumsum(lengths)[:-1]), strict=True):
        expected = [
            [is_strictly_inside(row, column, corners) for column in range(shape[1])]
            for row in range(shape[0])
        ]
        np.testing.assert_array_equal(mask, expected)


def test_repeating_the_first_point_at_the_end_changes_nothing():
    corners = np.array([[0, 3], [3, 6], [6, 3], [3, 0]])
    opened = fill_contours(corners, np.array([4]), (7, 7))
    closed = fill_contours(np.vstack([corners, corners[:1]]), np.array([5]), (7, 7))
    np.testing.assert_array_equal(opened, closed)
    assert opened.sum() == 13


def test_an_outline_of_neighbouring_pixels_encloses_its_inner_disc():
    # As the radiologists' tool writes them: pixel by pixel around the nodule.
    angle = np.linspace(0, 2 * np.pi, 400)
    ring = np.rint(np.column_stack([np.sin(angle), np.cos(angle)]) * 20).astype(int) + 20
    mask = fill_contours(ring, np.array([len(ring)]), (41, 41))[0]
    assert not mask[ring[:, 0], ring[:, 1]].any()
    # Pixels within the ring, whose centres lie half a pixel inside of radius 20.
    assert mask.sum() == pytest.approx(np.pi * 19.5**2, rel=0.02)


def test_split_coordinates_turns_x_y_into_row_column():
    points, lengths = split_coordinates(["364,172\n365,171", "1,2"])
    np.testing.assert_array_equal(points, [[172, 364], [171, 365], [2, 1]])
    np.testing.assert_array_equal(lengths, [2, 1])
