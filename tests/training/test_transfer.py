import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch
from torch import nn

from skvae import (
    Autoencoder,
    AutoencoderClassifier,
    DenoisingAutoencoder,
    UNetSegmenter,
    VAEFeatureExtractor,
)
from skvae.datasets import make_xrays
from skvae.networks import densenet121
from skvae.networks.vgg import BLOCKS, block_names, vgg16
from skvae.training.transfer import read_state, transfer_weights

NAMES = block_names()


class BlockEncoder(nn.Module):
    """VGG-16's convolutions under their blocks' names, and a decoder of five."""

    def __init__(self, in_channels=3):
        super().__init__()
        width = in_channels
        for block, (n_convolutions, channels) in enumerate(BLOCKS, start=1):
            for i in range(1, n_convolutions + 1):
                name = f"block{block}_conv{i}"
                setattr(self, name, nn.Conv2d(width, channels, 3, padding=1))
                width = channels
        self.decoder = nn.ModuleList(nn.Conv2d(8, 8, 1) for _ in BLOCKS)

    def forward(self, x):
        for block, (n_convolutions, _) in enumerate(BLOCKS, start=1):
            for i in range(1, n_convolutions + 1):
                x = getattr(self, f"block{block}_conv{i}")(x).relu()
            if block < len(BLOCKS):
                x = nn.functional.max_pool2d(x, 2)
        return x


@pytest.fixture(scope="module")
def vgg():
    """VGG-16 with random convolutions; its dense layers take no memory."""
    with torch.device("meta"):
        network = vgg16(n_classes=10)
    network.features.to_empty(device="cpu")
    generator = torch.Generator().manual_seed(0)
    for parameter in network.features.parameters():
        deviation = (2 / parameter[0].numel()) ** 0.5 if parameter.ndim > 1 else 0.1
        nn.init.normal_(parameter, 0, deviation, generator=generator)
    return network.eval()


@pytest.fixture(scope="module")
def densenet():
    return densenet121(n_classes=2)


