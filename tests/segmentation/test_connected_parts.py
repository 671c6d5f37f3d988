import numpy as np
import pytest
from monai.transforms import KeepLargestConnectedComponent
from scipy.sparse.csgraph import connected_components

from skvae.segmentation.connected_parts import PartRule

# Parts of 4 (a corner joins it to a fifth), 2 and 1 pixels of label 1; 3 and 1 of label 2.
MASK = np.array(
    [
        [1, 1, 0, 0, 0, 2],
        [1, 1, 0, 0, 0, 0],
        [0, 0, 1, 0, 0, 0],
        [0, 0, 0, 0, 2, 2],
        [1, 1, 0, 0, 2, 0],
        [0, 0, 0, 1, 0, 0],
    ]
)


def removed(*pixels):
    mask = MASK.copy()
    for pixel in pixels:
        mask[pixel] = 0
    return mask


PAIR, ONE, TWO = (4, slice(0, 2)), (5, 3), (0, 5)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (PartRule(True, 0), removed(PAIR, ONE, TWO)),
        (PartRule(False, 2), removed(ONE, TWO)),
        (PartRule(False, 3), removed(PAIR, ONE, TWO)),
        (PartRule(True, 4), removed(PAIR, ONE, TWO, (slice(3, 5), slice(4, 6)))),
        (PartRule(False, 6), np.zeros_like(MASK)),
        (PartRule(False, 1), MASK),
    ],
)
def test_parts_by_hand(rule, expected):
    found = rule.of_labels(np.stack([MASK, np.zeros_like(MASK), MASK.T]))
    np.testing.assert_array_equal(found[0], expected)
    assert not found[1].any()
    np.testing.assert_array_equal(found[2], expected.T)
    assert found.dtype == MASK.dtype


@pytest.mark.parametrize("shape", [(40,), (20, 18), (9, 10, 11)])
def test_the_largest_part_is_as_large_as_monais(shape):
    masks = np.random.default_rng(0).random((4, *shape)) < 0.25
    one = PartRule(True, 0).of_labels(masks)
    keep = KeepLargestConnectedComponent(applied_labels=[1])
    expected = [np.asarray(keep(mask[None].astype(np.uint8)))[0] for mask in masks]
    # Of parts of equal size MONAI may keep another.
    np.testing.assert_array_equal(
        one.reshape(4, -1).sum(1), np.reshape(expected, (4, -1)).sum(1)
    )


@pytest.mark.parametrize("shape", [(40,), (20, 18), (7, 8, 9)])
def test_sizes_are_those_of_parts_of_a_graph_of_neighbours(shape):
    for mask in np.random.default_rng(0).random((4, *shape)) < 0.1:
        pixels = np.argwhere(mask)
        near = np.abs(pixels[:, None] - pixels).max(axis=2) <= 1
        _, part = connected_components(near)
        kept = pixels[np.bincount(part)[part] >= 3]
        expected = np.zeros(shape, dtype=bool)
        expected[tuple(kept.T)] = True
        found = PartRule(False, 3).of_labels(mask[None])[0]
        np.testing.assert_array_equal(found, expected)


def test_labels_that_overlap_have_parts_of_their_own_and_sizes_may_differ():
    two = np.stack([MASK == 1, MASK > 0]).astype(np.uint8)
    found = PartRule(True, 0).of_overlapping(two[None])[0]
    np.testing.assert_array_equal(found[0], removed(PAIR, ONE)[:] == 1)
    assert found[1].sum() == 5
    masks = np.fromiter([MASK, MASK[:3]], dtype=object)
    found = PartRule(False, 2).of_labels(masks)
    np.testing.assert_array_equal(found[0], removed(ONE, TWO))
    np.testing.assert_array_equal(found[1], removed(TWO)[:3])
