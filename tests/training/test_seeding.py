from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from skvae.training.seeding import PrivateRandomness, generator

DRAWS = {
    "linear": lambda: nn.Linear(3, 2).weight,
    "conv": lambda: nn.Conv2d(2, 2, 3).weight,
    "embedding": lambda: nn.Embedding(3, 2).weight,
    "gru": lambda: nn.GRU(2, 3).weight_hh_l0,
    "attention": lambda: nn.MultiheadAttention(4, 2).in_proj_weight,
    "uniform": lambda: nn.init.uniform_(torch.empty(3, 2)),
    "normal": lambda: nn.init.normal_(torch.empty(3, 2)),
    "trunc_normal": lambda: nn.init.trunc_normal_(torch.empty(3, 2)),
    "xavier_uniform": lambda: nn.init.xavier_uniform_(torch.empty(3, 2)),
    "xavier_normal": lambda: nn.init.xavier_normal_(torch.empty(3, 2)),
    "kaiming_uniform": lambda: nn.init.kaiming_uniform_(torch.empty(3, 2)),
    "kaiming_normal": lambda: nn.init.kaiming_normal_(torch.empty(3, 2)),
    "orthogonal": lambda: nn.init.orthogonal_(torch.empty(3, 2)),
    "sparse": lambda: nn.init.sparse_(torch.empty(30, 2), 0.1),
    "rand": lambda: torch.rand(5),
    "randn": lambda: torch.randn(5),
    "randint": lambda: torch.randint(1000, (5,)),
    "randperm": lambda: torch.randperm(50),
    "normal function": lambda: torch.normal(torch.zeros(5), 1.0),
    "bernoulli": lambda: torch.bernoulli(torch.full((50,), 0.5)),
    "multinomial": lambda: torch.multinomial(torch.ones(50), 20),
    "poisson": lambda: torch.poisson(torch.full((50,), 9.0)),
    "uniform_": lambda: torch.empty(5).uniform_(),
    "normal_": lambda: torch.empty(5).normal_(),
    "bernoulli_": lambda: torch.empty(50).bernoulli_(),
    "exponential_": lambda: torch.empty(5).exponential_(),
    "random_": lambda: torch.empty(5).random_(),
    "cauchy_": lambda: torch.empty(5).cauchy_(),
    "log_normal_": lambda: torch.empty(5).log_normal_(),
    "geometric_": lambda: torch.empty(50).geometric_(0.1),
}


def drawn(name, seed):
    with PrivateRandomness(generator(seed)):
        return DRAWS[name]().detach().clone()


@pytest.mark.parametrize("name", DRAWS)
def test_draws_come_from_the_private_generator(name, random_state):
    before = random_state()
    first, again, other = drawn(name, 0), drawn(name, 0), drawn(name, 1)
    assert random_state() == before
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_generator_that_is_given_is_kept():
    inner = torch.Generator().manual_seed(5)
    with PrivateRandomness(generator(0)):
        values = torch.rand(3, generator=inner)
    assert torch.equal(values, torch.rand(3, generator=torch.Generator().manual_seed(5)))


def test_the_global_generator_draws_again_behind_the_block():
    with PrivateRandomness(generator(0)):
        pass
    before = torch.get_rng_state()
    torch.rand(1)
    assert not torch.equal(torch.get_rng_state(), before)


def test_threads_do_not_disturb_one_another():
    expected = [drawn("linear", seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda i: drawn("linear", i % 4), range(200)))
    assert all(torch.equal(value, expected[i % 4]) for i, value in enumerate(found))


def test_a_seed_is_a_stream_of_its_own():
    assert torch.equal(
        torch.rand(4, generator=generator(3)),
        torch.rand(4, generator=torch.Generator().manual_seed(3)),
    )
    draws = [torch.rand(4, generator=generator(seed)) for seed in (0, 1, 2**31 - 1)]
    assert len({tuple(values.tolist()) for values in draws}) == 3
