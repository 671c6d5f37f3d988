import math
import pickle

import joblib
import numpy as np
import pytest
import torch

from skvae.networks.blocks import GaussianCode
from skvae.networks.builder import Builder
from skvae.networks.conv import ConvAutoencoder
from skvae.networks.pooling import pooled_size
from skvae.training import row_blocks
from skvae.training.data import Data
from skvae.training.fitting import train
from skvae.training.reading import FittedNetwork


@pytest.fixture
def dense(make_recipe, data):
    """A trained VAE of rows of six."""
    recipe = make_recipe("vae", network={"normalization": "batch"})
    return FittedNetwork(recipe.builder, (6,), train(recipe, data).state, "cpu")


@pytest.fixture
def conv(make_recipe):
    """An untrained VAE of images, and images."""
    builder = Builder(
        ConvAutoencoder,
        image_shape=(1, 5, 6),
        n_components=2,
        bottleneck=Builder(GaussianCode),
        channels=(3, 4),
    )
    images = np.random.default_rng(0).normal(size=(9, 1, 5, 6)).astype(np.float32)
    recipe = make_recipe(n_epochs=1, builder=builder)
    state = train(recipe, Data(images)).state
    return FittedNetwork(builder, (1, 5, 6), state, "cpu"), images


@pytest.fixture
def many():
    """Rows of two blocks and a half."""
    return np.random.default_rng(1).normal(size=(640, 6)).astype(np.float32)


@pytest.fixture(autouse=True)
def blocks_of_256(monkeypatch):
    monkeypatch.setattr(row_blocks, "LARGEST_BLOCK", 256)


def test_reading_equals_the_stage_of_the_network(dense, x):
    with torch.no_grad():
        trace = dense.builder().eval().stages(torch.from_numpy(x))
        names = [name for name, _ in trace]
        network = dense.builder().eval()
        weights = {k: torch.from_numpy(v) for k, v in dense.state.items()}
        network.load_state_dict(weights)
        trace = network(torch.from_numpy(x))
    assert list(dense.shapes) == names
    for name in names:
        np.testing.assert_allclose(dense.read(x, [name]), trace[name], atol=1e-6)


def test_layers_stand_side_by_side_in_the_order_asked_for(dense, x):
    both = dense.read(x, ["mean", "hidden_1"])
    assert both.shape == (40, 7)
    np.testing.assert_allclose(both[:, :2], dense.read(x, ["mean"]), atol=1e-6)
    np.testing.assert_allclose(both[:, 2:], dense.read(x, ["hidden_1"]), atol=1e-6)


def test_an_unknown_layer_is_a_key_error(dense, x):
    with pytest.raises(KeyError, match="cod"):
        dense.read(x, ["cod"])


@pytest.mark.parametrize("pool", ["avg", "max", None])
def test_maps_are_pooled_as_numpy_pools(conv, pool):
    network, images = conv
    with torch.no_grad():
        maps = network.module.read(torch.from_numpy(images), ["conv_1"])["conv_1"].numpy()
    expected = {
        "avg": maps.mean(axis=(2, 3)),
        "max": maps.max(axis=(2, 3)),
        None: maps.reshape(len(maps), -1),
    }[pool]
    features = network.read(images, ["conv_1"], pool)
    np.testing.assert_allclose(features, expected, atol=1e-6)
    assert features.shape[1] == pooled_size(network.shapes["conv_1"], pool)
    codes = network.read(images, ["conv_1", "mean"], pool)[:, -2:]
    np.testing.assert_allclose(codes, network.read(images, ["mean"]), atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "pool", "size"),
    [
        ((4, 3, 2), "avg", 4),
        ((4, 3, 2), None, 24),
        ((7,), "max", 7),
        ((4, 3), "avg+max", 8),
    ],
)
def test_pooled_size(shape, pool, size):
    assert pooled_size(shape, pool) == size


def test_reading_twice_gives_the_same_bits_and_leaves_the_rows(dense, many):
    before = many.copy()
    assert np.array_equal(dense.read(many, ["mean"]), dense.read(many, ["mean"]))
    assert np.array_equal(many, before)


@pytest.mark.parametrize("size", [1, 7, 64, 256, 257, 640])
def test_reading_in_any_grouping_agrees(dense, many, size):
    def read(rows):
        return dense.read(rows, ["mean", "reconstruction"], n_threads=1)

    parts = [read(many[i : i + size]) for i in range(0, len(many), size)]
    np.testing.assert_allclose(np.concatenate(parts), read(many), rtol=0, atol=1e-6)


