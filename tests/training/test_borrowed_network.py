import importlib
import pickle
from functools import partial

import joblib
import numpy as np
import pytest
import torch
from torch import nn

from skvae import LayerExtractor
from skvae.networks.taps import Address
from skvae.training.borrowed_network import ForeignNetwork, digest_of

LAYERS = [Address("0"), Address("2")]


def build():
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(inplace=True), nn.Linear(4, 2))


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)


def foreign(source, **parameters):
    return ForeignNetwork(
        source, **{"preprocess": None, "device": "cpu", "seed": 0} | parameters
    )


def test_what_a_function_builds_depends_on_the_seed_alone(x):
    torch.manual_seed(0)
    first = foreign(build).read(x, LAYERS)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    np.testing.assert_array_equal(foreign(build).read(x, LAYERS), first)
    assert torch.equal(torch.get_rng_state(), before)
    assert not np.allclose(foreign(build, seed=1).read(x, LAYERS), first)


def test_a_pickle_of_a_function_holds_arrays_and_reads_the_same(x):
    network = foreign(build)
    pickled = pickle.dumps(network)
    assert b"_rebuild" not in pickled
    np.testing.assert_array_equal(
        pickle.loads(pickled).read(x, LAYERS), network.read(x, LAYERS)
    )
    assert joblib.hash(pickle.loads(pickled)) == joblib.hash(network)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_a_network_of_another_precision_is_read_as_float32(x, dtype):
    module = build().to(dtype)
    found = foreign(module).read(x, LAYERS)
    assert found.dtype == np.float32
    with torch.no_grad():
        expected = module[0](torch.from_numpy(x).to(dtype)).float()
    np.testing.assert_allclose(found[:, :4], expected, rtol=1e-2)


def test_any_batch_size_gives_the_same_features(x):
    network = foreign(build)
    expected = network.read(x, LAYERS)
    for batch_size in (1, 7, 50, 64):
        found = network.read(x, LAYERS, batch_size=batch_size)
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_function_may_build_half_precision(x):
    network = foreign(lambda: build().bfloat16())
    assert network.state["0.weight"].dtype == np.float32
    twin = foreign(lambda: build().bfloat16(), seed=1)
    twin.__setstate__(twin.__getstate__() | {"state": network.state})
    np.testing.assert_array_equal(twin.read(x, LAYERS), network.read(x, LAYERS))


def test_a_network_without_weights(x):
    found = foreign(nn.Sequential(nn.ReLU(), nn.Flatten())).read(x, [Address("0")])
    np.testing.assert_array_equal(found, np.maximum(x, 0))


def test_the_digest_is_that_of_weights_settings_and_code():
    class Scaled(nn.Module):
        def __init__(self, by):
            super().__init__()
            self.by = by

        def forward(self, x):
            return x * self.by

    Scaled.__qualname__ = "Scaled"
    globals()["Scaled"] = Scaled
    first = digest_of(Scaled(2.0), ())
    assert digest_of(Scaled(2.0), ()) == first
    assert digest_of(Scaled(3.0), ()) != first
    assert digest_of(Scaled(2.0), ("avg",)) != first
    Scaled.forward = lambda self, x: x * self.by * 2
    twice = digest_of(Scaled(2.0), ())
    Scaled.forward = lambda self, x: x * self.by * 3
    assert len({first, twice, digest_of(Scaled(2.0), ())}) == 3
    torch.manual_seed(0)
    module = build()
    digest = digest_of(module, ())
    assert digest_of(pickle.loads(pickle.dumps(module)), ()) == digest
    with torch.no_grad():
        module[0].bias[0] += 1e-6
    assert digest_of(module, ()) != digest


def test_the_digest_is_that_of_the_code_of_functions(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "prepared.py"
    text = (
        "import torch\n"
        "@torch.no_grad()\ndef f(x, by=1):\n    return [v + by for v in x]\n"
        "class Kind:\n    def __call__(self, x):\n        return x + 1\n"
    )
    path.write_text(text)
    module = importlib.import_module("prepared")
    found = {}

    def digests():
        importlib.reload(module)
        for part in (module.f, partial(module.f, by=2), module.Kind()):
            yield digest_of(nn.Flatten(), (part,))

    for edited in (text, text.replace("v + by", "v - by"), text.replace("x + 1", "x + 15")):
        path.write_text(edited + "#" * len(found))  # of another size: compiled anew
        found[edited] = list(digests())
    first, inner, call = found.values()
    assert [a == b for a, b in zip(first, inner, strict=True)] == [False, False, True]
    assert [a == b for a, b in zip(first, call, strict=True)] == [True, True, False]


def add_in_place(x):
    return x.add_(100)


IN_PLACE = {
    "network": {"model": nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(1, 2, 3))},
    "preprocess": {"model": nn.Conv2d(1, 2, 3), "preprocess": add_in_place},
}


@pytest.mark.parametrize("case", IN_PLACE)
def test_rows_and_the_file_behind_them_stay_as_they_are(case, tmp_path):
    X = np.random.default_rng(0).normal(size=(32, 1, 6, 6)).astype(np.float32)
    model = nn.Sequential(IN_PLACE[case]["model"], nn.Flatten())
    parameters = {"layer": "1", "pool": None, "device": "cpu", "n_threads": 1}
    parameters["preprocess"] = IN_PLACE[case].get("preprocess")
    before = X.copy()
    first = LayerExtractor(model, **parameters).fit_transform(X)
    np.testing.assert_array_equal(X, before)
    np.save(tmp_path / "X.npy", before)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r+")
    again = LayerExtractor(model, **parameters).fit_transform(mapped)
    mapped.flush()
    np.testing.assert_array_equal(np.load(tmp_path / "X.npy"), before)
    np.testing.assert_array_equal(again, first)
