import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from skvae.networks.builder import Builder
from skvae.networks.level_factors import level_factors
from skvae.networks.staged import stage_shapes
from skvae.networks.unet import UNet, coarse_steps, unpooled

POOLS = {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d}
UNPOOL = {1: nn.MaxUnpool1d, 2: nn.MaxUnpool2d, 3: nn.MaxUnpool3d}


def unet(shape, n_outputs=3, **parameters):
    parameters = {"depth": 3, "width": 4, "n_convolutions": (1, 1, 1, 1)} | parameters
    return Builder(
        UNet, in_channels=shape[0], n_axes=len(shape) - 1, n_outputs=n_outputs, **parameters
    )


@pytest.mark.parametrize("shape", [(1, 65, 71), (2, 17, 20, 23), (3, 37), (1, 1, 5)])
@pytest.mark.parametrize("skip", ["concat", "add", None])
@pytest.mark.parametrize("up", ["transpose", "resize", "unpool"])
def test_masks_have_the_size_of_the_image_whatever_it_is(shape, skip, up):
    shapes = stage_shapes(unet(shape, skip=skip, up=up), shape)
    assert shapes["mask"] == shapes["mask_logits"] == (3, *shape[1:])
    for level in (1, 2, 3):
        assert shapes[f"up_{level}"][1:] == shapes[f"down_{level}"][1:]
    assert shapes["bottleneck"][1:] == tuple(-(-n // 8) for n in shape[1:])


@pytest.mark.parametrize("shape", [(1, 65, 71), (2, 17, 20, 23), (3, 37), (1, 1, 5)])
@pytest.mark.parametrize("up", ["transpose", "resize", "unpool"])
def test_a_first_stride_halves_all_maps_but_the_mask(shape, up):
    half = (4, *(-(-n // 2) for n in shape[1:]))
    strided = stage_shapes(unet(shape, up=up, first_stride=2), shape)
    inner = stage_shapes(unet(half, up=up), half)
    assert strided["mask"] == strided["mask_logits"] == (3, *shape[1:])
    for stage in set(inner) - {"mask", "mask_logits"}:
        assert strided[stage] == inner[stage], stage


@pytest.mark.parametrize("shape", [(1, 65, 71), (2, 17, 20, 23), (3, 37), (1, 1, 5)])
@pytest.mark.parametrize("first_stride", [1, 2])
@pytest.mark.parametrize("up", ["transpose", "unpool"])
def test_coarser_logits_are_as_large_as_a_mask_of_every_so_many_pixels(
    shape, first_stride, up
):
    network = unet(shape, up=up, first_stride=first_stride, deep_supervision=True)
    shapes = stage_shapes(network, shape)
    steps = coarse_steps(3, first_stride)
    assert steps == ((2 * first_stride,), (4 * first_stride,))
    mask = torch.zeros(shape[1:])
    for level, (step,) in enumerate(steps, start=2):
        expected = mask[(slice(None, None, step),) * mask.ndim].shape
        assert shapes[f"mask_logits_{level}"] == (3, *expected)
    # Beside them, the network is the same.
    without = stage_shapes(unet(shape, up=up, first_stride=first_stride), shape)
    assert {name: shapes[name] for name in without} == without
    assert len(shapes) == len(without) + 2


# Each by hand: an axis waits while its spacing is at least twice the smallest.
@pytest.mark.parametrize(
    ("spacing", "factors"),
    [
        ((5.0, 1.0, 1.0), [(1, 2, 2), (1, 2, 2), (2, 2, 2), (2, 2, 2)]),
        ((2.0, 1.0, 1.0), [(1, 2, 2), (2, 2, 2), (2, 2, 2), (2, 2, 2)]),
        ((1.9, 1.0, 1.0), [(2, 2, 2)] * 4),
        ((1.0, 3.0), [(2, 1), (2, 2), (2, 2), (2, 2)]),
        ((0.5, 8.0, 2.0), [(2, 1, 1), (2, 1, 1), (2, 1, 2), (2, 1, 2)]),
        ((0.5, 6.0), [(2, 1), (2, 1), (2, 1), (2, 2)]),
        ((7.0,), [(2,)] * 4),
    ],
)
def test_levels_halve_the_axes_whose_pixels_lie_closest(spacing, factors):
    assert list(level_factors(spacing, 4)) == factors


@pytest.mark.parametrize("first_stride", [1, 2])
@pytest.mark.parametrize("up", ["transpose", "resize", "unpool"])
def test_maps_shrink_by_spacing_and_masks_stay_as_large_as_the_image(up, first_stride):
    shape, spacing = (1, 5, 23, 40), (5.0, 1.0, 1.0)
    network = unet(
        shape, up=up, spacing=spacing, first_stride=first_stride, deep_supervision=True
    )
    shapes = stage_shapes(network, shape)
    assert shapes["mask"] == (3, *shape[1:])
    all_steps = [(1, 1, 1), (1, 2, 2), (1, 4, 4), (2, 8, 8), (4, 16, 16)]
    steps = all_steps[first_stride - 1 :]
    for i, stage in enumerate(["down_1", "down_2", "down_3", "bottleneck"]):
        expected = tuple(-(-n // s) for n, s in zip(shape[1:], steps[i], strict=True))
        assert shapes[stage][1:] == expected, stage
    assert coarse_steps(3, first_stride, spacing) == tuple(steps[1:3])
    for level in (2, 3):
        assert shapes[f"mask_logits_{level}"][1:] == shapes[f"up_{level}"][1:]


def test_slices_far_apart_are_read_one_by_one_until_the_levels_have_caught_up():
    x = torch.randn(1, 1, 6, 16, 16)
    network = unet(x.shape[1:], spacing=(4.0, 1.0, 1.0), normalization=None)().eval()
    other = x.clone()
    other[:, :, 3] = 0
    one, two = network(x), network(other)
    for stage in ("down_1", "down_2"):
        differs = (one[stage] != two[stage]).any(dim=1).flatten(2).any(dim=2)[0]
        assert differs.tolist() == [each == 3 for each in range(6)]
    assert (one["down_3"] != two["down_3"]).any(dim=1).flatten(2).any(dim=2)[0, 2:5].all()
    # Of equal distances, it is the network that has always been.
    torch.manual_seed(0)
    plain = unet(x.shape[1:])()
    torch.manual_seed(0)
    equal = unet(x.shape[1:], spacing=(3.0, 3.0, 3.0))()
    assert all(map(torch.equal, plain.state_dict().values(), equal.state_dict().values()))
    assert plain(x)["mask"].equal(equal(x)["mask"])


def test_one_network_takes_images_of_all_sizes_and_probabilities_sum_to_one():
    network = unet((1, 8, 8))().eval()
    for size in ((8, 8), (13, 6)):
        mask = network(torch.randn(2, 1, *size))["mask"]
        torch.testing.assert_close(mask.sum(dim=1), torch.ones(2, *size))
    each = unet((1, 8, 8), multilabel=True)()(torch.randn(2, 1, 8, 8))
    torch.testing.assert_close(each["mask"], each["mask_logits"].sigmoid())


@given(spatial=st.lists(st.integers(1, 9), min_size=1, max_size=3), data=st.data())
def test_unpooling_is_that_of_torch_at_any_size(spatial, data):
    seed = data.draw(st.integers(0, 99))
    x = torch.randn(2, 3, *spatial, generator=torch.Generator().manual_seed(seed))
    pooled, places = POOLS[len(spatial)](2, ceil_mode=True, return_indices=True)(x)
    back = unpooled(pooled, places, tuple(spatial))
    expected = UNPOOL[len(spatial)](2)(pooled, places, output_size=x.shape)
    assert back.equal(expected)
    assert (back == x).sum() == pooled.numel()
    assert (back != 0).sum() == pooled.numel()


def test_the_gradient_of_unpooling_passes_through_the_maxima_alone_and_is_deterministic():
    x = torch.randn(1, 2, 5, 7, requires_grad=True)
    pooled, places = nn.MaxPool2d(2, ceil_mode=True, return_indices=True)(x)
    torch.use_deterministic_algorithms(True)
    try:
        back = unpooled(pooled, places, (5, 7))
        (gradient,) = torch.autograd.grad((back * torch.arange(35.0).view(5, 7)).sum(), x)
    finally:
        torch.use_deterministic_algorithms(False)
    weights = torch.arange(35.0).view(5, 7).expand_as(x)
    assert gradient.equal(torch.where(back != 0, weights, 0))


def test_a_segnet_mirrors_vgg16_and_learns_no_upsampling():
    builder = unet(
        (3, 32, 32),
        depth=5,
        width=64,
        n_convolutions=(2, 2, 3, 3, 3, 0),
        skip=None,
        up="unpool",
    )
    with torch.device("meta"):
        network = builder()
    assert not list(network.up.parameters())
    widths = [c.out_channels for c in network.encoder.values() if hasattr(c, "kernel_size")]
    assert widths == [64] * 2 + [128] * 2 + [256] * 3 + [512] * 6
    # The last convolution of a block has the maps that are unpooled next.
    widths = [c.out_channels for c in network.decoder.values() if hasattr(c, "kernel_size")]
    assert widths == [512] * 5 + [256] + [256] * 2 + [128] + [128, 64] + [64, 64]


def test_add_and_concat_see_the_encoder_and_none_does_not():
    x = torch.randn(1, 1, 8, 8)
    for skip, seen in (("concat", True), ("add", True), (None, False)):
        network = unet((1, 8, 8), skip=skip, normalization=None)().eval()
        torch.nn.init.zeros_(network.up["up1"].weight)
        torch.nn.init.zeros_(network.up["up1"].bias)
        trace = network(x)
        varies = trace["up_1"][..., 2:-2, 2:-2].std(dim=(2, 3)).max() > 1e-4
        assert bool(varies) is seen


def test_instance_normalisation_is_that_of_torch():
    block = unet((1, 8, 8), normalization="instance")()
    maps = torch.randn(2, 4, 8, 8) * 3 + 1
    expected = nn.InstanceNorm2d(4)(maps)
    torch.testing.assert_close(block.encoder["block1_norm1"](maps), expected)
