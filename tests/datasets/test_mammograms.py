import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from skvae.datasets import make_mammograms
from skvae.datasets.mammograms import _draw_field


@pytest.fixture(scope="module")
def mammograms():
    return make_mammograms(100, random_state=0)


# Of texture, shading and noise together.
VARIANCE = 0.1**2 + 0.025**2 + 0.03**2


def grey_auc(mammograms):
    breast = mammograms.masks > 0
    return roc_auc_score(mammograms.masks[breast] == 2, mammograms.images[:, 0][breast])


def test_grey_level_tells_as_much_as_the_equation_says(mammograms):
    expected = norm.cdf(0.095 / np.sqrt(2 * VARIANCE))
    assert expected == pytest.approx(0.734, abs=0.001)
    assert grey_auc(mammograms) == pytest.approx(expected, abs=0.02)
    assert grey_auc(make_mammograms(50, contrast=0, random_state=0)) == pytest.approx(
        0.5, abs=0.03
    )


def test_both_tissues_vary_as_much_and_fibres_only_across(mammograms):
    images, masks = mammograms.images[:, 0], mammograms.masks
    for tissue in (1, 2):
        values = images[masks == tissue]
        assert values.var() == pytest.approx(VARIANCE, rel=0.08)
    assert images[masks == 0].std() == pytest.approx(0.03, rel=0.02)

    def correlation(tissue, axis, lag=3):
        other = np.roll(images, -lag, axis), np.roll(masks, -lag, axis)
        both = (masks == tissue) & (other[1] == tissue)
        return np.corrcoef(images[both], other[0][both])[0, 1]

    assert correlation(2, axis=2) > correlation(2, axis=1) + 0.3
    assert correlation(1, axis=2) == pytest.approx(correlation(1, axis=1), abs=0.05)


def test_density_and_grade_are_those_of_the_masks(mammograms):
    dense, breast = ((mammograms.masks >= k).sum(axis=(1, 2)) for k in (2, 1))
    np.testing.assert_array_equal(mammograms.density, dense / breast)
    np.testing.assert_array_equal(mammograms.target, np.floor(mammograms.density * 4))
    assert 0.04 < mammograms.density.min() < 0.1
    assert 0.9 < mammograms.density.max() < 0.96
    narrow = make_mammograms(20, density_range=(0.3, 0.3), random_state=0)
    np.testing.assert_allclose(narrow.density, 0.3, atol=0.001)


def test_breast_lies_at_the_left_edge_and_in_one_piece(mammograms):
    breast = mammograms.masks > 0
    assert breast[:, :, 0].any(axis=1).all()
    assert not breast[:, :, -1].any()
    assert not breast[:, [0, -1]].any()
    # Every row of a half ellipse is one run of pixels from the chest wall on.
    assert (np.diff(breast.astype(int), axis=2) <= 0).all()


@pytest.mark.parametrize("size", [33, 96])
def test_fields_have_unit_variance_whatever_their_widths(size):
    rng = np.random.default_rng(0)
    for widths, tilt in (((3.0, 0.7), 0.4), ((1.3, 1.3), 0.0)):
        fields = np.stack([_draw_field(rng, size, widths, tilt) for _ in range(200)])
        assert fields.std() == pytest.approx(1, rel=0.02)


def test_strengths_only_scale_what_is_drawn(mammograms):
    other = make_mammograms(100, contrast=0.3, noise=0, random_state=0)
    np.testing.assert_array_equal(other.masks, mammograms.masks)
    brighter = make_mammograms(100, contrast=0.2, random_state=0)
    difference = brighter.images - mammograms.images
    np.testing.assert_allclose(difference[:, 0], 0.105 * (other.masks == 2), atol=1e-6)


def test_random_state_decides_and_the_global_one_is_not_touched():
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first, again = (make_mammograms(5, size=40, random_state=3) for _ in "ab")
    for name in ("images", "masks", "target", "density"):
        np.testing.assert_array_equal(first[name], again[name])
    assert (make_mammograms(5, size=40, random_state=4).images != first.images).any()
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_other_forms():
    mammograms = make_mammograms(6, size=33, random_state=0)
    images, target = make_mammograms(6, size=33, random_state=0, return_X_y=True)
    np.testing.assert_array_equal(images, mammograms.images)
    np.testing.assert_array_equal(target, mammograms.target)
    framed = make_mammograms(6, size=33, random_state=0, as_frame=True)
    assert framed.density.name == "density"
    np.testing.assert_array_equal(framed.density, mammograms.density)
    assert framed.target.tolist() == target.tolist()


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"n_samples": 0}, ValueError, "Got n_samples=0, but make_mammograms takes"),
        ({"size": 16}, ValueError, "Got size=16, but .* an integer of at least 32"),
        ({"noise": -1}, ValueError, "Got noise=-1, but make_mammograms takes"),
        ({"contrast": "high"}, TypeError, "Got contrast='high', but .* a number"),
        ({"density_range": (0.9, 0.1)}, ValueError, r"Got density_range=\(0.9, 0.1\)"),
        ({"density_range": 0.5}, ValueError, "Got density_range=0.5, but .* two numbers"),
    ],
)
def test_bad_parameters(parameters, error, message):
    with pytest.raises(error, match=message):
        make_mammograms(**parameters)
