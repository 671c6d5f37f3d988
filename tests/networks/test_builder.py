import copy
import pickle

import joblib
import pytest
import torch
from torch import nn

from skvae.networks.blocks import GaussianCode, LinearCode
from skvae.networks.builder import Builder
from skvae.networks.dense import DenseAutoencoder


def vae(**kwargs):
    return Builder(
        DenseAutoencoder,
        n_features=4,
        n_components=2,
        bottleneck=Builder(GaussianCode),
        **kwargs,
    )


def test_equal_arguments_in_any_order_are_one_value():
    one = Builder(nn.Linear, in_features=3, out_features=2)
    other = Builder(nn.Linear, out_features=2, in_features=3)
    assert one == other
    assert hash(one) == hash(other)
    assert joblib.hash(one) == joblib.hash(other)
    assert len({one, other}) == 1


@pytest.mark.parametrize(
    "other",
    [
        Builder(DenseAutoencoder),
        vae(activation="tanh"),
        Builder(
            DenseAutoencoder, n_features=4, n_components=2, bottleneck=Builder(LinearCode)
        ),
        DenseAutoencoder,
        None,
    ],
)
def test_another_class_argument_or_nested_builder_is_another_value(other):
    assert vae() != other
    assert joblib.hash(vae()) != joblib.hash(other)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, "pickle"])
def test_a_copy_is_the_same_value(copied):
    original = vae(hidden_layer_sizes=(3,))
    twin = pickle.loads(pickle.dumps(original)) if copied == "pickle" else copied(original)
    assert twin == original
    assert hash(twin) == hash(original)
    assert joblib.hash(twin) == joblib.hash(original)
    assert repr(twin) == repr(original)


def test_a_builder_is_made_of_its_state():
    """As skops makes it, which calls no function that a file names."""
    original = vae(hidden_layer_sizes=(3,))
    twin = Builder.__new__(Builder)
    twin.__dict__.update(original.__getstate__())
    assert twin == original
    assert hash(twin) == hash(original)
    assert twin().state_dict().keys() == original().state_dict().keys()


def test_building_leaves_the_value_and_its_hash_alone():
    builder = vae(hidden_layer_sizes=(3,))
    before = joblib.hash(builder)
    first, second = builder(), builder()
    assert joblib.hash(builder) == before
    assert first is not second
    assert first.state_dict().keys() == second.state_dict().keys()


@pytest.mark.parametrize("name", ["cls", "kwargs", "other"])
def test_a_builder_cannot_be_changed(name):
    with pytest.raises(AttributeError, match=name):
        setattr(Builder(nn.Linear), name, None)


def test_positional_arguments_reach_the_class():
    layer = Builder(nn.Linear, bias=False)(3, 2)
    assert layer.weight.shape == (2, 3)
    assert layer.bias is None


def test_repr_reads_as_the_call():
    assert repr(Builder(nn.Linear, out_features=2, bias=False)) == (
        "Builder(Linear, bias=False, out_features=2)"
    )
    assert repr(Builder(nn.ReLU)) == "Builder(ReLU)"


def test_naming_a_network_draws_no_numbers():
    before = torch.get_rng_state()
    vae()
    assert torch.equal(torch.get_rng_state(), before)
