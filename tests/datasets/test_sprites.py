import numpy as np
import pytest

from skvae.datasets import make_sprites
from skvae.datasets.sprites import HALF_EDGE

# Areas at half edge 1: square, ellipse of half-axes 1.25 and .75, heart (square and discs).
AREAS = [4, np.pi * 1.25 * 0.75, 4 * (0.5 + np.pi / 8)]


@pytest.fixture(scope="module")
def sprites():
    return make_sprites(600, random_state=0)


def moments(images):
    """Sum, centre of mass (right, down) and angle of the long axis of each image."""
    images = images[:, 0].astype(float)
    rows, columns = np.indices(images.shape[1:])
    total = images.sum(axis=(1, 2))
    right = (images * columns).sum(axis=(1, 2)) / total
    down = (images * rows).sum(axis=(1, 2)) / total
    x = columns - right[:, None, None]
    y = down[:, None, None] - rows
    xx, yy, xy = ((images * m).sum(axis=(1, 2)) for m in (x * x, y * y, x * y))
    return total, right, down, np.arctan2(2 * xy, xx - yy) / 2


def test_shapes_types_and_range(sprites):
    assert sprites.images.shape == (600, 1, 64, 64)
    assert sprites.images.dtype == np.float32
    assert sprites.images.min() == 0
    assert sprites.images.max() == 1
    np.testing.assert_array_equal(sprites.factors[:, 0], sprites.target)
    assert set(sprites.target) == {0, 1, 2}


def test_sum_of_pixels_is_the_area_of_the_shape(sprites):
    total, *_ = moments(sprites.images)
    half_edge = HALF_EDGE * 64 * sprites.factors[:, 1]
    np.testing.assert_allclose(
        total, np.array(AREAS)[sprites.target] * half_edge**2, rtol=0.02
    )


def test_position_is_the_centre_of_mass(sprites):
    _, right, down, _ = moments(sprites.images)
    np.testing.assert_allclose(right, 31.5 + (sprites.factors[:, 3] - 0.5) * 32, atol=0.15)
    np.testing.assert_allclose(down, 31.5 + (sprites.factors[:, 4] - 0.5) * 32, atol=0.15)


def test_rotation_turns_the_ellipse_counter_clockwise(sprites):
    ellipses = sprites.target == 1
    *_, angle = moments(sprites.images[ellipses])
    difference = angle - sprites.factors[ellipses, 2]
    # The long axis has no direction: half a turn is none.
    np.testing.assert_allclose(np.sin(difference), 0, atol=0.02)


def test_the_heart_points_down_when_it_is_not_turned():
    hearts = make_sprites(400, shapes=["heart"], discrete=True, random_state=0)
    upright = hearts.images[hearts.factors[:, 2] == 0, 0]
    assert len(upright) > 0
    for image in upright:
        rows = np.flatnonzero(image.sum(axis=1) > 0)
        width = (image > 0.5).sum(axis=1)
        assert width[rows[1]] > width[rows[-2]]


def test_no_shape_leaves_the_image(sprites):
    assert sprites.images[:, :, [0, -1]].max() == 0
    assert sprites.images[..., [0, -1]].max() == 0


def test_discrete_factors_take_the_levels_of_dsprites():
    factors = make_sprites(5000, size=8, random_state=0).factors
    expected = [3, 6, 40, 32, 32]
    assert [len(np.unique(column)) for column in factors.T] == expected
    np.testing.assert_allclose(np.unique(factors[:, 1]), np.linspace(0.5, 1, 6))
    assert factors[:, 2].max() == pytest.approx(2 * np.pi * 39 / 40)
    np.testing.assert_allclose(factors[:, 3:].max(axis=0), 1)


def test_continuous_factors_hardly_repeat():
    factors = make_sprites(500, size=8, discrete=False, random_state=0).factors
    assert all(len(np.unique(column)) == 500 for column in factors[:, 1:].T)
    assert np.abs(np.corrcoef(factors.T) - np.eye(5)).max() < 0.15


def test_without_antialiasing_pixels_are_0_or_1():
    soft = make_sprites(50, random_state=0).images
    hard = make_sprites(50, antialias=False, random_state=0).images
    assert set(np.unique(hard)) == {0.0, 1.0}
    np.testing.assert_array_equal(hard[soft == 1], 1)
    np.testing.assert_array_equal(hard[soft == 0], 0)


def test_random_state_decides_and_the_global_one_is_not_touched():
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first, again = (make_sprites(20, random_state=3) for _ in range(2))
    np.testing.assert_array_equal(first.images, again.images)
    assert (make_sprites(20, random_state=4).images != first.images).any()
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_other_forms():
    sprites = make_sprites(20, size=16, random_state=0)
    images, target = make_sprites(20, size=16, random_state=0, return_X_y=True)
    np.testing.assert_array_equal(images, sprites.images)
    np.testing.assert_array_equal(target, sprites.target)
    framed = make_sprites(20, size=16, random_state=0, as_frame=True)
    assert list(framed.factors.columns) == sprites.factor_names
    np.testing.assert_array_equal(framed.factors.to_numpy(), sprites.factors)


def test_shapes_are_drawn_in_the_given_order():
    sprites = make_sprites(40, shapes=["heart", "square"], random_state=0)
    assert sprites.target_names == ["heart", "square"]
    total, *_ = moments(sprites.images)
    half_edge = HALF_EDGE * 64 * sprites.factors[:, 1]
    areas = np.array([AREAS[2], AREAS[0]])[sprites.target]
    np.testing.assert_allclose(total, areas * half_edge**2, rtol=0.02)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_samples": 0}, "Got n_samples=0, but make_sprites takes"),
        ({"size": 4}, "Got size=4, but make_sprites takes an integer of at least 8"),
        ({"shapes": ["star"]}, "Got shapes='star', but .* one of square, ellipse, heart"),
        ({"shapes": "heart"}, "Got shapes='heart', but make_sprites takes a list"),
        ({"shapes": []}, r"Got shapes=\[\], but make_sprites takes a list"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        make_sprites(**parameters)
