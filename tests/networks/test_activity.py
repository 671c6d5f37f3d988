import pytest
import torch

from skvae.networks.activity import MEMORY_ROWS, RunningMean, Silence, unit_mean


def test_a_unit_is_averaged_over_rows_and_positions():
    maps = torch.randn(5, 3, 4, 2)
    expected = torch.stack([maps[:, unit].flatten().mean() for unit in range(3)])
    torch.testing.assert_close(unit_mean(maps), expected)
    torch.testing.assert_close(unit_mean(maps[:, :, 0, 0]), maps[:, :, 0, 0].mean(dim=0))


@pytest.mark.parametrize("batch_size", [10, 25, 100])
def test_the_estimate_does_not_depend_on_the_batch_size(batch_size):
    x = torch.randn(2000, 3, generator=torch.Generator().manual_seed(0))
    estimates = []
    for size in (batch_size, 2000):
        mean = RunningMean((3,))
        for batch in x.split(size):
            mean.remember(batch.mean(dim=0), len(batch))
        estimates.append(mean.total / mean.weight)
    torch.testing.assert_close(*estimates, atol=0.05, rtol=0)


def test_half_is_forgotten_after_the_memory():
    mean = RunningMean(())
    mean.remember(torch.tensor(4.0), 10**6)
    mean.remember(torch.tensor(0.0), MEMORY_ROWS)
    assert mean.eval()(torch.tensor(9.0), 1) == pytest.approx(2.0)


def test_the_estimate_has_the_batch_in_it_and_the_gradient_of_its_mean():
    mean = RunningMean((2,)).double()
    mean.remember(torch.tensor([1.0, 2.0], dtype=torch.float64), 500)
    batch = torch.tensor([0.5, 0.25], dtype=torch.float64, requires_grad=True)
    estimate = mean(batch, 6)
    kept, first = 0.5 ** (6 / MEMORY_ROWS), 1 - 0.5 ** (500 / MEMORY_ROWS)
    old = torch.tensor([1.0, 2.0], dtype=torch.float64)
    expected = (kept * first * old + (1 - kept) * batch) / (kept * first + 1 - kept)
    torch.testing.assert_close(estimate, expected)
    estimate.sum().backward()
    torch.testing.assert_close(batch.grad, torch.ones(2, dtype=torch.float64))


def test_asking_changes_nothing_and_a_frozen_estimate_stays():
    mean = RunningMean((2,))
    mean(torch.ones(2), 10)
    assert mean.weight == 0
    mean.eval().remember(torch.ones(2), 10)
    assert mean.weight == 0


def test_a_unit_dies_after_so_many_silent_rows_and_lives_again():
    silence = Silence(3)
    code = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, -2.0]])
    for _ in range(MEMORY_ROWS // 2):
        silence.remember(code)
    assert silence.dead.tolist() == [True, False, False]
    silence.remember(code.flip(1))
    assert silence.rows.tolist() == [0, 0, 2]
    silence.eval().remember(code)
    assert silence.rows.tolist() == [0, 0, 2]