def state(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def equal(first, second):
    return first.keys() == second.keys() and all(
        torch.equal(first[name], second[name]) for name in first
    )


@pytest.mark.parametrize(
    "mapping", ["auto", {f"features.{i}": n for i, n in NAMES.items()}]
)
def test_vgg_into_blocks(vgg, mapping):
    encoder = BlockEncoder()
    report = transfer_weights(encoder, vgg, mapping)
    assert report.counts == {"copied": 26, "skipped: no counterpart": 6, "unfilled": 10}
    assert len(report.rows) == 42
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.equal(encoder(x), vgg.features[:30](x))


def test_kernels_of_red_green_and_blue_are_summed_for_grey_images(vgg):
    encoder = BlockEncoder(in_channels=1)
    report = transfer_weights(encoder, vgg)
    assert report.counts["copied"] == 25
    (row,) = [row for row in report.rows if row.status == "adapted: rgb summed"]
    assert row[:4] == (
        "features.0.weight",
        (64, 3, 3, 3),
        "block1_conv1.weight",
        (64, 1, 3, 3),
    )
    x = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = vgg.features[:30](x.expand(-1, 3, -1, -1))
        error = (encoder(x) - expected).abs().max() / expected.abs().max()
    assert error < 1e-5


def test_blocks_back_into_vgg(vgg):
    encoder = BlockEncoder()
    transfer_weights(encoder, vgg)
    with torch.device("meta"):
        other = vgg16(n_classes=10)
    other.features.to_empty(device="cpu")
    report = transfer_weights(other.features, encoder)
    assert report.counts == {"copied": 26, "skipped: no counterpart": 10}
    assert equal(state(other.features), state(vgg.features))


def test_vgg_with_batch_norm_is_matched_by_its_own_indices():
    with torch.device("meta"):
        source = vgg16(n_classes=10, batch_norm=True)
    tensors = {k: torch.zeros(v.shape) for k, v in source.features.state_dict().items()}
    report = transfer_weights(
        BlockEncoder(), {f"features.{k}": v for k, v in tensors.items()}
    )
    pairs = {row.source: row.target for row in report.rows if row.status == "copied"}
    assert pairs["features.14.bias"] == "block3_conv1.bias"
    assert pairs["features.40.weight"] == "block5_conv3.weight"
    assert len(pairs) == 26


def test_another_spelling_raises_by_name_and_fits_automatically(densenet):
    """As features-only models have it: not one of 725 keys is the same."""
    spelled = {
        name.removeprefix("features."): value
        for name, value in densenet.state_dict().items()
        if name.startswith("features.")
    }
    assert len(spelled) == 725
    target = densenet121(n_classes=2)
    before = state(target)
    with pytest.raises(ValueError, match="None of the 725 tensors") as caught:
        transfer_weights(target, spelled, mapping={})
    nearest = re.findall(r"'(\S+)' \(.*?\) -> '(\S+)'", str(caught.value))
    assert len(nearest) == 5
    assert all(theirs == f"features.{ours}" for ours, theirs in nearest)
    assert equal(state(target), before)
    report = transfer_weights(target, spelled, mapping={}, strict="none")
    assert report.counts == {"skipped: no counterpart": 725, "unfilled": 727}
    assert equal(state(target), before)
    report = transfer_weights(target, spelled)
    assert report.counts == {"copied": 725, "unfilled": 2}
    assert equal(state(target.features), state(densenet.features))


def test_an_old_checkpoint_of_densenet(densenet):
    old = {}
    for name, value in densenet.state_dict().items():
        if "denselayer" in name:
            if name.endswith("num_batches_tracked"):
                continue
            for part in ("norm", "conv"):
                name = name.replace(f".{part}1.", f".{part}.1.")
                name = name.replace(f".{part}2.", f".{part}.2.")
        old[name] = value
    target = densenet121(n_classes=2)
    assert transfer_weights(target, old, mapping={}).counts["copied"] == 31
    report = transfer_weights(densenet121(n_classes=2), old)
    assert report.counts == {"copied": 611, "unfilled": 116}
    unfilled = [row.target for row in report.rows if row.status == "unfilled"]
    assert all(name.endswith("num_batches_tracked") for name in unfilled)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "backbone.", "a.b."])
def test_prefixes_are_no_obstacle(densenet, prefix):
    prefixed = {prefix + name: value for name, value in densenet.state_dict().items()}
    target = densenet121(n_classes=2)
    assert transfer_weights(target, prefixed, strict="all").counts == {"copied": 727}
    assert equal(state(target), state(densenet))


def linear(*sizes):
    layers = [nn.Linear(a, b) for a, b in pairwise(sizes)]
    return nn.Sequential(*layers)


def test_other_shapes_are_skipped_and_named():
    report = transfer_weights(linear(4, 3, 2), linear(4, 3, 5))
    assert [row.status for row in report.rows] == [
        *("copied", "copied", "skipped: shape", "skipped: shape"),
        *("unfilled", "unfilled"),
    ]
    assert report.rows[2][1:4] == ((5, 3), "1.weight", (2, 3))


def test_all_or_nothing():
    target = linear(4, 3, 2)
    before = state(target)
    with pytest.raises(ValueError, match=r"strict='all', but 4 of 6 .* 1.weight"):
        transfer_weights(target, linear(4, 3, 5), strict="all")
    assert equal(state(target), before)
    with pytest.raises(ValueError, match="Got strict='most'"):
        transfer_weights(target, linear(4, 3, 5), strict="most")


def test_a_name_that_two_could_have_is_not_guessed():
    source = {"0.weight": torch.zeros(3, 4)}
    target = nn.ModuleDict({"a": linear(4, 3), "b": linear(4, 3)})
    report = transfer_weights(target, source, strict="none")
    assert report.rows[0].status == "skipped: no counterpart"
    assert report.counts["unfilled"] == 4


