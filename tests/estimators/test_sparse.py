import numpy as np
import pytest
import torch
from contract import small
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline

from skvae import SparseAutoencoder
from skvae.estimators.sparse import MeasuredCode, TopKCode


@pytest.fixture(scope="module")
def digits():
    return (load_digits().data / 16).astype(np.float32)


@pytest.fixture(scope="module")
def quiet(digits):
    return SparseAutoencoder(100, random_state=0, n_threads=1, max_iter=60).fit(digits)


def test_mean_activations_reach_their_target(quiet, digits):
    activation = quiet.transform(digits).mean(axis=0)
    assert np.abs(activation - 0.05).max() < 0.03
    np.testing.assert_allclose(quiet.mean_activation_, activation, atol=0.01)


def test_without_weight_the_code_is_dense(digits):
    dense = SparseAutoencoder(100, sparsity_weight=0.0, random_state=0, n_threads=1)
    activation = dense.set_params(max_iter=60).fit_transform(digits).mean()
    assert activation > 0.2


def test_diagnostics_are_those_of_the_training_rows(digits):
    sparse = small(SparseAutoencoder, n_components=12, max_iter=20).fit(digits[:500])
    code = sparse.transform(digits[:500])
    np.testing.assert_allclose(sparse.mean_activation_, code.mean(axis=0), rtol=1e-6)
    assert sparse.l0_ == pytest.approx((code > 0.1).sum(axis=1).mean())
    assert sparse.dead_units_ == (code.max(axis=0) <= 0.1).sum()
    residual = digits[:500] - sparse.reconstruct(digits[:500])
    explained = 1 - np.square(residual).sum() / digits[:500].var(axis=0).sum() / 500
    assert sparse.explained_variance_ == pytest.approx(explained, rel=1e-4)


def test_topk_has_exactly_k_active_units_and_they_are_the_largest(digits):
    sparse = small(SparseAutoencoder, n_components=40, sparsity="topk", k=7, max_iter=5)
    code = sparse.fit_transform(digits)
    assert ((code != 0).sum(axis=1) == 7).all()
    pre = sparse.set_params(layer="pre_activation").transform(digits)
    kept = np.where(code != 0, pre, np.inf).min(axis=1)
    dropped = np.where(code == 0, pre, -np.inf).max(axis=1)
    assert (kept >= dropped).all()
    np.testing.assert_array_equal(code[code != 0], pre[code != 0])
    assert sparse.l0_ == 7
    assert "sparsity" not in sparse.history_[-1]


def test_more_units_than_there_are_cannot_be_active(rows):
    with pytest.raises(ValueError, match="k=10 with n_components=3"):
        small(SparseAutoencoder, sparsity="topk").fit(rows)


@pytest.mark.parametrize("batch_size", [10, 25, 100])
def test_the_running_mean_does_not_depend_on_the_batch_size(batch_size):
    torch.manual_seed(0)
    x = torch.randn(2000, 5)
    estimates = []
    for size in (batch_size, 2000):
        code = MeasuredCode(5, 3)
        torch.nn.init.constant_(code.to_code.weight, 0.3)
        torch.nn.init.zeros_(code.to_code.bias)
        for batch in x.split(size):
            code.remember(dict(code.stages(batch)))
        estimates.append(code.total / code.weight)
    torch.testing.assert_close(*estimates, atol=0.03, rtol=0)


def test_the_estimate_has_the_gradient_of_the_batch_mean():
    code = MeasuredCode(4, 3).double()
    code.total.fill_(0.02)
    code.weight.fill_(0.5)
    x = torch.randn(6, 4, dtype=torch.float64)
    trace = dict(code.stages(x))
    weight = code.to_code.weight
    found = torch.autograd.grad(
        trace["mean_activation"][0].sum(), weight, retain_graph=True
    )
    expected = torch.autograd.grad(trace["code"].mean(dim=0).sum(), weight)
    torch.testing.assert_close(found, expected)
    kept = 0.5 ** (6 / 1000)
    batch = trace["code"].mean(dim=0)
    value = (kept * 0.02 + (1 - kept) * batch) / (kept * 0.5 + (1 - kept))
    torch.testing.assert_close(trace["mean_activation"][0], value)


def test_the_walk_itself_and_a_frozen_code_remember_nothing():
    code = MeasuredCode(4, 3)
    trace = dict(code.stages(torch.randn(6, 4)))
    assert code.weight == 0
    code.eval().remember(trace)
    assert code.weight == 0
    code.train().remember(trace)
    assert code.weight > 0


def test_topk_passes_gradients_to_what_it_keeps_alone():
    code = TopKCode(4, 6, k=2)
    trace = dict(code.stages(torch.randn(1, 4)))
    (gradient,) = torch.autograd.grad(trace["code"].sum(), code.to_code.bias)
    torch.testing.assert_close(gradient, (trace["code"][0] != 0).float())


def test_codes_of_another_transformer(digits):
    pipeline = make_pipeline(
        PCA(20, whiten=True, random_state=0),
        SparseAutoencoder(
            50, sparsity="topk", k=5, max_iter=30, random_state=0, n_threads=1
        ),
    )
    pipeline.fit(digits)
    assert pipeline[-1].explained_variance_ > 0.4
