import torch
from torch import nn

from skvae.training.fused_steps import FusedSteps, found_groups


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3))


def optimizer_of(net, **options):
    options = {"lr": 0.01, "fused": True, "weight_decay": 0.1} | options
    groups = [{"params": net[0].parameters()}, {"params": net[2].parameters(), "lr": 0.1}]
    return torch.optim.Adam(groups, **options)


class ByItself:
    """An optimizer that takes all steps itself."""

    def __init__(self, optimizer):
        self.optimizer = optimizer

    def step(self):
        self.optimizer.step()

    def settle(self):
        pass


def trained(kind, without=()):
    """Train by steps of a kind; return the weights and the optimizer's state."""
    net = network()
    optimizer = optimizer_of(net)
    steps = kind(optimizer)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 4)
    x = torch.randn(20, 5, generator=torch.Generator().manual_seed(1))
    for k in range(12):
        optimizer.zero_grad()
        net(x).square().sum().backward()
        if k in without:
            net[2].bias.grad = None
        steps.step()
        if k % 4 == 3:
            steps.settle()
            schedule.step()
    return net.state_dict(), optimizer.state_dict()


def same(without=()):
    weights, state = trained(FusedSteps, without)
    expected_weights, expected_state = trained(ByItself, without)
    for name, value in expected_weights.items():
        assert torch.equal(weights[name], value)
    assert state["param_groups"] == expected_state["param_groups"]
    for index, tensors in expected_state["state"].items():
        for name, value in tensors.items():
            assert torch.equal(state["state"][index][name], value)


def test_steps_have_the_bits_of_the_optimizer():
    same()


def test_a_parameter_without_a_gradient_stays_as_it_does_there():
    same(without=[5, 6])


def test_only_what_the_kernel_does_is_done_without_the_optimizer():
    net = network()
    optimizer = optimizer_of(net)
    assert not found_groups(optimizer)  # no state yet
    steps = FusedSteps(optimizer)
    for _ in range(3):
        net(torch.ones(4, 5)).sum().backward()
        steps.step()
    assert len(found_groups(optimizer)) == len(steps.groups) == 2
    assert found_groups(optimizer)[0].count == 1  # not told yet
    steps.settle()
    assert found_groups(optimizer)[0].count == 3
    for name, value in (("amsgrad", True), ("maximize", True), ("fused", None)):
        before = optimizer.param_groups[0][name]
        optimizer.param_groups[0][name] = value
        assert not found_groups(optimizer)
        optimizer.param_groups[0][name] = before
    assert not found_groups(torch.optim.SGD(net.parameters()))
