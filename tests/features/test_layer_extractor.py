import copy
import pickle
from functools import partial

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from torch import nn

from skvae import Autoencoder, LayerExtractor
from skvae.networks import densenet121, vgg16
from skvae.training.threads import pinned_threads


def extractor(model, layer, **parameters):
    parameters = {"device": "cpu", "n_threads": 1} | parameters
    return LayerExtractor(model, layer=layer, **parameters)


@pytest.fixture(scope="module")
def densenet():
    torch.manual_seed(0)
    return densenet121(n_classes=3)


@pytest.fixture(scope="module", name="X")
def images():
    return np.random.default_rng(0).normal(size=(5, 3, 64, 64)).astype(np.float32)


class Counted(nn.Sequential):
    """Counts the rows that go through it, over all copies."""

    n_rows = 0

    def forward(self, x):
        type(self).n_rows += len(x)
        return super().forward(x)


@pytest.fixture
def small():
    torch.manual_seed(0)
    Counted.n_rows = 0
    return Counted(
        nn.Conv2d(1, 4, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(4 * 36, 3)
    )


@pytest.fixture(scope="module")
def digits():
    digits = load_digits()
    return (digits.images[:, None] / 16).astype(np.float32)[:300], digits.target[:300]


def test_batch_norm_and_its_in_place_relu_are_told_apart(densenet, X):
    norm = extractor(densenet, "features.norm5", pool=None).fit(X)
    values = norm.transform(X)
    assert values.shape == (5, 4096)
    assert 0.3 < (values < 0).mean() < 0.7
    relu = norm.set_params(layer="features.norm5+relu").transform(X)
    np.testing.assert_array_equal(relu, np.maximum(values, 0))
    pooled = norm.set_params(pool="avg").transform(X)
    assert pooled.shape == (5, 1024)
    np.testing.assert_allclose(pooled, relu.reshape(5, 1024, 4).mean(axis=2), atol=1e-6)
    kept = []
    handle = densenet.features.norm5.register_forward_hook(
        lambda module, args, output: kept.append(output)
    )
    with torch.inference_mode():
        densenet.eval()(torch.from_numpy(X))
    handle.remove()
    # What a hook keeps is overwritten: it has the ReLU under the name of the norm.
    np.testing.assert_allclose(kept[0].flatten(1), relu, atol=1e-6)


@pytest.mark.parametrize("part", ["denseblock2", "transition3", "norm5"])
def test_features_equal_a_manual_forward(densenet, X, part):
    features = densenet.eval().features
    stop = [name for name, _ in features.named_children()].index(part) + 1
    with torch.inference_mode(), pinned_threads(1):
        maps = features[:stop](torch.from_numpy(X))
    features = extractor(densenet, f"features.{part}", pool=None).fit_transform(X)
    np.testing.assert_array_equal(features, maps.flatten(1))


def test_vgg_features_equal_a_manual_forward(X):
    with torch.device("meta"):
        network = vgg16()
    network.features.to_empty(device="cpu")
    generator = torch.Generator().manual_seed(0)
    for parameter in network.features.parameters():
        nn.init.uniform_(parameter, -0.1, 0.1, generator=generator)
    network.classifier = nn.Identity()
    features = extractor(network, ["features.27", "features.29"]).fit_transform(X[:2])
    x = torch.from_numpy(X[:2])
    with torch.inference_mode(), pinned_threads(1):
        before = network.features[:28](x.clone()).mean(dim=(2, 3))
        after = network.features[:30](x.clone()).mean(dim=(2, 3))
    np.testing.assert_array_equal(features, torch.cat([before, after], dim=1))


def test_layers_of_densenet_have_names_that_two_builds_share(densenet, X):
    listed = extractor(densenet, "classifier").list_layers(X[:1])
    rows = {row.name: row for row in listed}
    assert rows["features.norm5"].in_place
    assert not rows["features.norm5+relu"].in_place
    assert rows["features.norm5"][:4] == (
        "features.norm5",
        "BatchNorm2d",
        (1024, 2, 2),
        1024,
    )
    assert rows["features.norm5"].n_params == 2048
    assert sum(row.in_place for row in listed) >= 120
    again = extractor(densenet121, "classifier").list_layers(X[:1])
    assert [row.name for row in again] == [row.name for row in listed]
    wrapped = extractor(nn.DataParallel(densenet), "classifier").list_layers(X[:1])
    assert wrapped == listed


def test_an_unknown_layer_is_told_its_nearest(densenet, X):
    message = (
        r"layer='features.norm6'.* nearest of its \d+ are features.norm5, .*, .*, .*, "
    )
    with pytest.raises(ValueError, match=message):
        extractor(densenet, "features.norm6").fit(X)
    with pytest.raises(ValueError, match="layers that all differ"):
        extractor(densenet, ["classifier", "module.classifier"]).fit(X)
    with pytest.raises(ValueError, match="layer"):
        LayerExtractor(densenet).fit(X)


class Attention(nn.Module):
    """Attends to tokens, with weights beside what comes of them, and counts in vain."""

    def __init__(self):
        super().__init__()
        self.attn = nn.MultiheadAttention(16, 4, batch_first=True)
        self.recurrent = nn.LSTM(16, 3, num_layers=2)
        self.head = nn.Linear(16, 2)
        self.count = nn.Flatten(0)

    def forward(self, x):
        values, _ = self.attn(x, x, x)
        self.recurrent(x.transpose(0, 1))
        self.count(x)
        return self.head(values.mean(1))


def test_a_layer_that_returns_a_tuple_is_read_by_its_parts():
    torch.manual_seed(0)
    network = Attention().eval()
    X = np.random.default_rng(0).random((6, 5, 16)).astype("float32")
    with pytest.raises(ValueError, match=r"several tensors; .*: attn\[0\], attn\[1\]\."):
        extractor(network, "attn", image_shape=(5, 16)).fit(X)
    with pytest.raises(ValueError, match=r"count returns no tensor that has the samples"):
        extractor(network, "count", image_shape=(5, 16)).fit(X)
    with torch.inference_mode():
        values = network.attn(*[torch.from_numpy(X)] * 3)
    for i, value in enumerate(values):
        parts = extractor(network, f"attn[{i}]", pool=None, image_shape=(5, 16)).fit(X)
        np.testing.assert_allclose(
            parts.transform(X), value.flatten(1), atol=1e-6, rtol=1e-5
        )
        assert parts.get_feature_names_out()[0] == f"attn[{i}]_0"
    # Of two layers, the states of a pair of samples have as many entries as there are.
    state = extractor(network, "recurrent[1][0]", pool=None, image_shape=(5, 16)).fit(X)
    with pytest.raises(ValueError, match="2 entries for 6 samples"):
        state.transform(X)


class Tokens(nn.Module):
    """Cuts signals into tokens, as a vision transformer does with images."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 8, 4, stride=4)
        self.norm = nn.LayerNorm(8)
        self.dropout = nn.Dropout()
        self.last = nn.Conv1d(8, 2, 1)

    def forward(self, x):
        tokens = self.dropout(self.norm(self.conv(x[:, None]).mT))
        return self.last(tokens.mT)


@pytest.mark.filterwarnings("error")
def test_tokens_are_pooled_along_their_own_axis():
    torch.manual_seed(0)
    network = Tokens().eval()
    X = np.random.default_rng(0).random((6, 20)).astype("float32")
    tokens = network.norm(network.conv(torch.from_numpy(X)[:, None]).mT).detach().numpy()
    assert tokens.shape == (6, 5, 8)
    features = extractor(network, "norm", channel_axis=-1).fit(X)
    expected = {
        "avg": tokens.mean(axis=1),
        "max": tokens.max(axis=1),
        "avg+max": np.hstack([tokens.mean(axis=1), tokens.max(axis=1)]),
        "first": tokens[:, 0],
        None: tokens.reshape(6, -1),
    }
    for pool, values in expected.items():
        features.set_params(pool=pool)
        np.testing.assert_allclose(features.transform(X), values, atol=1e-6)
        assert len(features.get_feature_names_out()) == values.shape[1]
        sizes = {row.name: row.n_features for row in features.list_layers()}
        assert sizes["norm"] == values.shape[1]
    features.set_params(channel_axis=1, layer=["conv", "last"], pool="avg").transform(X)
    for layer in ("norm", "dropout"):
        with pytest.warns(UserWarning, match="tokens of 8 features .* channel_axis=-1"):
            features.set_params(layer=layer).transform(X)
    features.set_params(pool=None).transform(X)


def test_maps_with_their_channels_last_are_pooled_over_pixels(tmp_path):
    network = nn.Sequential(nn.Linear(3, 5), nn.ReLU())
    X = np.random.default_rng(0).random((4, 6, 7, 3)).astype("float32")
    given = {"image_shape": (6, 7, 3), "channel_axis": -1, "memory": str(tmp_path)}
    features = extractor(network, "1", **given).fit(X)
    with torch.inference_mode():
        expected = network(torch.from_numpy(X)).mean(dim=(1, 2))
    np.testing.assert_allclose(features.transform(X), expected, atol=1e-6)
    # What is remembered is of this axis.
    with pytest.warns(UserWarning, match="channel_axis=-1"):
        assert features.set_params(channel_axis=1).transform(X).shape == (4, 6)


def test_several_pools_stand_side_by_side(small, digits):
    X, _ = digits
    both = extractor(small, "0", pool="avg+max").fit(X)
    parts = [extractor(small, "0", pool=pool).fit_transform(X) for pool in ("avg", "max")]
    np.testing.assert_array_equal(both.transform(X), np.hstack(parts))
    assert len(both.get_feature_names_out()) == 8


def test_nothing_is_computed_behind_the_last_layer(small, digits):
    small[3] = nn.Linear(7, 3)  # does not fit: the last layer raises
    features = extractor(small, "1").fit_transform(digits[0])
    assert features.shape == (300, 4)
    with pytest.raises(ValueError, match="does not take behind"):
        extractor(small, "3").fit(digits[0])
    with pytest.warns(UserWarning, match="Listed are the layers before"):
        rows = extractor(small, "1").list_layers(digits[0][:1])
    assert [row.name for row in rows] == ["0", "1", "2"]


def test_the_model_is_left_alone_and_the_copy_keeps_its_weights(small, digits):
    X, _ = digits
    small.train()
    fitted = extractor(small, "3").fit(X)
    features = fitted.transform(X)
    assert small.training
    assert all(parameter.requires_grad for parameter in small.parameters())
    with torch.no_grad():
        small[3].weight.zero_()
    np.testing.assert_array_equal(fitted.transform(X), features)
    assert not np.allclose(fitted.fit_transform(X), features)


def test_an_error_in_the_model_leaves_it_without_hooks(digits):
    class Fragile(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm2d(1)
            self.head = nn.Flatten()

        def forward(self, x):
            x = self.norm(x)
            if len(x) > 2:
                raise RuntimeError("too many rows")
            return self.head(x)

    X, _ = digits
    network = Fragile().train()
    before = [value.clone() for value in network.state_dict().values()]
    fitted = extractor(network, "head").fit(X)
    assert fitted.transform(X[:2]).shape == (2, 64)
    with pytest.raises(RuntimeError, match="too many rows"):
        fitted.transform(X)
    assert fitted.set_params(layer="norm").transform(X).shape == (300, 1)
    assert network.training
    assert all(not part._forward_hooks for part in network.modules())
    after = network.state_dict().values()
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_a_single_channel_for_a_network_of_three(densenet, X):
    grey = X[:2, :1]
    with pytest.raises(ValueError, match=r"shape \(1, 64, 64\).* preprocess='rgb'"):
        extractor(densenet, "features.conv0").fit(grey)
    features = extractor(densenet, "features.conv0", preprocess="rgb").fit_transform(grey)
    repeated = np.repeat(grey, 3, axis=1)
    expected = extractor(densenet, "features.conv0").fit_transform(repeated)
    np.testing.assert_allclose(features, expected, atol=1e-6)
    mean = np.array([0.485, 0.456, 0.406], np.float32)[:, None, None]
    sd = np.array([0.229, 0.224, 0.225], np.float32)[:, None, None]
    scaled = extractor(densenet, "features.conv0", preprocess="imagenet")
    expected = extractor(densenet, "features.conv0").fit_transform((repeated - mean) / sd)
    np.testing.assert_allclose(scaled.fit_transform(grey), expected, atol=1e-5)


def test_a_callable_may_resize(densenet, X):
    resize = partial(nn.functional.interpolate, size=(96, 96))
    fitted = extractor(densenet, "features.norm5", preprocess=resize, pool=None).fit(X)
    assert fitted.transform(X[:2]).shape == (2, 1024 * 9)
    assert pickle.loads(pickle.dumps(fitted)).transform(X[:2]).shape == (2, 1024 * 9)


def test_a_fitted_autoencoder_is_read_by_its_stages(digits):
    X, _ = digits
    autoencoder = Autoencoder(
        3, channels=(4,), max_iter=1, random_state=0, n_threads=1, device="cpu"
    ).fit(X)
    for model in (autoencoder, FrozenEstimator(autoencoder), autoencoder.network_.module):
        fitted = extractor(model, "code").fit(X)
        np.testing.assert_allclose(fitted.transform(X), autoencoder.transform(X), atol=1e-6)
        # In blocks of the same size it is the same computation.
        size = {"batch_size": autoencoder.network_.block_size}
        rows = X[: len(X) // 32 * 32]
        found = fitted.set_params(**size).transform(rows)
        np.testing.assert_array_equal(found, autoencoder.transform(rows))
    assert [row.name for row in fitted.list_layers()] == [
        layer.name for layer in autoencoder.list_layers()
    ]
    frozen = clone(extractor(FrozenEstimator(autoencoder), ["conv_1", "code"]))
    assert frozen.fit_transform(X).shape == (300, 7)
    copied = pickle.loads(pickle.dumps(frozen))
    np.testing.assert_array_equal(copied.transform(X), frozen.transform(X))
    with pytest.raises(ValueError, match=r"not fitted.*FrozenEstimator"):
        clone(extractor(autoencoder, "code")).fit(X)


@pytest.mark.parametrize("model", [None, "densenet121", LogisticRegression()])
def test_another_model_is_refused(model, digits):
    with pytest.raises(ValueError, match="Got model="):
        extractor(model, "0").fit(digits[0])


def test_a_factory_that_returns_something_else_is_refused(digits):
    with pytest.raises(TypeError, match="returned dict"):
        extractor(dict, "0").fit(digits[0])


def test_an_input_and_a_single_image(small, digits):
    X, _ = digits
    fitted = extractor(small, "input:3").fit(X[:1])
    assert fitted.transform(X[:1]).shape == (1, 144)
    flat = extractor(small, "2").fit_transform(X[:1])
    np.testing.assert_array_equal(fitted.transform(X[:1]), flat)
    assert fitted.get_feature_names_out()[0] == "input:3_0"


def test_a_search_reads_each_layer_of_each_fold_once(small, digits, tmp_path):
    X, y = digits
    pipeline = Pipeline(
        [
            ("extract", extractor(small, "0", memory=str(tmp_path))),
            ("classify", LogisticRegression(max_iter=500)),
        ]
    )
    layers = ["0", "1", "2", ["1", "3"]]
    grid = {"extract__layer": layers, "classify__C": [0.1, 1.0]}
    search = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
    probed = 2 * (3 * len(layers) * 2 + 1)
    # Each layer of each fold: the training and the test rows; the refit: all rows.
    assert Counted.n_rows - probed == len(layers) * 3 * 100 * 3 + 300
    scores = search.cv_results_["mean_test_score"]
    assert search.best_score_ == scores.max() > 0.8
    assert search.best_params_["extract__layer"] in layers
    without = GridSearchCV(pipeline.set_params(extract__memory=None), grid, cv=3).fit(X, y)
    np.testing.assert_array_equal(scores, without.cv_results_["mean_test_score"])


def test_what_changes_the_features_changes_the_key(small, digits, tmp_path):
    X = digits[0]
    base = extractor(small, "0", memory=str(tmp_path))
    base.fit_transform(X)

    def n_read(estimator, rows=X):
        before = Counted.n_rows
        estimator.fit_transform(rows)
        return Counted.n_rows - before - 2

    assert n_read(clone(base)) == 0
    assert n_read(pickle.loads(pickle.dumps(base))) == 0
    assert n_read(clone(base).set_params(pool="max")) == 300
    assert n_read(clone(base).set_params(layer="1")) == 300
    assert n_read(clone(base).set_params(preprocess=torch.neg)) == 300
    assert n_read(clone(base), X[:200]) == 200
    with torch.no_grad():
        small[0].bias += 1
    assert n_read(extractor(small, "0", memory=str(tmp_path))) == 300
    with pytest.raises(ValueError, match=r"memory=.*does not pickle"):
        n_read(clone(base).set_params(preprocess=lambda x: x))


def test_threads_agree_on_one_extractor(small, digits):
    X = digits[0]
    fitted = extractor(small, ["1", "3"], batch_size=32).fit(X)
    expected = fitted.transform(X)
    found = Parallel(n_jobs=4, prefer="threads")(
        delayed(fitted.transform)(X) for _ in range(40)
    )
    for features in found:
        np.testing.assert_array_equal(features, expected)


def test_a_device_that_is_not_there_is_refused(small, digits):
    with pytest.raises(ValueError, match="Got device='foo', but torch cannot"):
        extractor(small, "0", device="foo").fit(digits[0])
    # But a pickle from another machine can be read.
    fitted = extractor(small, "0").fit(digits[0])
    fitted.network_.device = "cuda:99"
    copied = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copied.transform(digits[0]), fitted.transform(digits[0]))


def test_a_pickle_with_a_dictionary_of_layers_is_read(digits):
    X, _ = digits
    fitted = extractor(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()), "1").fit(X)
    older = copy.deepcopy(fitted)
    older._survey = older._survey._replace(layers=dict(older._survey.layers))
    np.testing.assert_array_equal(older.transform(X), fitted.transform(X))
    assert older.list_layers() == fitted.list_layers()
    assert list(older.get_feature_names_out()) == list(fitted.get_feature_names_out())


class TwoPartError(Exception):
    def __init__(self, text, number):
        super().__init__(f"{text} {number}")


class Breaks(nn.Module):
    def forward(self, x):
        raise TwoPartError("broken", 7)


def test_an_error_behind_the_layer_holds_nothing_and_pickles(digits):
    X, _ = digits
    fitted = extractor(nn.Sequential(nn.Conv2d(1, 2, 3), Breaks()), "0").fit(X)
    assert fitted._survey.error == "TwoPartError('broken 7')"
    copied = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copied.transform(X), fitted.transform(X))
    with pytest.raises(ValueError, match="does not take behind input:1: TwoPartError"):
        copied.set_params(layer="1").transform(X)


def test_parameters_that_change_after_fit_are_checked(small, digits):
    X = digits[0]
    fitted = extractor(small, "0").fit(X)
    message = "Got pool='mean', but expected 'avg', 'max', 'avg\\+max', 'first' or"
    fitted.set_params(pool="mean")
    with pytest.raises(ValueError, match=message):
        fitted.transform(X)
    with pytest.raises(ValueError, match=message):
        fitted.list_layers()
    with pytest.raises(ValueError, match="Got channel_axis=2, but expected 1 or -1"):
        fitted.set_params(pool="avg", channel_axis=2).list_layers()
    fitted.set_params(channel_axis=1)
    for layer in ([0], 3, [["0"]]):
        with pytest.raises(ValueError, match=r"Got layer=.*, but expected the name of a"):
            fitted.set_params(layer=layer).transform(X)
    with pytest.raises(ValueError, match=r"Found array with 0 sample\(s\)"):
        extractor(small, "0").fit(X[:0])


def test_a_fitted_network_knows_the_images_of_its_rows(digits):
    X = digits[0]
    flat = X.reshape(len(X), -1)
    autoencoder = Autoencoder(
        3,
        image_shape=(1, 8, 8),
        channels=(4,),
        max_iter=1,
        random_state=0,
        n_threads=1,
        device="cpu",
    ).fit(flat)
    fitted = extractor(autoencoder, "code").fit(flat)
    assert fitted.sample_shape_ == (1, 8, 8)
    np.testing.assert_allclose(
        fitted.transform(flat), autoencoder.transform(flat), atol=1e-6
    )
    assert fitted.list_layers(flat) == fitted.list_layers()
    with pytest.raises(ValueError, match=r"image_shape=\(1, 8, 8\).* X has 60 columns"):
        extractor(autoencoder, "code").fit(flat[:, :60])
    with pytest.raises(ValueError, match=r"shape \(1, 3, 3\).*does not take behind conv_1"):
        extractor(autoencoder, "code").fit(X[:, :, :3, :3])
    assert extractor(autoencoder, "conv_1").fit(X[:, :, :3, :3]).transform(
        X[:, :, :3, :3]
    ).shape == (len(X), 4)


def test_a_fitted_estimator_without_a_network_is_not_called_unfitted(small, digits):
    fitted = extractor(small, "0").fit(digits[0])
    with pytest.raises(ValueError, match="trained no network of its own"):
        extractor(fitted, "0").fit(digits[0])
