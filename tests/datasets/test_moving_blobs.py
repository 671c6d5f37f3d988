import numpy as np
import pytest

from skvae.datasets import make_moving_blobs


def centres(images):
    """Centre of mass of each frame without noise, shape (n_frames, 2)."""
    mass = images[:, 0].astype(np.float64)
    places = np.indices(mass.shape[1:])
    return np.einsum("tij,aij->ta", mass, places) / mass.sum(axis=(1, 2))[:, np.newaxis]


def test_the_blob_moves_as_the_factors_say():
    blobs = make_moving_blobs(30, n_frames=6, size=32, noise=0.0, random_state=0)
    assert blobs.images.shape == (30, 6, 1, 32, 32)
    assert blobs.images.dtype == np.float32
    for images, (speed, direction, row, column) in zip(
        blobs.images, blobs.factors, strict=True
    ):
        way = np.arange(6)[:, np.newaxis] * [np.sin(direction), np.cos(direction)]
        np.testing.assert_allclose(centres(images), [row, column] + speed * way, atol=0.1)
    np.testing.assert_array_equal(blobs.target, blobs.factors[:, 0])


def test_no_frame_tells_the_speed():
    blobs = make_moving_blobs(2000, noise=0.0, random_state=0)
    middle = np.array([centres(images)[3] for images in blobs.images])
    from_centre = np.abs(middle - 11.5).sum(axis=1)
    # Faster blobs pass nearer to the centre, which says a little of the speed.
    assert np.corrcoef(from_centre, blobs.target)[0, 1] ** 2 < 0.5
    assert blobs.images.max() == pytest.approx(1, abs=0.05)


def test_lengths_lie_between_the_two_numbers():
    blobs = make_moving_blobs(200, n_frames=(3, 5), size=8, random_state=0)
    assert {len(images) for images in blobs.images} == {3, 4, 5}
    assert blobs.target.max() <= (7 - 2) / 4


def test_the_noise_has_its_standard_deviation():
    noisy, clean = (
        make_moving_blobs(50, noise=s, random_state=0).images[0] for s in (0.1, 0.0)
    )
    assert (noisy - clean).std() == pytest.approx(0.1, rel=0.05)


def test_the_same_state_the_same_sequences():
    one = make_moving_blobs(5, n_frames=(2, 4), random_state=3)
    other = make_moving_blobs(5, n_frames=(2, 4), random_state=3)
    for a, b in zip(one.images, other.images, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("n_frames", [1, (3, 2), (1, 4)])
def test_too_few_frames(n_frames):
    with pytest.raises(ValueError, match="n_frames="):
        make_moving_blobs(3, n_frames=n_frames)
    with pytest.raises(ValueError, match="one or two numbers"):
        make_moving_blobs(3, n_frames=(2, 3, 4))
