"""TorchIO's random transforms as ``augment=``, seeded by the fit alone."""

import pickle

import numpy as np
import pytest
import torch

from skvae import Autoencoder, UNetSegmenter
from skvae.objectives.batch import Batch
from skvae.training.augmentation import as_augment

pytestmark = pytest.mark.nightly

tio = pytest.importorskip("torchio")

rng = np.random.default_rng(0)
IMAGES = rng.random((12, 1, 16, 12), dtype=np.float32)

# One that draws by each of the functions that TorchIO draws by.
TRANSFORMS = {
    "flip": tio.RandomFlip(axes=(0, 1)),
    "affine": tio.RandomAffine(degrees=20, translation=(2, 2, 0)),
    "elastic": tio.RandomElasticDeformation(
        num_control_points=5, max_displacement=(1, 1, 0)
    ),
    "noise": tio.RandomNoise(),
    "gamma": tio.RandomGamma(),
    "bias": tio.RandomBiasField(),
    "spike": tio.RandomSpike(),
    "ghosting": tio.RandomGhosting(axes=(0, 1)),
    "swap": tio.RandomSwap(patch_size=(3, 3, 1), num_iterations=5),
    "one of": tio.OneOf([tio.RandomFlip(axes=0), tio.RandomNoise(std=1)]),
    "composed": tio.Compose([tio.RandomFlip(axes=1), tio.RandomBlur(p=0.5)]),
    "by chance": tio.Blur(2, p=0.5),
}


def augmented(transform, x, mask=None, seed=0):
    batch = Batch(torch.from_numpy(x), mask=mask)
    return as_augment(transform)(batch, torch.Generator().manual_seed(seed))


def small(**parameters):
    return Autoencoder(
        3, channels=(2,), max_iter=2, random_state=0, n_threads=1, **parameters
    )


@pytest.mark.parametrize("name", TRANSFORMS)
def test_the_seed_alone_decides_and_global_states_stay(name):
    transform = TRANSFORMS[name]
    torch.manual_seed(3)
    np.random.seed(3)  # noqa: NPY002
    before = pickle.dumps(transform)
    states = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first = augmented(transform, IMAGES).x
    assert torch.equal(torch.get_rng_state(), states[0])
    np.testing.assert_array_equal(np.random.get_state()[1], states[1])  # noqa: NPY002
    assert pickle.dumps(transform) == before
    torch.manual_seed(4)
    assert torch.equal(augmented(transform, IMAGES).x, first)
    assert not torch.equal(augmented(transform, IMAGES, seed=1).x, first)
    assert first.shape == IMAGES.shape
    # Each image in its own way: the same image twice is not changed alike everywhere.
    same = augmented(transform, np.repeat(IMAGES[:1], 12, axis=0)).x
    assert len(same.flatten(1).unique(dim=0)) > 1


@pytest.mark.parametrize("shape", [(9,), (9, 7), (9, 7, 5)], ids=["1-D", "2-D", "3-D"])
def test_axes_count_as_in_an_image(shape):
    x = rng.random((3, 2, *shape), dtype=np.float32)
    for axis in range(len(shape)):
        flip = tio.RandomFlip(axes=axis, flip_probability=1)
        expected = np.flip(x, axis=2 + axis)
        np.testing.assert_array_equal(augmented(flip, x).x, expected)


@pytest.mark.parametrize("n_axes", [2, 3])
@pytest.mark.parametrize("channel", [False, True])
@pytest.mark.parametrize("name", ["flip", "affine", "elastic"])
def test_masks_move_with_their_images(name, channel, n_axes):
    grid = np.stack(np.meshgrid(*[np.arange(24)] * n_axes, indexing="ij"))
    centres = rng.uniform(8, 15, size=(8, n_axes, *[1] * n_axes))
    ball = np.sqrt(((grid - centres) ** 2).sum(axis=1)) < 6
    x = ball[:, None].astype(np.float32)
    mask = torch.from_numpy(np.where(ball, 3, 0).astype(np.uint8))
    mask = mask[:, None] if channel else mask
    batch = augmented(TRANSFORMS[name], x, mask=mask)
    assert batch.mask.shape == mask.shape
    assert batch.mask.dtype == mask.dtype
    assert set(batch.mask.unique().tolist()) == {0, 3}
    kept, seen = batch.mask.reshape(x.shape) > 0, batch.x > 0.5
    overlap = (kept & seen).flatten(1).sum(1) / (kept | seen).flatten(1).sum(1)
    assert overlap.min() > 0.9
    assert not np.array_equal(batch.x, x)


def test_labels_between_those_of_the_mask_are_refused():
    blurred = tio.RandomAffine(degrees=(20, 30), label_interpolation="linear")
    mask = torch.from_numpy((IMAGES[:, 0] > 0.5).astype(np.float32))
    with pytest.raises(ValueError, match=r"between those of the mask.*'nearest'"):
        augmented(blurred, IMAGES, mask=mask)


def test_an_unlabelled_pixel_stays_so():
    mask = torch.from_numpy(rng.integers(-1, 3, size=(12, 16, 12)))
    batch = augmented(tio.RandomFlip(axes=0, flip_probability=1), IMAGES, mask=mask)
    assert torch.equal(batch.mask, mask.flip(1))


def test_an_autoencoder_and_a_segmenter_train_with_it():
    transform = TRANSFORMS["composed"]
    first = small(augment=transform).fit_transform(IMAGES)
    torch.manual_seed(9)
    np.testing.assert_array_equal(small(augment=transform).fit_transform(IMAGES), first)
    assert not np.allclose(small().fit_transform(IMAGES), first)
    y = (IMAGES[:, 0] > 0.5).astype(int)
    unet = UNetSegmenter(depth=2, width=4, max_iter=1, augment=TRANSFORMS["affine"])
    assert unet.fit(IMAGES, y).predict(IMAGES).shape == y.shape


@pytest.mark.parametrize(
    "transform", [tio.RescaleIntensity(), tio.Compose([tio.Flip(0), tio.ZNormalization()])]
)
def test_a_transform_that_is_not_random_is_refused(transform):
    with pytest.raises(ValueError, match="a transform of TorchIO that changes every image"):
        small(augment=transform).fit(IMAGES)