def test_the_last_block_does_not_depend_on_those_before(dense, many):
    features = dense.read(many, ["mean"])
    assert np.array_equal(features[512:], dense.read(many[512:], ["mean"]))


@pytest.mark.parametrize("row", [0, 300, 639])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_row_that_is_not_finite_is_refused_in_any_block(dense, many, row, value):
    many[row, 2] = value
    with pytest.raises(ValueError, match="X contains"):
        dense.read(many, ["mean"])


def test_large_rows_whose_sum_overflows_are_read(dense, many):
    many[:] = 1e37
    assert np.isfinite(dense.read(many, ["mean"])).all()


@pytest.mark.parametrize("dtype", [np.float64, np.uint8, np.dtype(">f4")])
@pytest.mark.parametrize("n_rows", [40, 256, 640])
def test_rows_of_another_dtype_are_read_as_float32(dense, many, n_rows, dtype):
    rows = (10 * np.abs(many[:n_rows])).astype(dtype)
    features = dense.read(rows, ["mean"])
    assert features.dtype == np.float32
    assert np.array_equal(features, dense.read(rows.astype(np.float32), ["mean"]))


@pytest.mark.parametrize("layout", ["fortran", "reversed", "read-only", "every other"])
def test_rows_of_any_layout_are_read_alike(dense, many, layout):
    expected = dense.read(many[:256], ["mean"])
    wide = np.zeros((512, 6), np.float32)
    wide[::2] = many[:256]
    fixed = many[:256].copy()
    fixed.flags.writeable = False
    rows = {
        "fortran": np.asfortranarray(many[:256]),
        "reversed": many[:256][::-1].copy()[::-1],
        "read-only": fixed,
        "every other": wide[::2],
    }[layout]
    assert np.array_equal(dense.read(rows, ["mean"]), expected)


def test_rows_at_a_block_bound_keep_their_place(dense, many):
    assert dense.block_size < len(many)
    order = np.random.default_rng(0).permutation(len(many))
    np.testing.assert_allclose(
        dense.read(many[order], ["mean"]), dense.read(many, ["mean"])[order], atol=1e-6
    )


@pytest.mark.parametrize("block_bytes", [1, 100, 1000, 10**5, 10**9])
def test_the_block_size_is_a_power_of_two_that_bounds_memory(
    dense, monkeypatch, block_bytes
):
    monkeypatch.setitem(row_blocks.BLOCK_BYTES, "cpu", block_bytes)
    network = FittedNetwork(dense.builder, (6,), dense.state, "cpu")
    size = network.block_size
    assert math.log2(size).is_integer()
    assert size == 1 or 4 * size * 6 <= block_bytes
    assert size == 256 or 8 * size * 6 > block_bytes


@pytest.mark.parametrize("n_rows", [1, 40, 256, 300])
def test_a_function_never_sees_a_handful_of_rows(dense, many, n_rows):
    sizes = []

    def first_column(rows):
        sizes.append(len(rows))
        return rows[:, 0]

    found = dense.apply(first_column, many[:n_rows])
    assert np.array_equal(found, many[:n_rows, 0])
    assert all(size % 32 == 0 and size <= 256 for size in sizes)
    assert len(sizes) == math.ceil(n_rows / 256)


def test_a_block_can_be_smaller_than_usual(dense, many, monkeypatch):
    sizes = []
    monkeypatch.setattr(
        row_blocks, "as_block", lambda rows, n: sizes.append(n) or torch.from_numpy(rows)
    )
    found = dense.read(many[:5], ["mean"], block_size=2)
    assert sizes == [2, 2, 2]
    np.testing.assert_allclose(found, dense.read(many, ["mean"])[:5], atol=1e-6)


def test_a_block_that_does_not_fit_is_halved(dense, x, monkeypatch):
    sizes = []
    one_pass = row_blocks.one_pass

    def short_of_memory(function, rows, size, *others):
        sizes.append(size)
        if size > 64:
            raise torch.OutOfMemoryError("no room")
        return one_pass(function, rows, size, *others)

    whole = dense.read(x, ["mean"])
    monkeypatch.setattr(row_blocks, "one_pass", short_of_memory)
    np.testing.assert_allclose(dense.read(x, ["mean"]), whole, atol=1e-6)
    assert sizes == [256, 128, 64]


