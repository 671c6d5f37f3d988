import numpy as np
import pytest
import torch
from contract import small
from scipy.interpolate import interpn
from torch import nn

from skvae import (
    Autoencoder,
    DenoisingAutoencoder,
    SparseAutoencoder,
    VAEFeatureExtractor,
)
from skvae.inspection import attention_map
from skvae.inspection.attention import gradcam, hirescam
from skvae.networks.builder import Builder
from skvae.networks.staged import StagedAutoencoder
from skvae.training.reading import FittedNetwork

KINDS = [Autoencoder, DenoisingAutoencoder, SparseAutoencoder, VAEFeatureExtractor]
pytestmark = pytest.mark.filterwarnings("ignore::skvae.exceptions.PosteriorCollapseWarning")


class Supervised(StagedAutoencoder):
    """A convolution that keeps the size, a linear code of it and a linear head of that."""

    codes = ("code",)

    def __init__(self, *, n_logits):
        super().__init__()
        self.convolution = nn.Conv2d(1, 3, 3, padding=1)
        self.to_code = nn.Linear(3 * 7 * 6, 2)
        self.head = nn.Linear(2, n_logits)
        self.to_image = nn.Linear(2, 42)

    def encode(self, x, noise=None):
        yield "conv_1", (x := self.convolution(x).tanh())
        yield "code", self.to_code(x.flatten(1))

    def decode(self, code, noise=None):
        yield "logits", self.head(code)
        yield "reconstruction", self.to_image(code).unflatten(1, (1, 7, 6))


def supervised(n_logits, classes, seed=0):
    """Return a fitted estimator of images (1, 7, 6) whose network is `Supervised`."""
    X = np.random.default_rng(0).normal(size=(9, 1, 7, 6)).astype(np.float32)
    model = small(Autoencoder, max_iter=1).fit(X)
    module = Supervised(n_logits=n_logits)
    rng = np.random.default_rng(seed)
    state = {k: rng.normal(size=v.shape) for k, v in module.state_dict().items()}
    state = {k: v.astype(np.float32) for k, v in state.items()}
    builder = Builder(Supervised, n_logits=n_logits)
    model.network_ = FittedNetwork(builder, (1, 7, 6), state, "cpu")
    model.classes_ = np.array(classes)
    return X, model


def maps_of(model, X, name):
    """Feature maps, by way of `transform`."""
    shape = model.network_.shapes[name]
    layer, pool = model.layer, model.pool
    maps = model.set_params(layer=name, pool=None).transform(X).reshape(len(X), *shape)
    model.set_params(layer=layer, pool=pool)
    return maps.astype(np.float64)


def interpolated(maps, spatial, stride):
    """Interpolate between cells that lie at the multiples of the stride."""
    cells = [stride * np.arange(n) for n in maps.shape[1:]]
    pixels = np.meshgrid(*(np.arange(n) for n in spatial), indexing="ij")
    places = [np.minimum(p, c[-1]) for p, c in zip(pixels, cells, strict=True)]
    return np.array([interpn(cells, of_sample, tuple(places)) for of_sample in maps])


def test_hirescam_by_hand_where_the_code_is_linear_in_the_stage(images):
    X = images
    model = small(
        Autoencoder, image_shape=X.shape[1:], activation="elu", hidden_layer_sizes=()
    ).fit(X)
    maps = maps_of(model, X, "conv_2")
    weight = model.network_.state["dense.bottleneck.to_code.weight"]
    for unit in range(3):
        evidence = (maps * weight[unit].reshape(maps.shape[1:])).sum(axis=1)
        expected = interpolated(np.maximum(evidence, 0), X.shape[2:], 4)
        found = attention_map(model, X, unit=unit)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
        signed = attention_map(model, X, unit=unit, relu=False)
        expected = interpolated(evidence, X.shape[2:], 4)
        np.testing.assert_allclose(signed, expected, rtol=1e-5, atol=1e-6)


def test_gradcam_by_a_loop_behind_a_hidden_layer(images):
    X = images
    model = small(
        Autoencoder, image_shape=X.shape[1:], hidden_layer_sizes=(5,), activation="tanh"
    ).fit(X)
    maps = maps_of(model, X, "conv_2")
    hidden = maps_of(model, X, "hidden_1")
    state = model.network_.state
    slopes = state["dense.bottleneck.to_code.weight"][1] * (1 - hidden**2)
    gradient = (slopes @ state["dense.hidden.0.0.weight"]).reshape(maps.shape)
    expected = np.zeros((len(X), *maps.shape[2:]))
    for sample in range(len(X)):
        for channel in range(maps.shape[1]):
            weight = gradient[sample, channel].mean()
            expected[sample] += weight * maps[sample, channel]
    expected = interpolated(np.maximum(expected, 0), X.shape[2:], 4)
    found = attention_map(model, X, unit=1, method="gradcam")
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_hirescam_is_complete_where_all_behind_the_stage_is_linear():
    X, model = supervised(3, ["a", "b", "c"])
    state = model.network_.state
    code = maps_of(model, X, "code")
    by_unit = attention_map(model, X, unit=1, relu=False).sum(axis=(1, 2))
    np.testing.assert_allclose(by_unit, code[:, 1] - state["to_code.bias"][1], rtol=1e-4)
    logits = maps_of(model, X, "logits")
    bias = state["head.weight"] @ state["to_code.bias"] + state["head.bias"]
    for column, name in enumerate("abc"):
        by_class = attention_map(model, X, target_class=name, relu=False)
        expected = logits[:, column] - bias[column]
        np.testing.assert_allclose(
            by_class.sum(axis=(1, 2)), expected, rtol=1e-3, atol=1e-3
        )


