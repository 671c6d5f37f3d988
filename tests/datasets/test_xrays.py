import numpy as np
import pytest

from skvae import dice_scores
from skvae.datasets import make_xrays


def test_grey_levels_alone_do_not_tell_the_lungs():
    images, masks = make_xrays(40, random_state=0, return_X_y=True)
    levels = np.linspace(0.1, 0.6, 26)
    best = max(dice_scores(masks, images[:, 0] < level).mean() for level in levels)
    assert 0.35 < best < 0.65
    usual = np.repeat([masks.mean(axis=0) > 0.5], len(masks), axis=0)
    assert 0.7 < dice_scores(masks, usual).mean() < 0.85
    assert ((images > -0.2) & (images < 1.1)).mean() > 0.95


def test_an_xray_does_not_depend_on_how_many_there_are_and_noise_is_only_added():
    few, many = make_xrays(3, random_state=0), make_xrays(9, random_state=0)
    np.testing.assert_array_equal(few.images, many.images[:3])
    clean = make_xrays(3, noise=0, random_state=0)
    np.testing.assert_array_equal(few.masks, clean.masks)
    assert abs((few.images - clean.images).std() - 0.1) < 0.003


def test_lungs_grow_with_the_image():
    small, large = (make_xrays(5, size=size, random_state=0).masks for size in (64, 128))
    np.testing.assert_allclose(small.mean((1, 2)), large.mean((1, 2)), atol=0.01)


def test_a_wrong_size_is_named():
    with pytest.raises(ValueError, match="Got size=8, but make_xrays takes an integer"):
        make_xrays(size=8)
