import numpy as np
import pytest
from scipy.stats import ortho_group

from skvae.statistics.code_similarity import (
    effective_rank,
    isotropy,
    linear_cka,
    mean_subspace_angle,
)

RNG = np.random.default_rng(0)


def literal_hsic(k, other):
    """HSIC as Song et al. (2012) write it, by the matrices of all pairs of rows."""
    n = len(k)
    k, other = (m - np.diag(np.diag(m)) for m in (k, other))
    one = np.ones(n)
    trace = np.trace(k @ other)
    total = (one @ k @ one) * (one @ other @ one) / ((n - 1) * (n - 2))
    return (trace + total - 2 / (n - 2) * (one @ k @ other @ one)) / (n * (n - 3))


def test_cka_is_that_of_the_published_formula():
    a, b = RNG.normal(2, 3, size=(25, 7)), RNG.normal(size=(25, 4))
    b[:, 0] += a[:, 0]
    k, other = a @ a.T, b @ b.T
    pairs = (literal_hsic(*pair) for pair in ((k, other), (k, k), (other, other)))
    cross, *own = pairs
    assert linear_cka(a, b) == pytest.approx(cross / np.sqrt(np.prod(own)))
    assert linear_cka(a, b) == pytest.approx(linear_cka(b, a))


def test_cka_does_not_mind_rotation_scale_and_offset_but_other_maps():
    a, b = RNG.normal(size=(2, 30, 5))
    b += a
    turned = 7 + 1e4 * a @ ortho_group.rvs(5, random_state=0)
    assert linear_cka(a, a) == pytest.approx(1)
    assert linear_cka(turned, b) == pytest.approx(linear_cka(a, b))
    stretched = a * [1, 1, 1, 1, 30]
    assert linear_cka(a, stretched) < 0.8


def test_cka_of_unrelated_codes_is_zero_also_with_few_rows():
    found = [linear_cka(*RNG.normal(size=(2, 20, 200))) for _ in range(200)]
    assert abs(np.mean(found)) < 0.02
    # The estimator of which the bias is not removed says that they are alike.
    a, b = (x - x.mean(axis=0) for x in RNG.normal(size=(2, 20, 200)))
    grams = a @ a.T, b @ b.T
    plain = (grams[0] * grams[1]).sum() / np.prod([np.linalg.norm(g) for g in grams])
    assert plain > 0.8


def test_cka_that_is_not_defined():
    a = RNG.normal(size=(9, 3))
    assert np.isnan(linear_cka(a[:3], a[:3]))
    assert np.isnan(linear_cka(a, np.ones((9, 2))))


def test_subspace_angles():
    a = RNG.normal(size=(50, 4))
    mixed = a @ RNG.normal(size=(4, 4)) + 9
    assert mean_subspace_angle(a, mixed) == pytest.approx(0, abs=1e-5)
    other = np.linalg.qr(np.hstack([np.ones((50, 1)), a, RNG.normal(size=(50, 4))]))[0]
    assert mean_subspace_angle(a, other[:, 5:]) == pytest.approx(90)
    half = np.hstack([a[:, :2], other[:, 5:7]])
    half = np.linalg.qr(half - half.mean(axis=0))[0]
    assert mean_subspace_angle(a, half) == pytest.approx(45)
    assert np.isnan(mean_subspace_angle(a[:5], a[:5]))
    assert np.isnan(mean_subspace_angle(a, np.ones((50, 4))))


def test_effective_rank_of_known_spectra():
    u = np.linalg.qr(RNG.normal(size=(40, 6)) - 0)[0]
    u = np.linalg.qr(u - u.mean(axis=0))[0]
    v = ortho_group.rvs(6, random_state=0)
    assert effective_rank(3 + u @ v) == pytest.approx(6)
    sizes = np.array([4.0, 2, 1, 1, 0, 0])
    p = sizes[:4] / 8
    expected = np.exp(-(p * np.log(p)).sum())
    assert effective_rank((u * sizes) @ v) == pytest.approx(expected)
    assert effective_rank(u[:, :1] @ v[:1]) == pytest.approx(1)
    assert np.isnan(effective_rank(np.ones((5, 2))))


def test_isotropy_is_mean_over_deviation_of_the_variances():
    x = RNG.normal(size=(300, 4)) * [1, 2, 3, 4]
    variances = np.linalg.eigvalsh(np.cov(x.T))
    assert isotropy(x) == pytest.approx(variances.mean() / variances.std())
    wide = RNG.normal(size=(5, 9))
    variances = np.linalg.eigvalsh(np.cov(wide.T))
    assert isotropy(wide) == pytest.approx(variances.mean() / variances.std())
    assert np.isnan(isotropy(np.ones((5, 2))))
