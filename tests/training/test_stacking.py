"""Networks trained side by side are those trained alone, bit for bit."""

import logging
from dataclasses import replace

import numpy as np
import pytest
import torch
from joblib import parallel_config

from skvae import (
    AttriVAE,
    Autoencoder,
    DenoisingAutoencoder,
    SparseAutoencoder,
    VAEFeatureExtractor,
)
from skvae.estimators.collected_fits import collect
from skvae.exceptions import NonFiniteLossError
from skvae.objectives.elbo import BetaELBO
from skvae.objectives.numbers import numbers_of, with_numbers
from skvae.training.fitting import Fitted, train
from skvae.training.stacked_adam import StackedAdam
from skvae.training.stacked_linear import measured
from skvae.training.stacked_terms import StackedTerms, runs
from skvae.training.stacking import LARGEST, grouped, step_of, train_many, why_alone

ROWS = np.random.default_rng(0).normal(size=(60, 30)).astype("f4") * 3
LABELS = np.arange(60) % 2
ATTRIBUTES = np.random.default_rng(1).normal(size=(60, 2))
ATTRIBUTES[::7, 0] = np.nan
N_NETS = 5


def job_of(estimator, X=ROWS, **columns):
    """What a fit would train."""
    estimator.set_params(device="cpu", n_threads=1)
    return collect(lambda: estimator.fit(X, **columns)).job


def jobs_of(make, n_epochs=3, rows=lambda k: slice(None), columns=None):
    given = columns or {}
    return [
        job_of(
            make(k).set_params(max_iter=n_epochs, random_state=k),
            ROWS[rows(k)],
            **{name: values[rows(k)] for name, values in given.items()},
        )
        for k in range(N_NETS)
    ]


def assert_as_alone(jobs, n_jobs=None):
    together = train_many(jobs, n_jobs)
    for job, found in zip(jobs, together, strict=True):
        alone = train(job.recipe, job.data, job.start)
        assert isinstance(found, Fitted)
        assert list(found.state) == list(alone.state)
        for name, value in alone.state.items():
            np.testing.assert_array_equal(found.state[name], value)
        assert found.history == alone.history
        assert found.phases == alone.phases