def test_a_mapping_may_be_a_function_and_must_be_unambiguous():
    target = linear(4, 3)
    source = {"w": torch.ones(3, 4), "b": torch.ones(3)}
    report = transfer_weights(target, source, {"w": "0.weight"}.get)
    assert report.counts == {"copied": 1, "skipped: no counterpart": 1, "unfilled": 1}
    assert torch.equal(target[0].weight, torch.ones(3, 4))
    with pytest.raises(ValueError, match=r"w and b to 0\.weight"):
        transfer_weights(target, source, lambda name: "0.weight")
    with pytest.raises(ValueError, match="Got mapping='vgg'"):
        transfer_weights(target, source, "vgg")


@pytest.mark.parametrize("kind", ["safetensors", "pt", "checkpoint"])
def test_files(tmp_path, kind):
    source = linear(4, 3)
    path = tmp_path / ("w.safetensors" if kind == "safetensors" else "w.pt")
    if kind == "safetensors":
        safetensors.torch.save_file(source.state_dict(), path)
    else:
        weights = source.state_dict()
        torch.save({"state_dict": weights} if kind == "checkpoint" else weights, path)
    target = linear(4, 3)
    assert transfer_weights(target, path, strict="all").counts == {"copied": 2}
    assert equal(state(target), state(source))


def test_a_file_that_runs_code_is_refused(tmp_path):
    torch.save({"model": linear(4, 3)}, tmp_path / "w.pt")
    with pytest.raises(Exception, match=r"[Ww]eights"):
        transfer_weights(linear(4, 3), tmp_path / "w.pt")


def test_a_fitted_autoencoder_fills_an_encoder():
    X = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)
    autoencoder = Autoencoder(
        2, hidden_layer_sizes=(4,), max_iter=1, random_state=0, n_threads=1, device="cpu"
    ).fit(X)
    hidden = nn.ModuleList([nn.Sequential(nn.Linear(6, 4), nn.ReLU())])
    target = nn.ModuleDict({"hidden": hidden, "head": nn.Linear(4, 1)})
    report = transfer_weights(target, autoencoder)
    assert report.counts["copied"] == 2
    np.testing.assert_array_equal(
        target["hidden"][0][0].weight.detach(),
        autoencoder.network_.state["hidden.0.0.weight"],
    )
    with pytest.raises(ValueError, match="Got source of type Autoencoder"):
        transfer_weights(target, Autoencoder(2))


def test_a_file_of_more_than_weights_is_told_what_it_holds(tmp_path):
    source = linear(4, 3)
    torch.save({"model": source.state_dict(), "epoch": 3}, tmp_path / "model.pt")
    with pytest.raises(
        ValueError, match="type dict with 'model', 'epoch', no tensors, but"
    ):
        transfer_weights(source, tmp_path / "model.pt")


def test_the_target_keeps_its_dtype_and_its_gradients():
    target = linear(4, 3).double()
    source = linear(4, 3)
    transfer_weights(target, source)
    assert target[0].weight.dtype == torch.float64
    assert target[0].weight.requires_grad
    assert torch.equal(target[0].weight.float(), source[0].weight)


def test_the_report_is_a_table():
    report = transfer_weights(linear(4, 3, 2), linear(4, 3))
    frame = pd.DataFrame(report.rows)
    assert list(frame.columns)[-1] == "status"
    assert len(frame) == 4
    text = str(report)
    assert text.splitlines()[-1] == "2 copied, 2 unfilled"
    assert "(3, 4)" in text


def test_the_nearest_names_are_found_wherever_they_stand():
    source = {f"zzz{i}.weight": torch.zeros(7, 7) for i in range(10)}
    source["layer_10.weigth"] = torch.zeros(3, 4)
    target = nn.ModuleDict({f"layer_{i}": nn.Linear(4, 3) for i in (1, 10)})
    with pytest.raises(ValueError, match="Say with mapping=") as caught:
        transfer_weights(target, source)
    first = "the nearest names are 'layer_10.weigth' (3, 4) -> 'layer_10.weight' (3, 4), "
    assert first in str(caught.value)


