import pytest
import torch
from torch import nn

from skvae.networks.builder import Builder
from skvae.networks.conv import ConvAutoencoder
from skvae.networks.dense import DenseAutoencoder
from skvae.networks.sparse_codes import (
    BatchTopKCode,
    JumpReLUCode,
    ReluCode,
    SigmoidCode,
    TopKCode,
    WatchedAutoencoder,
    jump_relu,
    step,
)


@pytest.fixture
def x():
    return torch.randn(64, 8, generator=torch.Generator().manual_seed(0))


def test_a_sigmoid_code_yields_its_mean_activation(x):
    code = SigmoidCode(8, 5)
    trace = dict(code.stages(x))
    torch.testing.assert_close(trace["mean_activation"][0], trace["code"].mean(dim=0))
    code.remember(trace)
    again = dict(code.eval().stages(x[:2]))
    torch.testing.assert_close(again["mean_activation"][1], trace["code"].mean(dim=0))


def test_topk_keeps_the_k_largest_and_passes_gradients_to_them_alone(x):
    code = TopKCode(8, 20, k=4)
    trace = dict(code.stages(x))
    for pre, values in zip(trace["pre_activation"], trace["code"], strict=True):
        kept = pre.argsort(descending=True)[:4]
        expected = torch.zeros(20).index_put((kept,), pre[kept])
        torch.testing.assert_close(values, expected)
    gradient = torch.autograd.grad(trace["code"][:1].sum(), code.to_code.bias)[0]
    torch.testing.assert_close(gradient, (trace["code"][0] != 0).float())


def test_batch_topk_keeps_k_on_average_in_training_and_nearly_so_later(x):
    code = BatchTopKCode(8, 20, k=4)
    for _ in range(100):
        trace = dict(code.stages(x))
        code.remember(trace)
    active = (trace["code"] > 0).sum(dim=1)
    assert active.sum() == 4 * len(x)
    assert active.min() < active.max()
    kept = trace["pre_activation"][trace["code"] > 0]
    dropped = trace["pre_activation"][trace["code"] == 0]
    assert kept.min() >= dropped.max()
    # The threshold is the smallest that was kept, so that a single one is missing.
    later = dict(code.eval().stages(x))["code"]
    assert (later > 0).sum() >= 4 * len(x) - 1
    torch.testing.assert_close(later[later > 0], trace["code"][later > 0])
    one_by_one = torch.cat([dict(code.stages(row[None]))["code"] for row in x])
    torch.testing.assert_close(one_by_one, later)


def test_batch_topk_bears_a_silent_batch():
    code = BatchTopKCode(3, 4, k=2)
    nn.init.constant_(code.to_code.bias, -100.0)
    trace = dict(code.stages(torch.zeros(5, 3)))
    code.remember(trace)
    assert not trace["code"].any()
    assert code.eval().threshold(torch.zeros(()), 5) == 0


def test_jump_relu_is_the_activation_above_its_threshold(x):
    code = JumpReLUCode(8, 6)
    trace = dict(code.stages(x))
    pre = trace["pre_activation"]
    expected = torch.where(pre > code.initial_threshold, pre, 0.0)
    torch.testing.assert_close(trace["code"], expected)
    torch.testing.assert_close(trace["active"], (expected > 0).float())


def test_thresholds_have_the_gradients_of_the_paper():
    x = torch.tensor([[0.2, 0.52], [0.49, 0.9], [0.51, 0.47]], dtype=torch.float64)
    x.requires_grad_()
    threshold = torch.tensor([0.5, 0.5], dtype=torch.float64, requires_grad=True)
    upstream = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], dtype=torch.float64)
    near = torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], dtype=torch.float64)

    open_ = step(x, threshold, 0.1)
    by_x, by_threshold = torch.autograd.grad(
        (open_ * upstream).sum(), (x, threshold), allow_unused=True, retain_graph=True
    )
    assert by_x is None
    torch.testing.assert_close(by_threshold, -(upstream * near).sum(dim=0) / 0.1)

    gated = jump_relu(x, threshold, open_)
    by_x, by_threshold = torch.autograd.grad((gated * upstream).sum(), (x, threshold))
    torch.testing.assert_close(by_x, upstream * (x > 0.5))
    expected = -0.5 * (upstream * near).sum(dim=0) / 0.1
    torch.testing.assert_close(by_threshold, expected)


def test_the_step_has_the_gradient_of_its_mean_over_many_rows():
    x = torch.rand(200_000, 1, generator=torch.Generator().manual_seed(0))
    threshold = torch.tensor([0.3], requires_grad=True)
    step(x, threshold, 0.1).mean().backward()
    # P(x > theta) = 1 - theta for uniform x.
    assert threshold.grad.item() == pytest.approx(-1, abs=0.02)


@pytest.mark.parametrize("hidden", [(), (7,)])
def test_the_watched_yield_the_norms_of_the_weights_that_take_the_code(hidden, x):
    body = Builder(
        DenseAutoencoder,
        n_features=8,
        n_components=5,
        bottleneck=Builder(ReluCode),
        hidden_layer_sizes=hidden,
    )
    network = WatchedAutoencoder(body=body, n_components=5)
    trace = network(x)
    assert network.from_code.in_features == 5
    assert (network.from_code is network.body.to_rows) == (not hidden)
    norms = [network.from_code.weight[:, unit].norm() for unit in range(5)]
    torch.testing.assert_close(trace["decoder_norm"][3], torch.stack(norms))
    assert not trace["dead"].any()
    bias = torch.tensor([-50.0, -50.0, 50.0, 50.0, 50.0])
    network.body.bottleneck.to_code.bias.data.copy_(bias)
    for _ in range(20):
        network.remember(network(x))
    assert network(x)["dead"][0].tolist() == [1, 1, 0, 0, 0]


def test_the_code_of_images_is_taken_by_a_linear_layer_as_well():
    network = ConvAutoencoder(
        image_shape=(1, 6, 6), n_components=4, bottleneck=Builder(ReluCode), channels=(2,)
    )
    assert network.from_code.in_features == 4
