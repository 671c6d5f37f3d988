import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes
from scipy.stats import ortho_group

from skvae.statistics.code_alignment import (
    agreement_of_columns,
    aligned_agreement,
    matching_map,
    orthogonal_map,
    standardised,
)
from skvae.statistics.intraclass import intraclass_correlation

RNG = np.random.default_rng(0)


def test_agreement_is_the_icc_of_each_column():
    a = RNG.normal(size=(30, 6))
    b = a + RNG.normal(size=(30, 6)) * np.linspace(0, 2, 6) + np.linspace(-1, 1, 6)
    expected = [
        intraclass_correlation(np.stack(p, axis=1)).icc for p in zip(a.T, b.T, strict=True)
    ]
    np.testing.assert_allclose(agreement_of_columns(a, b), expected, rtol=1e-12)
    # The judges 1 and 3 of Shrout & Fleiss (1979), by their mean squares.
    judges = np.array([[9.0, 5], [6, 3], [8, 6], [7, 2], [10, 6], [6, 4]])
    b, j, e = _mean_squares(judges)
    found = agreement_of_columns(judges[:, :1], judges[:, 1:])
    assert found[0] == pytest.approx((b - e) / (b + e + 2 * (j - e) / 6))


def _mean_squares(x):
    n, k = x.shape
    rows, columns = x.mean(axis=1, keepdims=True), x.mean(axis=0)
    left = x - rows - columns + x.mean()
    between = k * ((rows - x.mean()) ** 2).sum() / (n - 1)
    raters = n * ((columns - x.mean()) ** 2).sum() / (k - 1)
    return between, raters, (left**2).sum() / ((n - 1) * (k - 1))


def test_what_does_not_vary_agrees_with_nothing():
    a = np.stack([np.ones(9), np.arange(9.0)], axis=1)
    found = agreement_of_columns(a, a[:, ::-1])
    assert np.isnan(found).all()
    assert agreement_of_columns(a, a)[1] == 1


def test_standardised_by_some_rows():
    codes = RNG.normal(3, 5, size=(20, 3))
    codes[:, 1] = 7 + 1e-9 * RNG.normal(size=20)
    found = standardised(codes, np.arange(12))
    np.testing.assert_allclose(found[:12, ::2].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(found[:12, ::2].std(axis=0), 1)
    assert not found[:, 1].any()


def test_orthogonal_map_is_that_of_scipy():
    a, b = RNG.normal(size=(2, 40, 5))
    np.testing.assert_allclose(orthogonal_map(b, a), orthogonal_procrustes(b, a)[0])


def test_of_few_rows_only_their_space_is_turned():
    a, b = RNG.normal(size=(2, 6, 15))
    found = orthogonal_map(b, a)
    turned = np.linalg.norm(b @ found - a)
    assert turned == pytest.approx(np.linalg.norm(b @ orthogonal_procrustes(b, a)[0] - a))
    values = np.linalg.svd(found, compute_uv=False)
    np.testing.assert_allclose(values, [1] * 6 + [0] * 9, atol=1e-9)


@pytest.mark.parametrize("align", ["orthogonal", "matching"])
def test_a_permuted_code_of_other_signs_and_units_is_the_same(align):
    a = RNG.normal(size=(60, 7))
    order, signs = RNG.permutation(7), RNG.choice([-1, 1], 7)
    b = 3 + a[:, order] * signs * RNG.uniform(0.1, 10, 7)
    np.testing.assert_allclose(aligned_agreement(a, b, 40, align), 1, atol=1e-9)
    unaligned = aligned_agreement(a, b, 40, "none")
    moved = order != np.arange(7)
    assert np.abs(unaligned[moved]).max() < 0.7
    scaled = aligned_agreement(a, 3 + 2 * a, 40, "none")
    np.testing.assert_allclose(scaled, 1, atol=1e-9)


def test_a_rotated_code_is_found_by_rotation_alone():
    a = RNG.normal(size=(400, 6))
    a[:300] = np.linalg.qr(a[:300] - a[:300].mean(axis=0))[0]  # white where mapped
    b = a @ ortho_group.rvs(6, random_state=0)
    np.testing.assert_allclose(aligned_agreement(a, b, 300, "orthogonal"), 1, atol=1e-9)
    assert aligned_agreement(a, b, 300, "matching").mean() < 0.8


def test_matching_takes_each_column_once():
    a = RNG.normal(size=(50, 4))
    b = np.stack([a[:, 0], a[:, 0] + 0.1 * a[:, 1], -a[:, 2], a[:, 3]], axis=1)
    found = matching_map(standardised(b, np.arange(50)), standardised(a, np.arange(50)))
    assert (np.abs(found).sum(axis=0) == 1).all()
    assert (np.abs(found).sum(axis=1) == 1).all()
    assert found[2, 2] == -1


@pytest.mark.parametrize("n_features", [5, 80])
def test_random_codes_agree_on_the_rows_of_the_map_alone(n_features):
    a, b = RNG.normal(size=(2, 140, n_features))
    seen = aligned_agreement(
        np.vstack([a[:40], a[:40]]), np.vstack([b[:40], b[:40]]), 40, "orthogonal"
    )
    unseen = aligned_agreement(a, b, 40, "orthogonal")
    assert abs(unseen.mean()) < 0.1
    assert seen.mean() > (0.8 if n_features == 80 else 0.1)