def test_both_methods_agree_where_the_gradient_is_the_same_everywhere():
    activation = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    gradient = torch.tensor([1.0, -2.0, 0.5])[None, :, None, None].expand(2, 3, 4, 5)
    torch.testing.assert_close(
        gradcam(activation, gradient), hirescam(activation, gradient)
    )


def test_one_logit_speaks_for_the_second_class_and_against_the_first():
    X, model = supervised(1, [3, 7])
    second = attention_map(model, X, target_class=7, relu=False)
    first = attention_map(model, X, target_class=3, relu=False)
    np.testing.assert_array_equal(first, -second)
    logit = maps_of(model, X, "logits")[:, 0]
    state = model.network_.state
    bias = (state["head.weight"] @ state["to_code.bias"] + state["head.bias"])[0]
    np.testing.assert_allclose(second.sum(axis=(1, 2)), logit - bias, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("method", ["hirescam", "gradcam"])
def test_the_same_twice_and_one_by_one(kind, method, images):
    X = images
    model = small(kind, image_shape=X.shape[1:], activation="elu").fit(X)
    X.flags.writeable = False
    for stage in ("conv_1", None):
        maps = attention_map(model, X, unit=2, method=method, stage=stage, relu=False)
        assert maps.shape == (len(X), *X.shape[2:])
        assert np.abs(maps).max() > 1e-4
        again = attention_map(model, X, unit=2, method=method, stage=stage, relu=False)
        np.testing.assert_array_equal(again, maps)
        each = [
            attention_map(model, x[None], unit=2, method=method, stage=stage, relu=False)
            for x in X
        ]
        np.testing.assert_allclose(
            np.concatenate(each), maps, rtol=1e-6, atol=1e-6 * np.abs(maps).max()
        )
    with torch.no_grad():
        last = attention_map(model, X, unit=2, method=method, relu=False)
    np.testing.assert_array_equal(last, maps)


def test_blocks_change_nothing(images):
    X = images
    model = small(Autoencoder, image_shape=X.shape[1:], activation="elu").fit(X)
    whole = attention_map(model, X, unit=0)
    model.network_.block_size = 4
    np.testing.assert_allclose(attention_map(model, X, unit=0), whole, rtol=1e-6, atol=1e-7)


def test_an_attribute_is_its_unit(digits):
    by_unit = attention_map(digits.vae, digits.X[:5], unit=1)
    for attribute in ("slant", 1):
        by_attribute = attention_map(digits.vae, digits.X[:5], attribute=attribute)
        np.testing.assert_array_equal(by_attribute, by_unit)
    flat = digits.X[:5].reshape(5, -1)
    np.testing.assert_array_equal(attention_map(digits.vae, flat, unit=1), by_unit)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "Got neither unit nor attribute nor target_class"),
        ({"unit": 9}, "Got unit=9, but VAEFeatureExtractor has the units 0 to 3"),
        ({"unit": 0, "attribute": 0}, "expected one of both"),
        ({"unit": 0, "target_class": 1}, "Got target_class=1 beside unit=0"),
        ({"target_class": 1}, "Got target_class=1, .* was fitted with no classes"),
        ({"unit": 0, "method": "cam"}, "Got method='cam', but expected one of hirescam"),
        ({"unit": 0, "stage": "hidden_1"}, "Got stage='hidden_1', but .* maps conv_1"),
        ({"unit": 0, "stage": "reconstruction"}, "'mean' does not depend on it"),
    ],
)
def test_what_cannot_be_explained(digits, parameters, message):
    with pytest.raises(ValueError, match=message):
        attention_map(digits.vae, digits.X, **parameters)


def test_a_class_that_is_not_there():
    X, model = supervised(2, ["no", "yes"])
    with pytest.raises(ValueError, match=r"Got target_class='maybe', .* 'no', 'yes'"):
        attention_map(model, X, target_class="maybe")


def test_rows_have_no_maps(rows):
    model = small(Autoencoder).fit(rows)
    with pytest.raises(ValueError, match="which was fitted on rows, but attention maps"):
        attention_map(model, rows, unit=0)


def test_images_that_are_not_finite_are_refused(digits):
    X = digits.X[:2].copy()
    X[0, 0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        attention_map(digits.vae, X, unit=0)


@pytest.mark.parametrize(
    ("kernel_size", "downsampling"), [(3, "stride"), (2, "stride"), (3, "max")]
)
def test_maps_lie_where_the_evidence_is(kernel_size, downsampling):
    rng = np.random.default_rng(0)
    place = rng.integers(8, 24, size=(128, 2))
    X = np.zeros((129, 1, 32, 32), dtype=np.float32)
    X[np.arange(128), 0, *place.T] = 1
    model = small(
        Autoencoder,
        hidden_layer_sizes=(),
        channels=(8, 8),
        activation="elu",
        kernel_size=kernel_size,
        downsampling=downsampling,
        max_iter=1,
    ).fit(X)
    *dots, blank = attention_map(model, X, unit=0, relu=False)
    weight = np.abs(dots - blank)
    for axis in (1, 2):
        profile = weight.sum(axis=3 - axis)
        centre = (profile * np.arange(32)).sum(axis=1) / profile.sum(axis=1)
        assert np.mean(centre - place[:, axis - 1]) == pytest.approx(0, abs=0.4)
