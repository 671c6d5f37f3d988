import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import uniform_filter

from skvae.segmentation import pixels
from skvae.segmentation.pixels import PixelFeatures, draw_pixels, share_of

RNG = np.random.default_rng(0)


def local_means(x):
    window = (0, 0) + (5,) * (x.ndim - 2)
    return np.concatenate([x, uniform_filter(x, window, mode="nearest")], axis=1)


def first(rows):
    return rows[:, :1]


@pytest.mark.parametrize("window_size", [None, 4, 7])
@pytest.mark.parametrize("shape", [(3, 1, 30), (3, 2, 11, 13), (2, 1, 9, 5, 8)])
def test_every_pixel_is_read_once_with_what_is_around_it(shape, window_size):
    images = RNG.random(shape)
    expected = local_means(images)
    features = PixelFeatures(local_means, images, window_size, margin=2)
    found = features.maps(lambda rows: rows, expected.shape[1], np.float64)
    np.testing.assert_allclose(found, expected)
    axes = tuple(range(2, images.ndim))
    np.testing.assert_allclose(features.means(), expected.mean(axis=axes), rtol=1e-6)
    n_read = sum(
        len(place.images) * np.prod([p.stop - p.start for p in place.pixels])
        for place in features.places()
    )
    assert n_read == shape[0] * np.prod(shape[2:])


def test_features_of_few_pixels_are_in_memory_at_once(monkeypatch):
    seen = []

    def spy(x):
        seen.append(x.shape)
        return x

    images = RNG.random((10, 1, 8, 8))
    monkeypatch.setattr(pixels, "PIXELS_AT_ONCE", 200)
    PixelFeatures(spy, images).maps(first, 1, float)
    assert seen == [(3, 1, 8, 8)] * 3 + [(1, 1, 8, 8)]
    monkeypatch.setattr(pixels, "PIXELS_AT_ONCE", 10)
    seen.clear()
    PixelFeatures(spy, images).means()
    assert seen == [(1, 1, 8, 8)] * 10
    seen.clear()
    PixelFeatures(spy, images, window_size=4, margin=1).means()
    assert set(seen) == {(1, 1, 5, 5)}
    assert len(seen) == 40


def test_windows_without_a_drawn_pixel_are_not_read():
    seen = []

    def spy(x):
        seen.append(x.copy())
        return x

    images = np.arange(2 * 64.0).reshape(2, 1, 8, 8)
    drawn = np.zeros((2, 8, 8), dtype=bool)
    drawn[1, 2, 6] = drawn[1, 3, 5] = True
    index = np.full((2, 8, 8), 7)
    found = PixelFeatures(spy, list(images), 4).drawn(index, drawn)
    assert len(seen) == 1
    np.testing.assert_array_equal(seen[0], images[1:, :, :4, 4:])
    np.testing.assert_array_equal(found.rows, images[1, 0][drawn[1]][:, None])
    assert found.index.tolist() == [7, 7]
    assert found.image.tolist() == [1, 1]


def test_drawn_pixels_are_the_same_in_windows():
    images = RNG.random((3, 1, 9, 8))
    index = RNG.integers(0, 3, (3, 9, 8))
    drawn = RNG.random(index.shape) < 0.5
    whole, windows = (
        PixelFeatures(local_means, images, size, margin=2).drawn(index, drawn)
        for size in (None, 4)
    )
    np.testing.assert_allclose(whole.rows[:, 0], images[:, 0][drawn])
    np.testing.assert_array_equal(whole.index, index[drawn])
    np.testing.assert_array_equal(whole.image, np.nonzero(drawn)[0])
    order = [np.lexsort((each.rows[:, 0], each.image)) for each in (whole, windows)]
    for a, b in zip(whole, windows, strict=True):
        np.testing.assert_allclose(a[order[0]], b[order[1]])


def test_maps_of_another_size_than_the_image_are_refused():
    features = PixelFeatures(lambda x: x[..., ::2], np.zeros((2, 1, 8, 8)))
    with pytest.raises(ValueError, match=r"shape \(2, 1, 8, 4\) for images of shape"):
        features.means()


@given(
    arrays(np.uint8, (3, 5, 4), elements=st.sampled_from([0, 1, 2, 255])),
    st.integers(1, 80),
    st.integers(0, 5),
)
def test_the_same_share_of_each_class_of_each_image_is_drawn(index, n_pixels, seed):
    n_all = np.count_nonzero(index != 255)
    drawn = draw_pixels(index, n_pixels, np.random.default_rng(seed))
    for mask, chosen in zip(index, drawn, strict=True):
        assert not chosen[mask == 255].any()
        for k in range(3):
            n = np.count_nonzero(mask == k)
            share = min(1, n_pixels / n_all) if n_all else 0
            assert n * share <= np.count_nonzero(chosen[mask == k]) < n * share + 1
    again = draw_pixels(index, n_pixels, np.random.default_rng(seed))
    np.testing.assert_array_equal(drawn, again)


def test_a_share_is_counted_inside_a_region():
    masks = np.array([[[0, 1], [2, 2]], [[0, 0], [0, 2]], [[0, 0], [0, 0]]])
    np.testing.assert_allclose(share_of(2, masks), [2 / 3, 1, np.nan])
    region = np.array([[[1, 1], [1, 1]], [[9, 0], [0, 0]], [[1, 0], [0, 0]]])
    np.testing.assert_allclose(share_of(2, masks, region), [0.5, 0, 0])
    np.testing.assert_allclose(share_of(2, masks, region.reshape(3, 4) > 0), [0.5, 0, 0])
    np.testing.assert_allclose(share_of(2, np.array([[2], [0]]), [1, 1]), [1, 0])
    unequal = np.empty(2, dtype=object)
    unequal[:] = [masks[0], masks[1][:1]]
    np.testing.assert_allclose(share_of(2, unequal, [region[0], region[1][:1]]), [0.5, 0])
    with pytest.raises(ValueError, match=r"region of shape \(2, 2\) for the image 1"):
        share_of(2, unequal, region[:2])
