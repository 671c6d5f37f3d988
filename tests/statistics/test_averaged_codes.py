import numpy as np
from scipy.stats import ortho_group

from skvae.statistics.averaged_codes import aligned_mean, spread_out, turns_to_first


def test_turned_copies_average_to_the_first_and_back():
    rng = np.random.default_rng(0)
    code = rng.normal(size=(50, 4)) * [3, 2, 1, 0.5]
    turns = [np.eye(4), *ortho_group(4, seed=1).rvs(2)]
    codes = np.stack([code @ turn + k for k, turn in enumerate(turns)])
    found = turns_to_first(codes)
    np.testing.assert_allclose(aligned_mean(codes, *found), code, atol=1e-10)
    np.testing.assert_allclose(spread_out(code, *found), codes, atol=1e-10)
    np.testing.assert_allclose(found[1][1:], [t.T for t in turns[1:]], atol=1e-10)


def test_turns_are_orthogonal_where_rows_are_few():
    codes = np.random.default_rng(0).normal(size=(2, 3, 6))
    _, turns = turns_to_first(codes)
    np.testing.assert_allclose(turns @ turns.transpose(0, 2, 1), [np.eye(6)] * 2, atol=1e-9)
