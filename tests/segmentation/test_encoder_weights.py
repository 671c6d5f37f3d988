"""Segmenters whose encoder comes from another network."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skvae import Autoencoder, UNetSegmenter, VAEFeatureExtractor
from skvae.datasets import make_xrays
from skvae.networks.vgg import vgg16

SMALL = {
    "depth": 2,
    "width": 4,
    "n_convolutions": 1,
    "max_iter": 3,
    "batch_size": 4,
    "random_state": 0,
    "n_threads": 1,
    "device": "cpu",
}
X, Y = make_xrays(12, size=32, random_state=0, return_X_y=True)


def autoencoder(kind=Autoencoder, **parameters):
    shared = {"n_components": 4, "max_iter": 2, "normalization": "batch", "n_threads": 1}
    channels = {"channels": (4, 8, 16), "downsampling": "max", "hidden_layer_sizes": ()}
    return kind(**shared | channels | parameters, random_state=1, device="cpu").fit(X)


@pytest.fixture(scope="module")
def pretrained():
    return autoencoder()


def vgg_state():
    """Weights of VGG-16: convolutions, and dense layers that take no memory."""
    with torch.device("meta"):
        shapes = {name: value.shape for name, value in vgg16().state_dict().items()}
    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.randn(shape, generator=generator) * (2 / shape[1:].numel()) ** 0.5
        if name.startswith("features") and len(shape) > 1
        else torch.zeros(1).expand(shape)
        for name, shape in shapes.items()
    }


def encoder_state(segmenter):
    state = segmenter.network_.state
    return {name: value for name, value in state.items() if name.startswith("encoder")}


def test_an_autoencoder_gives_its_encoder_with_normalisation(pretrained):
    segmenter = UNetSegmenter(**SMALL, encoder_weights=pretrained, freeze="encoder")
    segmenter.fit(X, Y)
    counts = segmenter.transfer_report_.counts
    assert counts["copied"] == 3 * 7
    filled = [
        row.target for row in segmenter.transfer_report_.rows if row.status == "copied"
    ]
    assert set(filled) == set(encoder_state(segmenter))
    assert counts["unfilled"] == len(segmenter.network_.state) - len(filled)
    # The last maximum is where the autoencoder goes on; before it, the maps are equal.
    deep = segmenter.set_params(layer="bottleneck", pool="max").transform(X)
    pool = torch.nn.MaxPool2d(2, ceil_mode=True)
    module = segmenter.network_.module
    with torch.inference_mode():
        maps = pool(module.read(torch.from_numpy(X), ["bottleneck"])["bottleneck"])
        theirs = pretrained.network_.module.read(torch.from_numpy(X), ["conv_3"])["conv_3"]
    torch.testing.assert_close(maps, theirs)
    assert deep.shape == (12, 16)


@pytest.mark.parametrize("n_stages", [1, 2, "encoder", None])
def test_what_is_frozen_keeps_every_bit_and_the_rest_learns(pretrained, n_stages):
    segmenter = UNetSegmenter(**SMALL, encoder_weights=pretrained, freeze=n_stages)
    segmenter.fit(X, Y)
    source = pretrained.network_.state
    n_frozen = {"encoder": 3, None: 0}.get(n_stages, n_stages)
    for level in (1, 2, 3):
        for ours, theirs in (
            ("conv1.weight", "0.convolution.weight"),
            ("norm1.weight", "1.weight"),
            ("norm1.running_mean", "1.running_mean"),
            ("norm1.num_batches_tracked", "1.num_batches_tracked"),
        ):
            a = segmenter.network_.state[f"encoder.block{level}_{ours}"]
            same = np.array_equal(a, source[f"down.{level - 1}.{theirs}"])
            assert same is (level <= n_frozen), (level, ours)


@pytest.mark.filterwarnings("ignore::skvae.exceptions.PosteriorCollapseWarning")
def test_a_vae_or_another_segmenter_will_do_as_well():
    vae = autoencoder(VAEFeatureExtractor)
    segmenter = UNetSegmenter(**SMALL, encoder_weights=FrozenEstimator(vae)).fit(X, Y)
    assert segmenter.transfer_report_.counts["copied"] == 3 * 7
    again = UNetSegmenter(**SMALL | {"max_iter": 1}, encoder_weights=segmenter).fit(X, Y)
    assert set(again.transfer_report_.counts) == {"copied"}
    assert UNetSegmenter(**SMALL).fit(X, Y).transfer_report_ is None


def test_a_frozen_estimator_survives_cloning_and_a_bare_one_is_refused(pretrained):
    segmenter = UNetSegmenter(**SMALL, encoder_weights=FrozenEstimator(pretrained))
    assert np.isfinite(cross_val_score(segmenter, X, Y, cv=2)).all()
    bare = clone(segmenter.set_params(encoder_weights=pretrained))
    with pytest.raises(ValueError, match=r"which is not fitted .* FrozenEstimator"):
        bare.fit(X, Y)


@pytest.mark.parametrize("frozen", [False, True])
def test_a_fitted_estimator_without_a_network_is_not_called_unfitted(pretrained, frozen):
    pipeline = make_pipeline(FunctionTransformer(), pretrained)
    weights = FrozenEstimator(pipeline) if frozen else pipeline
    with pytest.raises(ValueError, match="fitted, but has no network of its own; expected"):
        UNetSegmenter(**SMALL, encoder_weights=weights).fit(X, Y)
    bare = make_pipeline(FunctionTransformer(), clone(pretrained))
    with pytest.raises(ValueError, match="which is not fitted"):
        UNetSegmenter(**SMALL, encoder_weights=bare).fit(X, Y)
    UNetSegmenter(**SMALL, encoder_weights=pipeline[-1]).fit(X, Y)


def test_freezing_needs_weights_and_stages(pretrained):
    with pytest.raises(ValueError, match="freeze='encoder' with encoder_weights=None"):
        UNetSegmenter(**SMALL, freeze="encoder").fit(X, Y)
    with pytest.raises(
        ValueError, match="the encoder has 3 stages: down_1, down_2, bottleneck"
    ):
        UNetSegmenter(**SMALL, freeze=4, encoder_weights=pretrained).fit(X, Y)


def test_weights_without_a_counterpart_are_an_error():
    rows = Autoencoder(2, max_iter=1, random_state=0).fit(X.reshape(12, -1))
    with pytest.raises(ValueError, match=r"None of the .* tensors of the source fits"):
        UNetSegmenter(**SMALL, encoder_weights=rows).fit(X, Y)


@pytest.mark.parametrize("n_channels", [3, 1])
def test_vgg16_by_name_with_a_report_and_its_features(n_channels):
    state = vgg_state()
    images = np.repeat(X[:2], n_channels, axis=1)
    segmenter = UNetSegmenter(
        **SMALL
        | {"width": 64, "depth": 4, "n_convolutions": (2, 2, 3, 3, 3), "max_iter": 1},
        normalization=None,
        encoder_weights=state,
        freeze="encoder",
        pool=None,
    ).fit(images, Y[:2])
    counts = segmenter.transfer_report_.counts
    adapted = counts.pop("adapted: rgb summed", 0)
    assert (counts["copied"], adapted) == ((26, 0) if n_channels == 3 else (25, 1))
    assert counts["skipped: no counterpart"] == 6
    unfilled = [r.target for r in segmenter.transfer_report_.rows if r.status == "unfilled"]
    assert unfilled
    assert all(name.startswith(("up.", "decoder.", "to_mask.")) for name in unfilled)

    with torch.device("meta"):
        features = vgg16().features
    weights = {k.removeprefix("features."): v for k, v in state.items() if "features" in k}
    features.load_state_dict(weights, assign=True)
    with torch.inference_mode():
        expected = features[:30](torch.from_numpy(np.repeat(X[:2], 3, axis=1)))
    found = segmenter.transform(images).reshape(expected.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert expected.std() > 0.01