def test_a_row_that_does_not_fit_is_an_error(dense, x, monkeypatch):
    def short_of_memory(*arguments):
        raise torch.OutOfMemoryError("no room")

    monkeypatch.setattr(row_blocks, "one_pass", short_of_memory)
    with pytest.raises(torch.OutOfMemoryError, match="no room"):
        dense.read(x, ["mean"])


def test_reading_a_map_streams_and_leaves_its_file(dense, many, map_file, tmp_path):
    mapped = map_file(many)
    before = (tmp_path / "x.npy").read_bytes()
    assert np.array_equal(dense.read(mapped, ["mean"]), dense.read(many, ["mean"]))
    assert (tmp_path / "x.npy").read_bytes() == before


def test_a_pickle_reads_the_same_bits(dense, many):
    twin = pickle.loads(pickle.dumps(dense))
    layers = ["mean", "z", "reconstruction"]
    assert np.array_equal(twin.read(many, layers), dense.read(many, layers))
    assert twin.block_size == dense.block_size


def test_a_pickle_holds_no_torch_objects(dense):
    assert b"torch._utils" not in pickle.dumps(dense)
    assert all(
        type(value) is np.ndarray for value in dense.__getstate__()["state"].values()
    )
    assert "module" not in dense.__getstate__()


def test_the_hash_is_that_of_the_weights(dense, x, make_recipe, data):
    before = joblib.hash(dense)
    dense.read(x, ["mean"])
    assert joblib.hash(dense) == before
    assert joblib.hash(pickle.loads(pickle.dumps(dense))) == before
    twin = FittedNetwork(dense.builder, (6,), dense.state, "cpu")
    assert joblib.hash(twin) == before
    other = {name: value + 1 for name, value in dense.state.items()}
    assert joblib.hash(FittedNetwork(dense.builder, (6,), other, "cpu")) != before


def test_weights_read_from_a_map_are_the_same_network(dense, x, map_file):
    mapped = {name: map_file(v, name=f"{name}.npy") for name, v in dense.state.items()}
    twin = FittedNetwork(dense.builder, (6,), mapped, "cpu")
    assert np.array_equal(twin.read(x, ["mean"]), dense.read(x, ["mean"]))
    assert joblib.hash(twin) == joblib.hash(dense)


@pytest.mark.parametrize("device", ["cuda:99", "mps", "cuda"])
def test_a_pickle_from_a_device_that_is_missing_loads_on_the_cpu(dense, x, device):
    if device == "cuda" and torch.cuda.is_available():
        pytest.skip("this device is not missing")
    if device == "mps" and torch.backends.mps.is_available():
        pytest.skip("this device is not missing")
    expected = dense.read(x, ["mean"])
    dense.device = device
    twin = pickle.loads(pickle.dumps(dense))
    assert next(twin.module.parameters()).device.type == "cpu"
    assert np.array_equal(twin.read(x, ["mean"]), expected)


def test_the_network_does_not_share_the_memory_of_the_state(dense, x):
    expected = dense.read(x, ["mean"])
    for value in dense.state.values():
        value[...] = 0
    assert np.array_equal(dense.read(x, ["mean"]), expected)


def test_building_and_reading_draw_no_numbers(dense, x, random_state):
    before = random_state()
    pickle.loads(pickle.dumps(dense)).read(x, ["z", "mean"])
    assert random_state() == before


def test_reading_pins_and_restores_the_threads(dense, x):
    before = torch.get_num_threads()
    seen = []

    def features(rows):
        seen.append(torch.get_num_threads())
        return rows

    dense.apply(features, x, n_threads=before + 1)
    dense.apply(features, x, n_threads=None)
    assert seen == [before + 1, before]
    with pytest.raises(KeyError):
        dense.read(x, ["cod"], n_threads=before + 1)
    assert torch.get_num_threads() == before


def test_nothing_that_is_read_has_a_gradient(dense, x):
    assert not any(p.requires_grad for p in dense.module.parameters())
    assert not dense.module.training
    assert dense.apply(lambda rows: rows.sum(dim=1), x).shape == (40,)


def test_threads_read_what_a_single_one_reads(dense, many):
    expected = {n: dense.read(many, [n], n_threads=1) for n in ("mean", "hidden_1")}
    names = ["mean", "hidden_1"] * 20
    found = joblib.Parallel(n_jobs=4, prefer="threads")(
        joblib.delayed(dense.read)(many, [name], n_threads=1) for name in names
    )
    for name, features in zip(names, found, strict=True):
        assert np.array_equal(features, expected[name])
