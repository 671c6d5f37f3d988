import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from skvae.objectives.batch import Batch
from skvae.objectives.supervision import (
    CrossEntropy,
    SquaredResidual,
    class_scores,
    cross_entropy,
    over_labelled,
    squared_residual,
)
from skvae.objectives.weighting import weighted_mean

X = torch.zeros(6, 2)


@pytest.fixture
def logits():
    return torch.from_numpy(np.random.default_rng(0).normal(size=(6, 3))).float()


def test_one_logit_is_a_softmax_of_two():
    logit = torch.tensor([[-3.0], [0.0], [2.0]])
    probability = class_scores(logit).softmax(dim=1)
    torch.testing.assert_close(probability[:, 1], logit[:, 0].sigmoid())
    loss = cross_entropy(logit, torch.tensor([0, 1, 1]))
    expected = functional.binary_cross_entropy_with_logits(
        logit[:, 0], torch.tensor([0.0, 1.0, 1.0]), reduction="none"
    )
    torch.testing.assert_close(loss, expected)


def test_the_mean_is_over_the_labelled_rows(logits):
    y = torch.tensor([0, -1, 2, 1, -1, 2])
    loss = CrossEntropy()({"logits": logits}, Batch(X, y=y))
    expected = functional.cross_entropy(logits[y >= 0], y[y >= 0])
    torch.testing.assert_close(loss.mean(), expected)
    weight = torch.tensor([1.0, 5.0, 0.0, 2.0, 3.0, 0.5])
    loss = CrossEntropy()({"logits": logits}, Batch(X, y=y, sample_weight=weight))
    each = functional.cross_entropy(logits[y >= 0], y[y >= 0], reduction="none")
    torch.testing.assert_close(
        weighted_mean(loss, weight), weighted_mean(each, weight[y >= 0])
    )


def test_class_weights_weigh_the_classes(logits):
    y = torch.tensor([0, 1, 2, 1, 0, 2])
    loss = CrossEntropy((1.0, 0.0, 3.0))({"logits": logits}, Batch(X, y=y))
    plain = CrossEntropy()({"logits": logits}, Batch(X, y=y))
    torch.testing.assert_close(loss, plain * torch.tensor([1.0, 0.0, 3.0])[y])


def test_missing_targets_leave_no_gradient():
    prediction = torch.tensor([[1.0], [2.0], [3.0]], requires_grad=True)
    target = torch.tensor([0.0, float("nan"), 5.0])
    loss = SquaredResidual()({"prediction": prediction}, Batch(X[:3], y=target))
    loss.mean().backward()
    torch.testing.assert_close(loss.mean().detach(), torch.tensor((0.5 + 2.0) / 2))
    torch.testing.assert_close(prediction.grad[:, 0], torch.tensor([0.5, 0.0, -1.0]))


def test_a_batch_without_labels_costs_nothing(logits):
    logits.requires_grad_()
    loss = CrossEntropy()({"logits": logits}, Batch(X, y=torch.full((6,), -1)))
    loss.sum().backward()
    assert loss.sum() == 0
    assert not logits.grad.any()


@given(st.lists(st.booleans(), min_size=2, max_size=8).filter(any))
def test_over_labelled_keeps_the_mean_of_the_labelled(labelled):
    labelled = torch.tensor(labelled)
    loss = torch.arange(1.0, len(labelled) + 1) * labelled
    torch.testing.assert_close(over_labelled(loss, labelled).mean(), loss[labelled].mean())


@pytest.mark.parametrize("weighted", [False, True])
def test_several_targets_are_the_mean_of_each(weighted):
    rng = np.random.default_rng(0)
    prediction, y = torch.from_numpy(rng.normal(size=(2, 6, 3)))
    weight = torch.from_numpy(rng.random(6)) if weighted else None
    objective, trace = SquaredResidual(), {"prediction": prediction}
    found = weighted_mean(objective(trace, Batch(X, y=y, sample_weight=weight)), weight)
    expected = weighted_mean((prediction - y).square().mean(dim=1) / 2, weight)
    torch.testing.assert_close(found, expected)
    y[[0, 3], [1, 2]] = torch.nan
    found = weighted_mean(objective(trace, Batch(X, y=y, sample_weight=weight)), weight)
    each = [
        weighted_mean(
            objective({"prediction": p[:, None]}, Batch(X, y=c, sample_weight=weight)),
            weight,
        )
        for p, c in zip(prediction.T, y.T, strict=True)
    ]
    torch.testing.assert_close(found, torch.stack(each).mean())


def test_a_prediction_that_is_nan_is_no_missing_target():
    target = torch.tensor([[1.0], [math.nan]])
    loss = squared_residual(torch.tensor([[math.nan], [math.nan]]), target)
    assert loss[0].isnan()
    assert loss[1] == 0
