import numpy as np
import pytest

from skvae.datasets import make_infected_lungs, make_xrays


def test_lesions_lie_in_the_lungs_and_cover_what_they_are_said_to():
    lungs = make_infected_lungs(30, fraction_range=(0.1, 0.5), random_state=0)
    assert set(np.unique(lungs.masks)) == {0, 1, 2}
    assert 0.1 < lungs.fraction.min() < 0.2 < 0.4 < lungs.fraction.max() < 0.5
    lesion, lung = lungs.masks == 2, lungs.masks > 0
    np.testing.assert_allclose(lesion.sum((1, 2)) / lung.sum((1, 2)), lungs.fraction)
    # Lungs as in healthy X-rays.
    healthy = make_xrays(30, random_state=0).masks.mean()
    assert abs(lung.mean() / healthy - 1) < 0.1


def test_grey_levels_alone_do_not_tell_lesions():
    lungs = make_infected_lungs(30, random_state=0)
    grey, lesion = lungs.images[:, 0], lungs.masks == 2
    levels = np.quantile(grey, np.linspace(0, 1, 21))
    best = max(
        2 * (lesion & inside).sum() / (lesion.sum() + inside.sum())
        for i, low in enumerate(levels)
        for high in levels[i + 1 :]
        for inside in [(grey > low) & (grey < high)]
    )
    assert best < 0.5


def test_an_xray_does_not_depend_on_noise_contrast_and_how_many_there_are():
    few = make_infected_lungs(3, noise=0, fraction_range=(0.3, 0.3), random_state=0)
    brighter = make_infected_lungs(
        3, noise=0, contrast=0.3, fraction_range=(0.3, 0.3), random_state=0
    )
    np.testing.assert_array_equal(few.masks, brighter.masks)
    lesion = few.masks == 2
    assert (brighter.images - few.images)[:, 0][lesion].mean() > 0.1
    noisy = make_infected_lungs(3, noise=0.2, fraction_range=(0.3, 0.3), random_state=0)
    assert abs((noisy.images - few.images).std() - 0.2) < 0.01


def test_wrong_shares_are_named():
    with pytest.raises(ValueError, match=r"fraction_range=\(0.5, 2\), but make_"):
        make_infected_lungs(fraction_range=(0.5, 2))