VAE = VAEFeatureExtractor
KINDS = {
    "vae": lambda k: VAE(8, hidden_layer_sizes=(16, 12)),
    "settings": lambda k: VAE(
        8,
        beta=[0.5, 1.0, 4.0, 0.0, 1.0][k],
        learning_rate_init=[1e-3, 1e-3, 1e-2, 3e-3, 1e-3][k],
        weight_decay=[0.0, 1e-3, 0.0, 0.0, 0.1][k],
    ),
    "warm-up": lambda k: VAE(8, beta=1.0 + k, kl_warmup=0.5),
    "free bits": lambda k: VAE(8, free_bits=0.1),
    "clipped": lambda k: VAE(8, max_grad_norm=1.0),
    "dropout": lambda k: VAE(8, dropout=0.2),
    "one unit": lambda k: VAE(1, hidden_layer_sizes=(5,), batch_size=8),
    "linear": lambda k: Autoencoder(8, hidden_layer_sizes=()),
    "denoising": lambda k: DenoisingAutoencoder(8),
    "swapping": lambda k: DenoisingAutoencoder(
        8, corruption="swapping", counted="corrupted"
    ),
    "blocks": lambda k: DenoisingAutoencoder(8, corruption="dropout_blocks", block_size=7),
    "kl": lambda k: SparseAutoencoder(20, sparsity="kl", sparsity_weight=0.1 * k + 0.1),
    "topk": lambda k: SparseAutoencoder(20, sparsity="topk", k=4),
    "batch_topk": lambda k: SparseAutoencoder(20, sparsity="batch_topk", k=4),
    "jumprelu": lambda k: SparseAutoencoder(20, sparsity="jumprelu", k=4),
    # Their bits differ in a stack, which is found out: they are trained alone.
    "l1": lambda k: SparseAutoencoder(20, sparsity="l1"),
    "batch norm": lambda k: VAE(8, normalization="batch"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_same_bits_as_alone(kind):
    assert_as_alone(jobs_of(KINDS[kind]))


@pytest.mark.parametrize("name", ["unequal", "weights", "attributes", "labels"])
def test_same_bits_with_columns(name):
    rows = {"unequal": lambda k: slice(k, 33 + 5 * k)}.get(name, lambda k: slice(None))
    columns = {
        "weights": {"sample_weight": np.linspace(0, 2, 60)},
        "attributes": {"attributes": ATTRIBUTES},
        "labels": {"attributes": ATTRIBUTES, "y": LABELS},
    }.get(name)
    make = KINDS["vae"] if name in ("unequal", "weights") else attri_vae
    assert_as_alone(jobs_of(make, rows=rows, columns=columns))


@pytest.mark.parametrize("kind", ["vae", "linear", "denoising", "topk"])
def test_same_bits_with_holes(kind):
    gone = np.random.default_rng(2).random(ROWS.shape) < 0.3
    jobs = []
    for k in range(N_NETS):
        estimator = KINDS[kind](k).set_params(missing="mask", max_iter=3, random_state=k)
        jobs.append(job_of(estimator, np.where(gone, np.nan, ROWS)[k : 33 + 5 * k]))
    centres = {job.start.state["centre"].tobytes() for job in jobs}
    assert len(centres) == N_NETS
    ((numbers, reason),) = grouped(jobs)
    assert len(numbers) == N_NETS
    assert reason == ""
    assert_as_alone(jobs)


@pytest.mark.parametrize("n_columns", [30, 29])
@pytest.mark.parametrize("n_rows", [45, 47])
def test_same_bits_where_matrices_begin_within_a_cache_line(n_rows, n_columns):
    """Of 13 rows, the matrices of every other network begin where a lone one does not."""

    def make(k):
        return Autoencoder(3, hidden_layer_sizes=(8,), batch_size=16)

    for seed in range(3):
        rows = np.random.default_rng(seed).normal(size=(60, n_columns)).astype("f4")
        jobs = []
        for k in range(N_NETS):
            estimator = make(k).set_params(max_iter=3, random_state=k)
            jobs.append(job_of(estimator, rows[k : n_rows + k]))
        assert_as_alone(jobs)


def attri_vae(k):
    return AttriVAE(8, gamma=1.0 + k, leakage_weight=0.01 * k + 0.01)


def test_each_stops_at_an_epoch_of_its_own():
    def make(k):
        return VAE(4, early_stopping=True, n_iter_no_change=1, learning_rate_init=0.02)

    jobs = jobs_of(make, n_epochs=25)
    assert_as_alone(jobs)
    n_epochs = {len(found.history) for found in train_many(jobs)}
    assert len(n_epochs) > 1
    assert max(n_epochs) < 25


def test_traced_gradients_have_the_same_bits():
    # From `stacked_step.PAYS_FROM` epochs on, all but the first call are traced.
    assert_as_alone(jobs_of(lambda k: VAE(8, batch_size=16), n_epochs=50))


@pytest.fixture
def traced_at_once(monkeypatch):
    """Trace from the second call of a size on, however few epochs there are."""
    monkeypatch.setattr("skvae.training.stacked_step.PAYS_FROM", 1)
    step_of.cache_clear()
    yield
    step_of.cache_clear()


@pytest.mark.parametrize("kind", ["settings", "warm-up", "dropout", "kl", "batch_topk"])
def test_traces_have_the_same_bits(kind, traced_at_once):
    """Of numbers that differ, of progress, of draws, and of what a network remembers."""
    assert_as_alone(jobs_of(KINDS[kind], n_epochs=5))


def test_a_trace_is_not_taken_for_one_of_other_columns(traced_at_once):
    assert_as_alone(jobs_of(KINDS["vae"], rows=lambda k: slice(k, 33 + 5 * k)))
    weights = {"sample_weight": np.linspace(0, 2, 60)}
    assert_as_alone(jobs_of(KINDS["vae"], columns=weights))
    assert_as_alone(jobs_of(attri_vae, columns={"attributes": ATTRIBUTES}))


def test_traces_of_a_stack_that_shrinks(traced_at_once):
    def make(k):
        rate = [1e-3, 1e-2, 0.1, 1e-3, 1e-2][k]
        return VAE(8, early_stopping=True, n_iter_no_change=1, learning_rate_init=rate)

    jobs = jobs_of(make, n_epochs=12)
    assert_as_alone(jobs)
    assert len({len(found.history) for found in train_many(jobs)}) > 1


def test_threads_train_the_stacks_of_a_group_in_turn(traced_at_once):
    # They share the network that is called with the weights of each, and its traces.
    jobs = [job for _ in range(3) for job in jobs_of(KINDS["vae"])]
    with parallel_config("threading"):
        assert_as_alone(jobs, n_jobs=4)


def test_a_network_that_fails_is_alone_with_it():
    rates = [1e-3, 1e30, 1e-3, 1e-3, 1e-3]
    jobs = jobs_of(lambda k: VAE(8, learning_rate_init=rates[k]))
    found = train_many(jobs)
    assert isinstance(found[1], NonFiniteLossError)
    with pytest.raises(NonFiniteLossError) as alone:
        train(jobs[1].recipe, jobs[1].data)
    assert str(found[1]) == str(alone.value)
    expected = train(jobs[2].recipe, jobs[2].data)
    for name, value in expected.state.items():
        np.testing.assert_array_equal(found[2].state[name], value)


def test_a_last_step_that_is_too_long_fails_as_alone():
    rates = [1e-3, 1e30, 1e-3, 1e-3, 1e-3]
    jobs = jobs_of(lambda k: VAE(8, learning_rate_init=rates[k], batch_size=60), 1)
    found = train_many(jobs)
    with pytest.raises(NonFiniteLossError) as alone:
        train(jobs[1].recipe, jobs[1].data)
    assert str(found[1]) == str(alone.value)


def test_bits_do_not_depend_on_what_else_is_in_the_stack():
    jobs = jobs_of(KINDS["vae"])
    (whole, part) = train_many(jobs), train_many(jobs[1:])
    for a, b in zip(whole[1:], part, strict=True):
        for name, value in a.state.items():
            np.testing.assert_array_equal(value, b.state[name])


def test_one_is_trained_alone(monkeypatch):
    def no_stack(*_):
        raise AssertionError

    monkeypatch.setattr("skvae.training.stacking.Stack", no_stack)
    (job, *_) = jobs_of(KINDS["vae"])
    (found,) = train_many([job])
    np.testing.assert_equal(found.state, train(job.recipe, job.data).state)


def test_groups_by_architecture_and_says_why_not(caplog):
    jobs = [
        *jobs_of(KINDS["settings"]),
        *jobs_of(lambda k: VAE(3)),
        job_of(VAE(4, batch_size=7, random_state=0)),
        job_of(VAE(4, normalization="group", random_state=0)),
        job_of(Autoencoder(4, random_state=0, precision="bfloat16")),
    ]
    groups = grouped(jobs)
    assert [numbers for numbers, _ in groups] == [
        [0, 1, 2, 3, 4],
        [5, 6, 7, 8, 9],
        [10],
        [11],
        [12],
    ]
    assert [why for _, why in groups[2:]] == [
        "too few of their kind",
        "StableGroupNorm",
        "precision",
    ]
    with caplog.at_level(logging.INFO, logger="skvae"):
        assert train_many(jobs[-1:], only_stacks=True) == [None]
        train_many(jobs[-1:])
    assert "training 1 networks alone: precision" in caplog.text


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"solver": "lbfgs"}, "solver"),
        ({"device": "cuda"}, "device"),
        ({"augment": lambda batch, generator: batch}, "augmentation"),
    ],
)
def test_what_cannot_be_stacked(changed, why):
    (job, *_) = jobs_of(KINDS["vae"])
    assert why_alone(job) == ""
    assert why_alone(replace(job, recipe=replace(job.recipe, **changed))) == why


