import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from skvae.datasets.nodules import Annotation, consensus_mask, group_annotations


def annotation(mask, spacing=(1.0, 1.0, 1.0), origin=(0.0, 0.0, 0.0)):
    return Annotation(
        np.asarray(mask, bool), np.array(spacing), np.array(origin), np.ones(1), 1.0
    )


def ball(radius, spacing, centre):
    """A ball about a position in mm, on a grid of 30 voxels along each edge."""
    positions = np.indices((30, 30, 30)) * np.reshape(spacing, (3, 1, 1, 1))
    distance = np.linalg.norm(positions - np.reshape(centre, (3, 1, 1, 1)), axis=0)
    return annotation(distance <= radius, spacing)


def test_volume_and_centroid_are_in_mm():
    mask = np.zeros((3, 4, 5))
    mask[1, 1:3, 2:4] = 1
    nodule = annotation(mask, spacing=(2.5, 0.5, 0.5), origin=(100.0, 10.0, 20.0))
    assert nodule.volume == pytest.approx(4 * 2.5 * 0.25)
    np.testing.assert_allclose(nodule.centroid, [102.5, 10.75, 21.25])


def test_small_nodules_are_joined_within_3_mm_only():
    def groups(distance):
        centroids = np.array([[0.0, 0, 0], [0, distance, 0]])
        return len(group_annotations(centroids, np.full(2, 8.0)))

    assert groups(2.9) == 1
    assert groups(3.1) == 2


def test_large_nodules_are_joined_within_half_the_larger_diameter():
    volumes = np.array([4 / 3 * np.pi * 10**3, 8.0])

    def groups(distance):
        return len(group_annotations(np.array([[0.0, 0, 0], [distance, 0, 0]]), volumes))

    assert groups(9.9) == 1
    assert groups(10.1) == 2


def test_links_reach_through_others_and_at_most_four_are_kept():
    centroids = np.zeros((6, 3))
    centroids[:, 2] = np.arange(6) * 2.5
    (group,) = group_annotations(centroids, np.full(6, 8.0))
    assert group.tolist() == [0, 1, 2, 3]


def test_consensus_agrees_with_scipy_on_anisotropic_voxels():
    rng = np.random.default_rng(0)
    nodule = annotation(
        rng.uniform(size=(5, 9, 8)) > 0.4, spacing=(2.0, 0.7, 0.7), origin=(-3.0, 5.0, 1.0)
    )
    offsets = (np.arange(12) - 5.5) * 0.9
    grid = np.meshgrid(*[offsets] * 3, indexing="ij")
    index = [
        (nodule.centroid[axis] + grid[axis] - nodule.origin[axis]) / nodule.spacing[axis]
        for axis in range(3)
    ]
    expected = map_coordinates(nodule.mask.astype(float), index, order=1, cval=0) >= 0.5
    mask = consensus_mask([nodule], size=12, spacing_mm=0.9)
    assert expected.sum() > 20
    np.testing.assert_array_equal(mask, expected)


def test_a_ball_keeps_its_volume_and_lies_in_the_middle():
    nodule = ball(8.0, spacing=(1.0, 0.8, 0.8), centre=(14.2, 11.0, 12.0))
    mask = consensus_mask([nodule], size=24, spacing_mm=1.0)
    assert mask.sum() == pytest.approx(4 / 3 * np.pi * 8**3, rel=0.03)
    np.testing.assert_allclose(np.argwhere(mask).mean(axis=0), 11.5, atol=0.25)


def test_half_of_the_raters_are_enough_and_fewer_are_not():
    small = ball(4.0, (1.0, 1.0, 1.0), (15.0, 15.0, 15.0))
    large = ball(8.0, (1.0, 1.0, 1.0), (15.0, 15.0, 15.0))

    def volume(*raters):
        return consensus_mask(raters, size=21, spacing_mm=1.0).sum()

    assert volume(small, large) == volume(large)
    assert volume(small, small, large) == volume(small)
