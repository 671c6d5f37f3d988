import numpy as np
import pytest
from scipy.spatial import cKDTree

from skvae.datasets.distances import ellipsoid_distance, heart_distance, square_distance

GRID = np.stack(np.meshgrid(*[np.linspace(-2, 2, 81)] * 2), axis=-1).reshape(-1, 2)
TURN = np.linspace(0, 2 * np.pi, 20001)
EDGE = np.linspace(-1, 1, 5001)


def nearest(outline):
    return cKDTree(outline).query(GRID)[0]


def test_square():
    ones = np.ones_like(EDGE)
    sides = [(EDGE, ones), (EDGE, -ones), (ones, EDGE), (-ones, EDGE)]
    outline = np.concatenate([np.column_stack(side) for side in sides])
    inside = np.abs(GRID).max(axis=1) < 1
    expected = np.where(inside, -1, 1) * nearest(outline)
    np.testing.assert_allclose(square_distance(*GRID.T), expected, atol=1e-3)


def test_heart():
    # Two half-circles over the upper edges, and the two lower edges of a square.
    radius = np.sqrt(2) / 4
    half = np.linspace(-np.pi / 4, 3 * np.pi / 4, 5001)
    lobe = np.column_stack([0.25 + radius * np.cos(half), 0.75 + radius * np.sin(half)])
    lower = np.column_stack([np.abs(EDGE) / 2, np.abs(EDGE) / 2])
    right = np.concatenate([lobe, lower])
    outline = np.concatenate([right, right * [-1, 1]])
    x, y = np.abs(GRID[:, 0]), GRID[:, 1]
    inside = ((y > x) & (y < 1 - x)) | (
        (x + y >= 1) & (np.hypot(x - 0.25, y - 0.75) < radius)
    )
    expected = np.where(inside, -1, 1) * nearest(outline)
    np.testing.assert_allclose(heart_distance(*GRID.T), expected, atol=1e-3)


@pytest.mark.parametrize("half_axes", [(1.0, 1.0), (1.25, 0.75)])
def test_ellipse_is_exact_in_sign_and_close_near_its_edge(half_axes):
    outline = np.column_stack([np.cos(TURN), np.sin(TURN)]) * half_axes
    inside = ((GRID / half_axes) ** 2).sum(axis=1) < 1
    expected = np.where(inside, -1, 1) * nearest(outline)
    distance = ellipsoid_distance(GRID.T, half_axes)
    np.testing.assert_array_equal(distance < 0, inside)
    near = np.abs(expected) < 0.1
    np.testing.assert_allclose(distance[near], expected[near], atol=0.01)