def test_a_large_group_makes_stacks_of_one_size(monkeypatch):
    sizes = []

    class Counted:
        def __init__(self, jobs, step):
            sizes.append(len(jobs))

        def train(self):
            return [None] * sizes[-1]

    monkeypatch.setattr("skvae.training.stacking.Stack", Counted)
    (job, *_) = jobs_of(KINDS["vae"])
    train_many([job] * (2 * LARGEST + 2))
    assert sum(sizes) == 2 * LARGEST + 2
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) <= LARGEST


def test_adam_steps_as_torch_does():
    draws = torch.Generator().manual_seed(0)
    shapes = {"weight": (7, 5), "bias": (16,)}
    weights = {n: torch.randn(3, *s, generator=draws) for n, s in shapes.items()}
    alone = [[w[k].clone().requires_grad_() for w in weights.values()] for k in range(3)]
    optimizers = [
        torch.optim.Adam(
            each, lr=0.01 * (1 + k // 2), weight_decay=0.1 * (k // 2), fused=True
        )
        for k, each in enumerate(alone)
    ]
    adam = StackedAdam(weights)
    for _ in range(3):
        gradients = [torch.randn(w.shape, generator=draws) for w in weights.values()]
        adam.step(0, 2, [g[:2] for g in gradients], 0.01, 0.0)
        adam.step(2, 3, [g[2:] for g in gradients], 0.02, 0.1)
        for k, (each, optimizer) in enumerate(zip(alone, optimizers, strict=True)):
            for parameter, gradient in zip(each, gradients, strict=True):
                parameter.grad = gradient[k].clone()
            optimizer.step()
    for k, each in enumerate(alone):
        for stacked, parameter in zip(weights.values(), each, strict=True):
            assert torch.equal(stacked[k], parameter)


def test_terms_are_averaged_network_by_network():
    terms = StackedTerms([5, 5, 4])
    first = torch.arange(9.0).reshape(3, 3)
    terms.add(0, 3, {"a": first, "b": torch.tensor([1.0, 2.0, 3.0])}, None)
    second = torch.tensor([[4.0, 8.0], [0.0, 1.0]])
    terms.add(0, 2, {"a": second, "b": torch.tensor([2.0, 4.0])}, None)
    terms.add(2, 3, {"a": torch.tensor([[7.0]]), "b": torch.tensor([5.0])}, None)
    means = terms.means([3, 2, 1])
    # A number of a batch weighs as its rows.
    expected = [[3.0, 1.4], [2.6, 2.8], [7.0, 3.5]]
    found = [[mean["a"], mean["b"]] for mean in means]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_runs_of_equal_keys():
    assert runs([]) == []
    assert runs([1, 1, 2, 1]) == [(0, 2), (2, 3), (3, 4)]


def test_products_that_are_batched_are_exact():
    """What `measured` calls exact is so on other numbers, too."""
    draws = torch.Generator().manual_seed(7)
    for n, p, q in [(32, 100, 64), (9, 8, 3), (1, 5, 2), (33, 17, 16)]:
        x, w = torch.randn(4, n, p, generator=draws), torch.randn(4, q, p, generator=draws)
        b = torch.randn(4, q, generator=draws)
        if measured(4, n, p, q).output:
            batched = torch.baddbmm(b[:, None], x, w.transpose(1, 2))
            for k in range(4):
                layer = x[k].clone(), w[k].clone(), b[k].clone()
                alone = torch.nn.functional.linear(*layer)
                assert torch.equal(batched[k], alone)


def test_numbers_of_an_objective_are_its_declared_ones():
    objective = BetaELBO(beta=4.0, kl_warmup=0.5)
    assert numbers_of(objective) == {"beta": 4.0}
    assert with_numbers(objective, {"beta": 2.0}) == BetaELBO(beta=2.0, kl_warmup=0.5)
