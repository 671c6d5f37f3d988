import pickle

import numpy as np
import pytest
import torch
from monai.transforms import (
    Compose,
    Flip,
    RandAffined,
    RandFlip,
    RandFlipd,
    RandGaussianNoise,
    RandShiftIntensity,
)
from scipy import ndimage
from scipy.interpolate import BSpline

from skvae import Autoencoder, RandomAugment
from skvae.objectives.batch import Batch
from skvae.training.augmentation import PerSequence, moved, rotation
from skvae.training.caching import n_trainings
from skvae.training.random_fields import N_CELLS, smooth_fields, speckle, spline_weights
from skvae.training.seeding import generator

SHAPES = {"signals": (6, 2, 9), "images": (6, 2, 9, 12), "volumes": (6, 1, 7, 6, 8)}
each_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
EVERYTHING = RandomAugment(warp=0.05, gain=0.3, speckle=0.5, shadow=0.7, resampled=1)
STILL = {"flip": False, "shift": 0, "rotate": 0, "scale": 0, "intensity": 0}


def images(shape, seed=0):
    return torch.rand(shape, generator=generator(seed))


def blobs(n_images, size=24):
    """Bright ellipses on black, and their masks."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:size, :size]
    centre = rng.uniform(0.4 * size, 0.6 * size, (2, n_images, 1, 1))
    radius = rng.uniform(0.15 * size, 0.3 * size, (2, n_images, 1, 1))
    distance = ((rows - centre[0]) / radius[0]) ** 2
    mask = distance + ((columns - centre[1]) / radius[1]) ** 2 < 1
    return torch.from_numpy(mask[:, None].astype(np.float32)), torch.from_numpy(mask * 1)


def augmented(augment, x, seed=1, mask=None):
    return augment(Batch(x, mask=mask), generator(seed))


@each_shape
def test_nothing_asked_for_changes_nothing(shape):
    x = images(shape)
    y = augmented(RandomAugment(**STILL), x).x
    torch.testing.assert_close(y, x, atol=1e-5, rtol=0)


@each_shape
@pytest.mark.parametrize("axis", [0, -1])
def test_a_flip_flips_its_axis_in_about_half_of_the_images(shape, axis):
    x = images((60, *shape[1:]))
    y = augmented(RandomAugment(**STILL | {"flip": (axis,)}), x).x
    flipped = x.flip(axis + 2 if axis >= 0 else axis)
    same = torch.isclose(y, x, atol=1e-4).flatten(1).all(dim=1)
    other = torch.isclose(y, flipped, atol=1e-4).flatten(1).all(dim=1)
    assert (same | other).all()
    assert 15 < other.sum() < 45


def test_a_rotation_is_in_pixels_whatever_the_shape_of_the_image():
    x = images((1, 1, 9, 15))
    angle = torch.tensor([torch.pi / 2])
    sizes = torch.tensor([9.0, 15.0])
    matrix = rotation(angle, (0, 1), 2) * sizes / sizes.unsqueeze(1)
    y = moved(x, torch.nn.functional.pad(matrix, (0, 1)), None, "bilinear")[0, 0]
    middle = x[0, 0, :, 3:12]
    turned = torch.rot90(middle, -1)
    torch.testing.assert_close(y[:, 3:12], turned, atol=1e-4, rtol=0)


def test_an_affine_map_is_that_of_scipy():
    volume = images((1, 1, 7, 8, 9)).numpy()
    smooth = torch.from_numpy(ndimage.gaussian_filter(volume, (0, 0, 1, 1, 1)))
    sizes = np.array([7.0, 8.0, 9.0])
    linear = rotation(torch.tensor([0.2]), (0, 2), 3)[0].numpy() @ (0.9 * np.eye(3))
    shift = np.array([0.1, -0.2, 0.05])
    matrix = np.c_[linear * sizes / sizes[:, None], 2 * shift][None].astype(np.float32)
    ours = moved(smooth, torch.from_numpy(matrix), None, "bilinear")[0, 0]
    centre = (sizes - 1) / 2
    offset = centre - linear @ centre + shift * sizes
    theirs = ndimage.affine_transform(
        smooth[0, 0].numpy(), linear, offset, order=1, mode="nearest"
    )
    np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-5)


@each_shape
@pytest.mark.parametrize(("resampled", "at_least", "at_most"), [(0, 60, 60), (0.5, 15, 45)])
def test_what_is_not_resampled_is_as_sharp_as_before(shape, resampled, at_least, at_most):
    x = images((60, *shape[1:]))
    y = augmented(RandomAugment(intensity=0, resampled=resampled), x).x
    assert not torch.equal(y, x)
    # Flipped and moved by whole pixels, an image has no values but its own.
    pairs = zip(x.flatten(1), y.flatten(1), strict=True)
    distance = [(b[:, None] - a).abs().amin(dim=1).max() for a, b in pairs]
    assert at_least <= sum(d < 1e-4 for d in distance) <= at_most


@each_shape
def test_every_image_is_changed_in_its_own_way_and_stays_in_range(shape):
    x = images((1, *shape[1:])).expand(shape)
    before = x.clone()
    y = augmented(RandomAugment(), x).x
    assert y.shape == x.shape
    assert len(torch.unique(y, dim=0)) == len(x)
    assert y.min() >= x.min()
    assert y.max() <= x.max()
    assert torch.equal(x, before)


@each_shape
@pytest.mark.parametrize("augment", [RandomAugment(), EVERYTHING], ids=["usual", "all"])
def test_the_generator_alone_decides(shape, augment):
    x = images(shape)
    torch.manual_seed(0)
    one = augmented(augment, x).x
    torch.manual_seed(1)
    assert torch.equal(augmented(augment, x).x, one)
    assert not torch.equal(augmented(augment, x, seed=2).x, one)


@pytest.mark.parametrize("channel", [False, True])
def test_the_labels_of_pixels_move_with_them(channel):
    x, mask = blobs(20)
    mask = mask[:, None] if channel else mask
    batch = augmented(RandomAugment(intensity=0), x, mask=mask * 3)
    assert batch.mask.shape == mask.shape
    assert batch.mask.dtype == mask.dtype
    assert set(batch.mask.unique().tolist()) == {0, 3}
    kept, seen = batch.mask.reshape(x.shape) > 0, batch.x > 0.5
    overlap = (kept & seen).sum() / (kept | seen).sum()
    assert overlap > 0.95
    assert not torch.equal(batch.mask, mask * 3)


def test_intensity_alone_keeps_places_and_order():
    x = images((8, 1, 6, 6)) * 0.2 + 0.4
    x[0, 0, 0, 0], x[0, 0, 0, 1] = 0, 1
    y = augmented(RandomAugment(**STILL | {"intensity": 0.2}), x).x
    slope = (y[1:].amax((1, 2, 3)) - y[1:].amin((1, 2, 3))) / (
        x[1:].amax((1, 2, 3)) - x[1:].amin((1, 2, 3))
    )
    assert ((slope > 0.8) & (slope < 1.2)).all()
    assert slope.std() > 0.01
    shift = (y - x)[1:].mean((1, 2, 3))
    assert shift.abs().max() <= 0.2
    assert shift.std() > 0.01


@each_shape
def test_a_warp_is_that_of_scipy(shape):
    x = images(shape)
    warp = 0.1 * smooth_fields(x, x.ndim - 2, generator(2))
    sizes = np.array(shape[2:])
    still = torch.eye(len(sizes), len(sizes) + 1).expand(len(x), -1, -1)
    ours = moved(x, still, 2 * warp, "bilinear").numpy()
    pixels = np.indices(shape[2:])
    for image, field, found in zip(x.numpy(), warp.numpy(), ours, strict=True):
        places = pixels + field * sizes.reshape(-1, *[1] * len(sizes))
        for channel, theirs in zip(image, found, strict=True):
            expected = ndimage.map_coordinates(channel, places, order=1, mode="nearest")
            np.testing.assert_allclose(theirs, expected, atol=1e-4)


@pytest.mark.parametrize("axes", [2, 3])
def test_a_mask_is_warped_as_its_image_is(axes):
    size = (48, 40, 32)[:axes]
    places = torch.meshgrid(*(torch.linspace(-1, 1, n) for n in size), indexing="ij")
    one = sum(place.square() for place in places) < 0.4
    mask = one.long().expand(6, *size)
    augment = RandomAugment(**STILL | {"warp": 0.1, "resampled": 1})
    batch = augmented(augment, mask.unsqueeze(1).float(), mask=mask)
    assert batch.mask.dtype == mask.dtype
    # The nearest label is that of the larger weight along each axis; between them lie
    # only the pixels of the rim.
    inner, outer = batch.x[:, 0] > 0.999, batch.x[:, 0] > 0.001
    assert (batch.mask >= inner).all()
    assert (batch.mask <= outer).all()
    seen = batch.x[:, 0] > 0.5
    assert (seen & (batch.mask == 1)).sum() / (seen | (batch.mask == 1)).sum() > 0.95
    # The warps differ, and are more than moves: areas are not alike.
    assert len(batch.mask.flatten(1).sum(dim=1).unique()) >= 5
    assert not torch.equal(batch.mask, mask)
    sharp = augmented(RandomAugment(**STILL | {"warp": 0.1, "resampled": 0}), batch.x).x
    torch.testing.assert_close(sharp, batch.x, atol=1e-5, rtol=0)


def test_the_strongest_warp_folds_nothing():
    for n_axes in (1, 2, 3):
        x = torch.zeros(20, 1, *[24] * n_axes)
        fields = 0.1 * 24 * smooth_fields(x, n_axes, generator(3)).double()
        slopes = [
            torch.stack(torch.gradient(fields[:, k], dim=list(range(1, n_axes + 1))), -1)
            for k in range(n_axes)
        ]
        jacobian = torch.stack(slopes, -2) + torch.eye(n_axes)
        assert torch.linalg.det(jacobian).min() > 0


def test_intensities_of_ultrasound_change_places_by_factors():
    x = torch.full((40, 1, 24, 20), 0.4)
    x[0, 0, 0, :2] = torch.tensor([0.0, 1.0])
    quiet = STILL | {"resampled": 0}
    gain = augmented(RandomAugment(**quiet, gain=0.3), x).x[1:] / 0.4
    assert 0.7 <= gain.min() < 0.85
    assert 1.15 < gain.max() <= 1.3
    steps = gain.diff(dim=2).abs().max()
    assert 0 < steps < 0.15
    shadow = augmented(RandomAugment(**quiet, shadow=0.8), x).x[1:, 0] / 0.4
    assert 0.2 <= shadow.min() < 0.4
    assert shadow.max() <= 1 + 1e-6
    # It grows along the beam and is narrow across.
    assert (shadow.diff(dim=1) <= 1e-6).all()
    depth = (1 - shadow)[:, -1]
    assert (depth.amax(dim=1) > 1.5 * depth.mean(dim=1)).all()
    both = augmented(RandomAugment(**quiet, shadow=0.8, speckle=1.0, gain=0.3), x).x
    assert both.min() >= 0
    assert both.max() <= 1


@pytest.mark.parametrize("shape", [(50, 1, 60), (12, 1, 40, 30), (4, 1, 16, 20, 18)])
def test_speckle_is_rayleighs_with_a_grain_of_three_pixels(shape):
    found = speckle(torch.zeros(shape), generator(0))
    assert found.mean() == pytest.approx(1, abs=0.03)
    assert found.mean() / found.std() == pytest.approx(1.913, rel=0.05)
    # Sums of three neighbours share two, then one, then none; powers correlate as squares.
    power = found.double().square() / 1.2732 - 1
    for lag, expected in ((1, 4 / 9), (2, 1 / 9), (3, 0)):
        product = power.narrow(2, 0, shape[2] - lag) * power.narrow(2, lag, shape[2] - lag)
        assert product.mean() == pytest.approx(expected, abs=0.1)
    x = torch.full(shape, 0.2)
    x.view(-1)[:2] = torch.tensor([0.0, 1.0])
    grainy = augmented(RandomAugment(**STILL, speckle=0.5), x).x.flatten(1)[1:]
    deviations = grainy.std(dim=1) / 0.2
    assert 0 < deviations.min() < deviations.max() <= 0.5 * 0.57


@pytest.mark.parametrize("n_pixels", [1, 7, 64])
def test_weights_of_knots_are_those_of_cubic_splines(n_pixels):
    weights = spline_weights(n_pixels)
    place = (np.arange(n_pixels) + 0.5) / n_pixels * N_CELLS
    for knot, ours in enumerate(weights.numpy(), start=-1):
        theirs = BSpline.basis_element(np.arange(knot - 2, knot + 3), extrapolate=False)
        np.testing.assert_allclose(ours, np.nan_to_num(theirs(place)), atol=1e-12)
    np.testing.assert_allclose(weights.sum(dim=0), 1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"warp": 0.2}, r"Got warp=0\.2, but expected a number from 0 to 0\.1: further"),
        ({"speckle": 1.5}, r"Got speckle=1\.5, but expected a share from 0 to 1"),
        ({"gain": float("nan")}, "Got gain=nan"),
        ({"shadow": -1}, "Got shadow=-1, but expected a share"),
        ({"shift": -0.1}, r"Got shift=-0\.1, but expected a number >= 0"),
        ({"rotate": float("nan")}, "Got rotate=nan"),
        ({"resampled": 1.5}, r"Got resampled=1\.5, but expected a share from 0 to 1"),
        ({"scale": 2.0}, r"Got scale=2\.0, but expected a number from 0 to below 1"),
        ({"flip": 0}, r"Got flip=0, but expected a bool or .* such as \(0,\)"),
        ({"flip": 1}, r"Got flip=1, but expected a bool or .* such as \(1,\)"),
    ],
)
def test_impossible_amounts_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        RandomAugment(**wrong)


def test_a_flip_of_an_axis_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match=r"flip=\(2,\).*the 2 spatial axes of X, 0 to 1"):
        augmented(RandomAugment(flip=(2,)), images(SHAPES["images"]))


@pytest.mark.parametrize("flip", [True, False])
def test_bools_of_numpy_are_bools(flip):
    x = images(SHAPES["images"])
    ours, theirs = (RandomAugment(**STILL | {"flip": f}) for f in (flip, np.bool_(flip)))
    assert torch.equal(augmented(ours, x).x, augmented(theirs, x).x)


def small(**parameters):
    return Autoencoder(
        3,
        hidden_layer_sizes=(),
        channels=(2,),
        max_iter=2,
        batch_size=8,
        device="cpu",
        n_threads=1,
        **{"random_state": 0} | parameters,
    )


X = images((24, 1, 8, 6)).numpy()


def brighter(batch, generator):
    assert isinstance(generator, torch.Generator)
    return batch._replace(x=batch.x + 1)


def test_a_callable_changes_input_and_target():
    with_callable = small(augment=brighter).fit(X)
    expected = small().fit(X + 1)
    np.testing.assert_allclose(
        with_callable.transform(X + 1), expected.transform(X + 1), atol=1e-5
    )


@pytest.mark.parametrize("augment", [True, RandomAugment(flip=False)])
def test_a_fit_is_repeated_bit_for_bit(augment):
    one, other = small(augment=augment).fit(X), small(augment=augment).fit(X)
    np.testing.assert_array_equal(one.transform(X), other.transform(X))
    assert not np.allclose(one.transform(X), small().fit(X).transform(X))


def test_false_is_off():
    expected = small().fit(X).transform(X)
    for off in (False, np.False_):
        np.testing.assert_array_equal(small(augment=off).fit_transform(X), expected)


def test_true_of_numpy_is_on():
    on = small(augment=np.True_).fit_transform(X)
    np.testing.assert_array_equal(on, small(augment=True).fit_transform(X))


def test_a_random_transform_of_monai_is_seeded_by_the_fit_and_left_as_it_was():
    transform = Compose([RandGaussianNoise(prob=0.7), RandShiftIntensity(0.2, prob=0.5)])
    before = pickle.dumps(transform)
    one = small(augment=transform).fit(X).transform(X)
    np.random.seed(5)  # noqa: NPY002
    np.testing.assert_array_equal(small(augment=transform).fit(X).transform(X), one)
    assert pickle.dumps(transform) == before
    assert not np.allclose(small().fit(X).transform(X), one)
    assert not np.allclose(small(augment=transform, random_state=1).fit_transform(X), one)


def test_a_transform_of_monai_that_is_not_random_is_refused():
    with pytest.raises(ValueError, match=r"augment=<monai.*Flip.* expected a random"):
        small(augment=Flip(spatial_axis=0)).fit(X)


WITH_MASKS = {"keys": ["image", "mask"], "mode": ("bilinear", "nearest")}


@pytest.mark.parametrize("channel", [False, True])
@pytest.mark.parametrize(
    "transform",
    [
        RandFlipd(["image", "mask"], prob=0.5, spatial_axis=0),
        RandFlipd(["image", "mask"], prob=0.5, spatial_axis=1),
        RandFlipd(["image", "mask"], prob=0.5),
        RandAffined(**WITH_MASKS, prob=1, rotate_range=0.3, translate_range=3),
    ],
    ids=["rows", "columns", "both", "affine"],
)
def test_a_transform_of_dictionaries_moves_the_masks_alike(transform, channel):
    x, mask = blobs(20)
    mask = (3 * mask).byte()
    mask = mask[:, None] if channel else mask
    segmenter = small(augment=transform)
    recipe = segmenter._recipe((1, 24, 24), segmenter._unfitted, 0, segmenter._phases())
    batch = augmented(recipe.augment, x, mask=mask)
    assert batch.mask.shape == mask.shape
    assert batch.mask.dtype == mask.dtype
    assert set(batch.mask.unique().tolist()) == {0, 3}
    kept, seen = batch.mask.reshape(x.shape) > 0, batch.x > 0.5
    overlap = (kept & seen).flatten(1).sum(1) / (kept | seen).flatten(1).sum(1)
    assert overlap.min() > 0.9
    assert overlap.mean() > 0.95
    assert not torch.equal(batch.x, x)
    assert type(batch.x) is type(batch.mask) is torch.Tensor


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (RandFlip(prob=1, spatial_axis=0), r"'image' of shape \(1, 24, 24\) and a 'mask'"),
        (RandFlipd(["image", "label"], prob=1), r"RandFlipd.*'mask' of shape \(1, 24, 24"),
        (
            RandAffined(["image", "mask"], prob=1, rotate_range=0.3),
            "makes labels between those of the mask; expected mode='nearest'",
        ),
    ],
)
def test_transforms_that_do_not_suit_masks_are_named(transform, message):
    x, mask = blobs(4)
    segmenter = small(augment=transform)
    settled = segmenter._unfitted, 0, segmenter._phases()
    augment = segmenter._recipe((1, 24, 24), *settled).augment
    with pytest.raises(ValueError, match=message):
        augmented(augment, x, mask=mask)


def test_validation_rows_are_not_changed():
    seen = []

    def watched(batch, generator):
        seen.append(len(batch.x))
        return batch

    small(augment=watched, early_stopping=True, validation_fraction=0.25).fit(X)
    assert sum(seen) == 2 * 18


def test_rows_and_lbfgs_are_refused():
    with pytest.raises(ValueError, match="augment=True, but X has rows of 48 "):
        small(augment=True).fit(X.reshape(24, -1))
    small(augment=True, image_shape=(1, 8, 6)).fit(X.reshape(24, -1))
    with pytest.raises(ValueError, match="solver='lbfgs' with augment=RandomAugment"):
        small(augment=True, solver="lbfgs").fit(X)


def test_augmentation_belongs_to_the_remembered_network(tmp_path):
    for augment in (None, True, RandomAugment(), RandomAugment(shift=0.2)):
        small(augment=augment, memory=str(tmp_path)).fit(X)
    assert n_trainings(str(tmp_path)) == 3


def test_a_lambda_is_refused_only_where_it_would_be_remembered(tmp_path):
    small(augment=lambda batch, generator: batch).fit(X)
    with pytest.raises(ValueError, match=r"memory= with augment=.*expected a function"):
        small(augment=lambda batch, generator: batch, memory=str(tmp_path)).fit(X)


def test_the_frames_of_a_sequence_are_changed_alike_and_missing_ones_stay_so():
    frame = images((4, 1, 2, 9, 12))
    x = frame.repeat(1, 3, 1, 1, 1)
    x[1, 2:] = x[2, 1:] = torch.nan
    before = x.clone()
    y = augmented(PerSequence(RandomAugment(intensity=0)), x).x
    torch.testing.assert_close(x, before, equal_nan=True)
    assert torch.equal(y.isnan(), x.isnan())
    expected = augmented(RandomAugment(intensity=0), frame.flatten(1, 2)).x
    there = ~x.flatten(2).isnan().all(dim=2)
    for i, t in there.nonzero().tolist():
        torch.testing.assert_close(y[i, t], expected[i])


@pytest.mark.parametrize("n_missing", [1, 9])
def test_what_a_sequence_becomes_does_not_depend_on_its_padding(n_missing):
    x = images((6, 2, 1, 9, 12)) + 5
    padding = torch.full((6, n_missing, 1, 9, 12), torch.nan)
    padded = torch.cat([x, padding], dim=1)
    # What comes into view from outside moves the mean a little.
    for augment, tolerance in (
        (RandomAugment(**STILL | {"intensity": 0.1}), 1e-5),
        (RandomAugment(), 0.01),
    ):
        alone = augmented(PerSequence(augment), x).x
        among_others = augmented(PerSequence(augment), padded).x[:, :2]
        torch.testing.assert_close(among_others, alone, atol=tolerance, rtol=0)
        assert (alone - x).abs().max() > 5 * tolerance
