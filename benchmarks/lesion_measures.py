"""Measure the attributes of lesions in pairs (`make_lesions(layout="pair")`) on images."""

import numpy as np

# Intensity of the left lesion, which is constant, and what counts as empty.
INTENSITY, EMPTY = 0.75, 0.1


def measure_pairs(images):
    """Return volume, elongation, intensity and texture of images (n, 1, size, size, size).

    For images without noise, such as decoded ones. Volume (voxels) and elongation
    (longest over mean shorter axis, from second moments) of the left half, where a voxel
    counts by its intensity: with counted voxels alone, the elongation of small lesions
    jumps by 0.1. Intensity and texture are mean and standard deviation of a ball in the
    middle of the right lesion.
    """
    size = images.shape[-1]
    left = (images[:, 0, :, :, : size // 2] - EMPTY) / (INTENSITY - EMPTY)
    shapes = [volume_and_elongation(share) for share in left.clip(0, 1)]
    right = images[:, 0][:, middle_of_the_right(size)]
    return np.column_stack([np.array(shapes), right.mean(axis=1), right.std(axis=1)])


def volume_and_elongation(share):
    places = np.argwhere(share)
    if len(places) < 4:
        return share.sum(), np.nan
    covariance = np.cov(places.T, aweights=share[tuple(places.T)])
    shorter, short, longest = np.linalg.eigvalsh(covariance)
    return share.sum(), np.sqrt(longest / np.mean([shorter, short]))


def middle_of_the_right(size):
    """Return a ball that lies within the right lesion wherever that was shifted."""
    grid = np.indices((size, size, size))
    middle = (size - 1) / 2 + np.array([0, 0, size / 4])
    distance = np.square(grid - middle[:, None, None, None]).sum(axis=0)
    return distance < (0.09 * size) ** 2