def test_equal_names_of_other_shapes_are_said_to_be_that():
    with pytest.raises(ValueError, match="of another shape") as caught:
        transfer_weights(linear(5, 3), {"0.weight": torch.zeros(3, 4)})
    assert "'0.weight' (3, 4) -> '0.weight' (3, 5)" in str(caught.value)
    assert "mapping=" not in str(caught.value)


def test_only_a_first_layer_is_summed_over_red_green_and_blue():
    class Stem(nn.Module):
        def __init__(self, in_channels, groups=1, inner=3):
            super().__init__()
            self.stem = nn.Conv2d(in_channels, 3, 3, groups=groups)
            self.deep = nn.Conv2d(inner, 3, 3)

    def statuses(target):
        rows = transfer_weights(target, Stem(3)).rows
        return [row.status for row in rows if row.source.endswith("weight")]

    assert statuses(Stem(1)) == ["adapted: rgb summed", "copied"]
    # The second takes one map, the first all three channels, but each on its own.
    assert statuses(Stem(3, inner=1)) == ["copied", "skipped: shape"]
    assert statuses(Stem(3, groups=3)) == ["skipped: shape", "copied"]


def test_a_key_of_the_mapping_that_names_nothing_is_refused():
    source, target = linear(4, 3, 2), nn.ModuleDict({"a": linear(4, 3)})
    with pytest.raises(ValueError, match=r"'00', .* no module or tensor.* is '0'"):
        transfer_weights(target, source, {"0": "a.0", "00": "a.1"})
    # Part of a tensor's name names nothing either.
    with pytest.raises(ValueError, match=r"'0\.w'"):
        transfer_weights(target, source, {"0.w": "a.0.w"}, strict="none")
    assert transfer_weights(target, source, {"0": "a.0"}).counts["copied"] == 2


@pytest.mark.parametrize("strict", ["any", "none"])
def test_what_holds_no_values_is_neither_filled_nor_copied(strict):
    real = linear(4, 3, 2)
    before = state(real)
    with torch.device("meta"):
        weightless = linear(4, 3, 2)
    with pytest.raises(ValueError, match=r"target.*0\.weight.*'meta'.*to_empty"):
        transfer_weights(weightless, real, strict=strict)
    weightless[0].to_empty(device="cpu").load_state_dict(linear(4, 3)[0].state_dict())
    with pytest.raises(ValueError, match=r"source.*1\.weight.*'meta'"):
        transfer_weights(real, weightless, strict=strict)
    assert equal(state(real), before)


@pytest.mark.filterwarnings("ignore::skvae.exceptions.PosteriorCollapseWarning")
@pytest.mark.parametrize(
    "kind", [Autoencoder, VAEFeatureExtractor, DenoisingAutoencoder, AutoencoderClassifier]
)
def test_an_autoencoder_of_images_fills_a_unet(kind):
    images, masks = make_xrays(8, size=32, random_state=0, return_X_y=True)
    quiet = {"n_threads": 1, "random_state": 0, "device": "cpu"}
    shape = {"channels": (4, 8, 16), "normalization": "batch", "max_iter": 1}
    if kind is AutoencoderClassifier:
        inner = DenoisingAutoencoder(2, **shape)
        source = kind(autoencoder=inner, head_max_iter=1, finetune_max_iter=1, **quiet)
    else:
        source = kind(2, **shape, **quiet)
    source.fit(images, np.arange(8) % 2)
    unet = UNetSegmenter(depth=2, width=4, n_convolutions=1, max_iter=1, **quiet)
    target = unet.fit(images, masks).network_.module
    report = transfer_weights(target, source)
    assert report.counts["copied"] == 3 * 7
    pairs = {row.source: row.target for row in report.rows if row.status == "copied"}
    weights = read_state(source)
    for name, other in pairs.items():
        assert torch.equal(target.state_dict()[other], weights[name])
        level = int(re.search(r"down\.(\d)\.", name)[1]) + 1
        part = "conv" if "convolution" in name else "norm"
        assert other.startswith(f"encoder.block{level}_{part}1.")
