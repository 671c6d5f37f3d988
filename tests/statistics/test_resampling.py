import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skvae.statistics.resampling import (
    check_exchangeable,
    half_sample_interval,
    random_half,
    shuffled_blocks,
    shuffled_within,
)

groups = st.lists(st.integers(0, 5), min_size=1, max_size=25).map(
    lambda g: np.unique(g, return_inverse=True)[1]
)


@given(groups, st.integers(0, 99))
def test_rows_stay_in_their_group(group, seed):
    order = shuffled_within(group, np.random.default_rng(seed))
    assert sorted(order) == list(range(len(group)))
    assert (group[order] == group).all()


@given(groups, st.integers(0, 99))
def test_whole_groups_change_places_with_others_of_their_size(group, seed):
    order = shuffled_blocks(group, np.random.default_rng(seed))
    assert sorted(order) == list(range(len(group)))
    for g in np.unique(group):
        came = order[group == g]
        assert len(np.unique(group[came])) == 1
        assert (group == group[came[0]]).sum() == (group == g).sum()


def test_every_arrangement_is_as_likely():
    rng = np.random.default_rng(0)
    group = np.array([0, 0, 1, 1, 2, 2])
    for shuffle in (shuffled_within, shuffled_blocks):
        drawn = [tuple(shuffle(group, rng)) for _ in range(1200)]
        arrangements, counts = np.unique(drawn, axis=0, return_counts=True)
        assert len(arrangements) == (8 if shuffle is shuffled_within else 6)
        assert counts.min() > 100


def test_groups_that_cannot_be_exchanged():
    check_exchangeable(np.repeat(np.arange(4), 3))
    with pytest.raises(ValueError, match="grouping='blocks'"):
        check_exchangeable(np.repeat(np.arange(4), [1, 2, 3, 4]))


def test_a_half_has_whole_groups():
    group = np.repeat(np.arange(6), [1, 5, 2, 2, 4, 1])
    rows = random_half(group, np.random.default_rng(0))
    assert len(np.unique(group[rows])) == 3
    assert np.isin(group, group[rows]).sum() == len(rows)


def test_interval_of_a_mean_is_that_of_the_textbook():
    x = np.random.default_rng(0).normal(3, 2, size=400)
    low, high = half_sample_interval(
        x.mean(),
        lambda r: x[r].mean(),
        np.arange(400),
        2000,
        0.95,
        np.random.default_rng(1),
    )
    half = 1.96 * x.std() / 20
    assert (low, high) == pytest.approx((x.mean() - half, x.mean() + half), abs=0.1 * half)


@pytest.mark.parametrize("n_studies", [100, pytest.param(300, marks=pytest.mark.nightly)])
def test_interval_covers_a_correlation_over_patients(n_studies):
    """Studies of 40 patients with five like rows each."""
    rng, covered = np.random.default_rng(0), 0
    group = np.repeat(np.arange(40), 5)
    for _ in range(n_studies):
        patients = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], 40)
        rows = patients[group] + 0.1 * rng.normal(size=(200, 2))
        low, high = half_sample_interval(
            np.corrcoef(rows.T)[0, 1],
            lambda r, rows=rows: np.corrcoef(rows[r].T)[0, 1],
            group,
            100,
            0.95,
            rng,
        )
        covered += low < 0.5 / 1.01 < high
    assert 0.88 < covered / n_studies <= 0.98
