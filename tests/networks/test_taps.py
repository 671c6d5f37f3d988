import threading
from collections import namedtuple
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch import nn
from torch.multiprocessing.reductions import StorageWeakRef

from skvae.networks.taps import (
    Address,
    Taps,
    canonical,
    parse_address,
    private_copy,
    survey,
)


class Reused(nn.Module):
    """One ReLU for two places, a function behind a norm, and a branch of two tensors."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.relu = nn.ReLU(inplace=True)
        self.second = nn.Linear(4, 5)
        self.norm = nn.BatchNorm1d(5)
        self.recurrent = nn.GRU(5, 2, batch_first=True)
        self.flat = nn.Flatten(0)
        self.n_runs = 0
        self.register_buffer("n_seen", torch.zeros(()))

    def forward(self, x):
        self.n_runs += 1
        self.n_seen += len(x)
        x = self.relu(self.first(x))
        x = self.relu(self.second(x))
        x = torch.relu_(self.norm(x))
        sequence, _ = self.recurrent(x[:, None])
        self.flat(sequence)
        return sequence.sum(dim=(1, 2))


@pytest.fixture
def network():
    torch.manual_seed(0)
    network = Reused()
    network.norm.running_mean.normal_()
    return network


@pytest.fixture
def x():
    return torch.randn(7, 3, generator=torch.Generator().manual_seed(0))


def read(network, x, *layers):
    addresses = [parse_address(layer) for layer in layers]
    with torch.inference_mode():
        return Taps(private_copy(network), addresses).read(x, torch.clone)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("features.norm5", Address("features.norm5")),
        ("module.features.0", Address("features.0")),
        ("input:_orig_mod.module.a", Address("a", "input")),
        ("relu#1", Address("relu", "output", 1)),
        ("a.b#0+relu", Address("a.b", "output", 0, "relu")),
        ("a#1[0][key]+relu", Address("a", "output", 1, "relu", "[0][key]")),
        ("input:a[query]", Address("a", "input", part="[query]")),
        ("a[0", None),
        ("[0]", None),
        ("", None),
        ("a#b", None),
        ("a+relu#1", None),
    ],
)
def test_addresses(text, address):
    assert parse_address(text) == address
    if address is not None:
        assert str(address) == text.replace("module.", "").replace("_orig_mod.", "")


def test_only_leading_prefixes_are_dropped():
    assert canonical("module._orig_mod.a.module.b") == "a.module.b"


def test_each_call_of_a_reused_module_is_read_before_it_is_overwritten(network, x):
    network.eval()
    with torch.no_grad():
        first = network.first(x)
        hidden = network.second(first.relu())
        norm = network.norm(hidden.relu())
    found = read(network, x, "first", "relu#0", "second", "relu#1", "norm", "norm+relu")
    expected = [first, first.relu(), hidden, hidden.relu(), norm, norm.relu()]
    assert (norm < 0).any()
    for value, wanted in zip(found, expected, strict=True):
        assert torch.equal(value, wanted)


def test_inputs_are_what_goes_in(network, x):
    found = read(network, x, "input:first", "input:second", "relu#0", "input:relu#1")
    assert torch.equal(found[0], x)
    assert torch.equal(found[1], found[2])
    assert torch.equal(found[3], read(network, x, "second")[0])


def test_what_a_survey_lists_is_what_is_read(network, x):
    layers, error, _ = survey(private_copy(network), x)
    assert error is None
    names = [str(address) for address, _ in layers if address.side == "output"]
    expected = ["first", "relu#0", "second", "relu#1", "norm", "norm+relu", "recurrent[0]"]
    assert names == expected
    for address, row in layers:
        (value,) = read(network, x, str(address))
        assert tuple(value.shape[1:]) == row.shape
        assert row.n_features == value[0].numel()
    rows = {row.name: row for _, row in layers}
    assert [name for name in names if rows[name].in_place] == ["first", "second", "norm"]
    assert rows["relu#1"].n_calls == 2
    assert rows["second"].n_params == 4 * 5 + 5
    assert (rows["norm"].type, rows["norm+relu"].type) == ("BatchNorm1d", "relu")


Pair = namedtuple("Pair", "first second")


@dataclass
class Result:
    """What a network may return, with a tensor in it or none."""

    logits: torch.Tensor
    loss: torch.Tensor | None = None


class Returning(nn.Module):
    """Returns what a function makes of its input."""

    def __init__(self, function):
        super().__init__()
        self.inner = nn.Identity()
        self.inner.forward = function

    def forward(self, x):
        self.inner(x)
        return x


@pytest.mark.parametrize(
    ("function", "readable"),
    [
        (lambda x: (x, x + 1), {"inner[0]": 0, "inner[1]": 1}),
        (lambda x: [x + 2, [x, {"a": x + 3}]], {"inner[0]": 2, "inner[1][1][a]": 3}),
        (lambda x: {"a": x, "b": x + 1}, {"inner[a]": 0, "inner['b']": 1}),
        (lambda x: Pair(x, x + 1), {"inner[1]": 1}),
        (lambda x: (Result(x + 1), x), {"inner[0][logits]": 1, "inner[1]": 0}),
        (lambda x: (x + 1, None), {"inner": 1}),
        (lambda x: (x, x.T), {"inner[0]": 0}),
    ],
)
def test_parts_of_what_a_layer_returns_are_read_by_their_place(function, readable, x):
    network = Returning(function)
    met = [str(address) for address, _ in survey(private_copy(network), x).layers]
    for layer, shift in readable.items():
        assert str(parse_address(layer)) in met
        (value,) = read(network, x, layer)
        assert torch.equal(value, x + shift)


def test_inputs_of_several_tensors_have_their_places_or_names(x):
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.add = nn.Identity()
            self.add.forward = lambda a, *, b: a + b

        def forward(self, x):
            return self.add(x, b=x + 1)

    one, other = read(Two(), x, "input:add[0]", "input:add[b]")
    assert torch.equal(one, x)
    assert torch.equal(other, x + 1)


def test_what_has_no_samples_is_left_out(network, x):
    left_out = survey(private_copy(network), x).left_out
    assert [address.module for address in left_out] == ["flat"]


def test_a_survey_goes_as_far_as_the_network_does(network, x):
    network.second = nn.Linear(3, 5)
    layers, error, _ = survey(private_copy(network), x)
    assert error.startswith("RuntimeError('mat1 and mat2")
    layers = dict(layers)
    assert Address("relu") in layers or Address("relu", call=0) in layers
    assert Address("second") not in layers


def test_nothing_is_computed_behind_the_last_layer(network, x):
    class Bomb(nn.Module):
        def forward(self, x):
            raise AssertionError("computed too far")

    network.second = Bomb()
    read(network, x, "first", "relu#0")
    with pytest.raises(AssertionError, match="too far"):
        read(network, x, "norm")


def test_the_network_stays_as_it_is(network, x):
    network.train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    read(network, x, "norm", "input:second")
    survey(private_copy(network), x)
    with pytest.raises(RuntimeError, match="did not compute absent"):
        read(network, x, "absent")
    with pytest.raises(RuntimeError, match="shapes"):
        read(network, x[:, :2], "norm")
    after = network.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert network.n_runs == 0
    assert all(part.training for part in network.modules())
    assert all(parameter.requires_grad for parameter in network.parameters())
    for part in network.modules():
        assert not part._forward_hooks
        assert not part._forward_pre_hooks


def test_a_network_that_catches_exceptions_still_stops(x):
    class Careful(nn.Sequential):
        def forward(self, x):
            try:
                return super().forward(x)
            except Exception:
                return x

    network = Careful(nn.Linear(3, 2), nn.Linear(2, 2))
    (value,) = read(network, x, "0")
    assert torch.equal(value, network[0](x))


def test_wrappers_do_not_show(network, x):
    plain = read(network, x, "norm")[0]
    wrapped = [nn.DataParallel(network), torch.compile(network, backend="eager")]
    wrapped.append(nn.Sequential(torch.compile(network, backend="eager")))
    for wrapper in wrapped[:2]:
        assert torch.equal(read(wrapper, x, "module.norm")[0], plain)
    assert torch.equal(read(wrapped[2], x, "0.norm")[0], plain)
    names = [list(dict(survey(private_copy(w), x).layers)) for w in (network, *wrapped[:2])]
    assert names[0] == names[1] == names[2]


def test_threads_share_taps(network, x):
    taps = Taps(private_copy(network), [Address("first"), Address("norm")])
    rows = [x + i for i in range(40)]
    with torch.inference_mode():
        expected = [taps.read(r, torch.clone) for r in rows]
    wrong = []

    def work(part):
        with torch.inference_mode():
            for i in range(part, 40, 4):
                for _ in range(5):
                    found = taps.read(rows[i], torch.clone)
                    wrong.extend(
                        i
                        for a, b in zip(found, expected[i], strict=True)
                        if not torch.equal(a, b)
                    )

    threads = [threading.Thread(target=work, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_layers_of_a_transformer_are_read_though_it_has_a_shortcut():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True).eval()
    x = torch.randn(3, 5, 4)
    (value,) = read(layer, x, "linear1")
    assert value.shape == (3, 5, 8)


class Chain(nn.Module):
    """Convolutions of which each forgets its input; it notes how many values live on."""

    n_alive: ClassVar = []

    def __init__(self):
        super().__init__()
        self.steps = nn.ModuleList(nn.Conv2d(2, 2, 3, padding=1) for _ in range(6))
        self.last = nn.Identity()

    def forward(self, x):
        values = []
        for step in self.steps:
            x = torch.relu(step(x))
            values.append(StorageWeakRef(x.untyped_storage()))
        self.n_alive.append(sum(not value.expired() for value in values))
        return self.last(x)


def test_a_survey_forgets_what_it_has_met():
    layers = dict(survey(private_copy(Chain()), torch.ones(2, 2, 8, 8)).layers)
    assert len([a for a in layers if a.side == "output" and not a.activation]) == 7
    assert {a.activation for a in layers if a.module == "steps.3"} == {"", "relu"}
    assert Chain.n_alive == [1]


@pytest.mark.parametrize("norm", [nn.utils.weight_norm, nn.utils.spectral_norm])
@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
def test_weights_that_a_hook_computes_are_copied(norm, x):
    torch.manual_seed(0)
    network = nn.Sequential(norm(nn.Linear(3, 4)), nn.ReLU(), nn.Linear(4, 2)).train()
    network(x)
    assert not network[0].weight.is_leaf
    expected = network.eval()[0](x)
    assert torch.equal(read(network, x, "0")[0], expected)
    copied = private_copy(private_copy(network))
    assert torch.equal(read(copied, x, "0")[0], expected)
    assert network[0].weight.requires_grad


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_script_is_told_that_its_layers_cannot_be_read(x):
    script = torch.jit.trace(nn.Linear(3, 4), x)
    with pytest.raises(TypeError, match="layers of a TorchScript module cannot be read"):
        private_copy(script)
    with pytest.raises(TypeError, match="Got a Sequential, whose '1' is one"):
        private_copy(nn.Sequential(nn.ReLU(), script))
