import pickle

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

import skvae
from skvae.networks.builder import Builder
from skvae.networks.dense import DenseAutoencoder
from skvae.training.transfer import transfer_weights


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_fitted_network_that_was_damaged_does_not_load(rows, value):
    fitted = skvae.Autoencoder(2, max_iter=1, random_state=0).fit(rows)
    name = next(iter(fitted.network_.state))
    fitted.network_.state[name].flat[0] = value
    with pytest.raises(ValueError, match=rf"tensor {name} has entries that are NaN"):
        pickle.loads(pickle.dumps(fitted))


def network(value, where="0.weight"):
    built = nn.Sequential(nn.Linear(12, 4), nn.BatchNorm1d(4))
    with torch.no_grad():
        built.state_dict()[where].flatten()[0] = value
    return built


@pytest.mark.parametrize("where", ["0.weight", "1.running_var"])
@pytest.mark.parametrize("as_factory", [False, True])
def test_a_borrowed_network_without_numbers_is_refused(rows, where, as_factory):
    model = network(np.nan, where)
    reader = skvae.LayerExtractor((lambda: model) if as_factory else model, layer="0")
    with pytest.raises(ValueError, match=rf"tensor {where} has entries that are NaN"):
        reader.fit(rows)


def test_a_buffer_may_be_infinite(rows):
    model = network(1.0)
    model.register_buffer("mask", torch.full((2,), -torch.inf))
    features = skvae.LayerExtractor(model, layer="0").fit(rows).transform(rows)
    assert np.isfinite(features).all()


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_weights_that_are_no_numbers_are_not_taken_over(tmp_path, value):
    path = tmp_path / "weights.safetensors"
    safetensors.torch.save_file(network(value).state_dict(), path)
    target = network(0.5)
    before = {name: tensor.clone() for name, tensor in target.state_dict().items()}
    with pytest.raises(ValueError, match=r"tensor 0\.weight has entries that are NaN"):
        transfer_weights(target, path)
    assert all(torch.equal(tensor, before[n]) for n, tensor in target.state_dict().items())
    other = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    transfer_weights(other, path)  # what does not fit is not looked at


def test_an_option_that_a_network_has_not_is_named():
    builder = Builder(DenseAutoencoder, n_features=3, n_compnents=2, bottleneck=None)
    with pytest.raises(TypeError, match=r"'n_compnents' for DenseAutoencoder.*n_features"):
        builder()
    nested = Builder(nn.ModuleList, modules=(1,))
    with pytest.raises(TypeError, match="int is not a Module"):
        nested()
