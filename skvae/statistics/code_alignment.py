"""Whether two networks have the same features, once one code is mapped onto the other."""

import numpy as np
from scipy.linalg import qr
from scipy.optimize import linear_sum_assignment

__all__ = [
    "ALIGNS",
    "agreement_of_columns",
    "aligned_agreement",
    "matching_map",
    "orthogonal_factors",
    "orthogonal_map",
    "standardised",
]

# Of the largest entry of a code: columns that vary less are as good as constant.
SMALLEST_SHARE = 1e-6
# Of the largest singular value: directions below are rounding.
ROUNDING = 1e-9


def standardised(codes: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return columns less their mean over some rows, in units of their deviation there.

    Parameters
    ----------
    codes : ndarray of shape (n_rows, n_features)
        Features of all rows.
    rows : ndarray of int
        Those that mean and deviation are of.

    Returns
    -------
    ndarray of shape (n_rows, n_features)
        Columns that are as good as constant over the rows are 0.
    """
    codes = np.asarray(codes, dtype=np.float64)
    known = codes[rows]
    centred, deviation = codes - known.mean(axis=0), known.std(axis=0)
    varies = deviation > SMALLEST_SHARE * np.abs(known).max(initial=0)
    return np.where(varies, centred / np.where(varies, deviation, 1), 0.0)


def orthogonal_map(b: np.ndarray, a: np.ndarray) -> np.ndarray:
    r"""Return the rotation of one code that comes closest to another: Procrustes.

    It minimises :math:`\lVert B R - A \rVert_F` with :math:`R^\top R = I`, which is
    :math:`R = U V^\top` of :math:`B^\top A = U S V^\top` [1]_. Directions of which the
    rows say nothing, as where there are fewer rows than columns, are mapped to 0.

    Parameters
    ----------
    b, a : ndarray of shape (n_rows, n_features)
        Codes of the same rows, centred.

    Returns
    -------
    ndarray of shape (n_features, n_features)
        What B is multiplied by.

    References
    ----------
    .. [1] P. H. Schoenemann (1966). A generalized solution of the orthogonal Procrustes
       problem. Psychometrika 31, 1-10.
    """
    left, right = orthogonal_factors(b, a)
    return left @ right


def orthogonal_factors(b: np.ndarray, a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return `orthogonal_map` in two factors, which are small where columns are many.

    Parameters
    ----------
    b, a : ndarray of shape (n_rows, n_features)
        Codes of the same rows, centred.

    Returns
    -------
    left : ndarray of shape (n_features, rank)
        What B is multiplied by first.
    right : ndarray of shape (rank, n_features)
        What B is multiplied by then.
    """
    # Within the space of the rows, which may be smaller than that of the columns.
    (q_b, r_b), (q_a, r_a) = (qr(x.T, mode="economic") for x in (b, a))
    u, s, vt = np.linalg.svd(r_b @ r_a.T)
    known = s > ROUNDING * s.max(initial=0)
    return q_b @ u[:, known], vt[known] @ q_a.T


def matching_map(b: np.ndarray, a: np.ndarray) -> np.ndarray:
    """Return the permutation of one code's columns, with signs, closest to another's.

    Each column is matched with one other, so that the sum of absolute correlations is the
    largest: units stay units, as sparse ones and those of a meaning should.

    Parameters
    ----------
    b, a : ndarray of shape (n_rows, n_features)
        Codes of the same rows, standardised.

    Returns
    -------
    ndarray of shape (n_features, n_features)
        What B is multiplied by.
    """
    products = b.T @ a
    pairs = linear_sum_assignment(-np.abs(products))
    found = np.zeros_like(products)
    found[pairs] = np.where(products[pairs] < 0, -1.0, 1.0)
    return found


def agreement_of_columns(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return ICC(2,1) of each column as two raters have it: see `intraclass_correlation`.

    Parameters
    ----------
    a, b : ndarray of shape (n_rows, n_features)
        The same features of the same rows, twice.

    Returns
    -------
    ndarray of shape (n_features,)
        NaN where a column does not vary for both.
    """
    n = len(a)
    between = 2 * ((a + b) / 2).var(axis=0, ddof=1)
    residual = (a - b).var(axis=0, ddof=1) / 2
    raters = n * np.square(a.mean(axis=0) - b.mean(axis=0)) / 2
    total = between + residual + 2 * (raters - residual) / n
    varies = (a.std(axis=0) > ROUNDING) & (b.std(axis=0) > ROUNDING)
    return np.where(varies, (between - residual) / np.where(varies, total, 1), np.nan)


MAPS = {"orthogonal": orthogonal_map, "matching": matching_map}
ALIGNS = (*MAPS, "none")


def aligned_agreement(
    a: np.ndarray, b: np.ndarray, n_shared: int, align: str
) -> np.ndarray:
    """Return ICC(2,1) of each feature of one code with another code, mapped onto it.

    Parameters
    ----------
    a, b : ndarray of shape (n_rows, n_features)
        Codes of the same rows: first those by which the map is found, then those on which
        both are compared.
    n_shared : int
        Number of the first.
    align : {"orthogonal", "matching", "none"}
        The kind of map.

    Returns
    -------
    ndarray of shape (n_features,)
        NaN of features that are constant.
    """
    known = np.arange(n_shared)
    a, b = standardised(a, known), standardised(b, known)
    if align != "none":
        b = b @ MAPS[align](b[:n_shared], a[:n_shared])
    return agreement_of_columns(a[n_shared:], b[n_shared:])
