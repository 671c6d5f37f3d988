import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skvae.objectives.batch import Batch
from skvae.objectives.overlap import IGNORED
from skvae.training.patches import MaskPatches, RandomPatches, drawn_pixels, finest_float


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@given(
    spatial=st.lists(st.integers(1, 9), min_size=1, max_size=3),
    size=st.integers(1, 10),
    n_patches=st.integers(1, 3),
)
def test_a_patch_is_a_window_of_its_own_image(spatial, size, n_patches):
    # Entries count up, so that the first one of a patch says where it must lie.
    x = torch.arange(2 * 2 * torch.tensor(spatial).prod()).float().reshape(2, 2, *spatial)
    patches = RandomPatches(size, n_patches)(Batch(x), seeded()).x
    shape = [min(size, n) for n in spatial]
    assert patches.shape == (2 * n_patches, 2, *shape)
    for i, patch in enumerate(patches):
        image, channel, *first = (int(k[0]) for k in torch.where(x == patch.flatten()[0]))
        window = tuple(slice(a, a + n) for a, n in zip(first, shape, strict=True))
        assert (image, channel) == (i // n_patches, 0)
        assert patch.equal(x[(image, slice(None), *window)])


def test_every_place_is_drawn_equally_often_and_as_the_generator_says():
    x = torch.arange(5.0).reshape(1, 1, 5)
    draw = RandomPatches(3, 3000)
    first = draw(Batch(x), seeded()).x[:, 0, 0]
    counts = torch.bincount(first.long())
    assert len(counts) == 3
    assert (counts - 1000).abs().max() < 4 * 1000**0.5
    assert draw(Batch(x), seeded()).x[:, 0, 0].equal(first)
    assert not draw(Batch(x), seeded(1)).x[:, 0, 0].equal(first)


def test_patches_have_the_weight_of_their_image_and_the_batch_is_not_changed():
    x, weight = torch.randn(2, 1, 6, 6), torch.tensor([1.0, 3.0])
    before = x.clone()
    batch = RandomPatches(2, 2, augment=doubled)(Batch(x, sample_weight=weight), seeded())
    assert batch.sample_weight.tolist() == [1, 1, 3, 3]
    plain = RandomPatches(2, 2)(Batch(x), seeded())
    torch.testing.assert_close(batch.x, 2 * plain.x)
    assert x.equal(before)


def doubled(batch, generator):
    return batch._replace(x=2 * batch.x)


@pytest.mark.parametrize("n_images", [1, 3])
def test_patches_hold_their_own_memory_alone(n_images):
    x = torch.randn(n_images, 1, 64, 64)
    patches = RandomPatches(4, 2)(Batch(x), seeded()).x
    assert patches.untyped_storage().nbytes() == n_images * 2 * 16 * 4


def masked(n=3, spatial=(20, 30)):
    x = torch.arange(float(n * 20 * 30)).reshape(n, 1, *spatial)
    mask = torch.zeros(n, *spatial, dtype=torch.uint8)
    mask[0, 3:5, 4:6] = 1
    mask[1, 15:18, 25:29] = 2
    return Batch(x, mask=mask, sample_weight=torch.arange(1.0, n + 1))


def test_masks_are_cut_where_images_are():
    batch = masked()
    batch = batch._replace(mask=(batch.x[:, 0] % 251).byte())
    patches = MaskPatches(8, 5, 0.5)(batch, seeded())
    assert patches.x.shape == (15, 1, 8, 8)
    assert (patches.x[:, 0] % 251).byte().equal(patches.mask)
    assert patches.sample_weight.tolist() == [w for w in (1.0, 2.0, 3.0) for _ in range(5)]
    several = batch._replace(mask=batch.mask.unsqueeze(1).repeat(1, 2, 1, 1))
    cut = MaskPatches(8, 5, 0.5, multilabel=True)(several, seeded())
    assert cut.mask.shape == (15, 2, 8, 8)


@pytest.mark.parametrize(("fraction", "share"), [(1.0, 1.0), (0.5, 0.55), (0.0, 0.1)])
def test_a_share_of_the_patches_lies_around_the_foreground(fraction, share):
    patches = MaskPatches(9, 600, fraction)(masked(), seeded())
    inside = patches.mask.flatten(1).any(dim=1).view(3, 600)
    assert abs(inside[:2].float().mean() - share) < 0.08
    assert not inside[2].any()


def test_patches_lie_around_pixels_that_count():
    batch = masked()
    batch.mask[2] = IGNORED
    batch.mask[2, :, :3] = 0
    patches = MaskPatches(5, 200, 0.0)(batch, seeded())
    assert (patches.mask[400:] == 0).flatten(1).any(dim=1).all()
    nothing = batch._replace(mask=torch.full_like(batch.mask, IGNORED))
    assert MaskPatches(5, 2, 0.5)(nothing, seeded()).x.shape == (6, 1, 5, 5)


def test_every_pixel_of_the_foreground_is_drawn_equally_often():
    batch = masked()
    patches = MaskPatches(1, 4000, 1.0)(
        batch._replace(x=batch.x[:1], mask=batch.mask[:1]), seeded()
    )
    _, counts = patches.x.flatten().unique(return_counts=True)
    assert len(counts) == 4
    assert (counts - 1000).abs().max() < 4 * 1000**0.5


@given(
    spatial=st.lists(st.integers(1, 6), min_size=1, max_size=3),
    share=st.sampled_from([0.0, 0.2, 1.0]),
    seed=st.integers(0, 9),
)
def test_a_draw_names_the_pixel_of_its_rank(spatial, share, seed):
    chosen = torch.rand(3, *spatial, generator=seeded(seed)) < share
    drawn = torch.rand(3, 5, generator=seeded(seed + 1), dtype=torch.float64)
    drawn[:, 0], drawn[:, 1] = 0, 1 - 2**-53
    pixel, n_chosen = drawn_pixels(chosen, drawn)
    for i, mask in enumerate(chosen.flatten(1)):
        places = mask.nonzero().flatten()
        assert n_chosen[i] == len(places)
        rank = (drawn[i] * len(places)).long().clamp(max=max(len(places) - 1, 0))
        expected = places[rank] if len(places) else torch.zeros(5, dtype=torch.int64)
        assert pixel[i].equal(expected)


def test_drawing_places_takes_little_more_memory_than_the_masks(monkeypatch):
    monkeypatch.setattr("skvae.training.patches.COUNTED_AT_ONCE", 10_000)
    mask = torch.zeros(4, 1, 300, 400, dtype=torch.uint8)
    mask[:, :, 100:, 100:] = 1
    patches = MaskPatches(16, 2, 0.5)
    with torch.profiler.profile(profile_memory=True) as profile:
        patches._places(mask, seeded())
    allocated = [max(0, event.cpu_memory_usage) for event in profile.events()]
    assert max(allocated) <= 2 * mask.nbytes


def test_doubles_are_drawn_wherever_there_are_any():
    assert finest_float(torch.device("cpu")) == torch.float64
    assert finest_float(torch.device("cuda")) == torch.float64
    assert finest_float(torch.device("mps")) == torch.float32
