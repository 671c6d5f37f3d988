"""How alike two codes are as a whole, and of how many directions one is made."""

import numpy as np
from scipy.linalg import subspace_angles

__all__ = ["effective_rank", "isotropy", "linear_cka", "mean_subspace_angle"]


def linear_cka(a: np.ndarray, b: np.ndarray) -> float:
    r"""Return linear centred kernel alignment, with the bias of few rows removed.

    With the Gram matrices :math:`K = A A^\top` and :math:`L = B B^\top`,

    .. math::
        \mathrm{CKA} = \frac{\mathrm{HSIC}(K, L)}
                            {\sqrt{\mathrm{HSIC}(K, K) \, \mathrm{HSIC}(L, L)}}

    [1]_, here with the unbiased estimator of Song et al. [2]_, which leaves the diagonals
    of :math:`\tilde K` and :math:`\tilde L` out:

    .. math::
        \mathrm{HSIC}_1(K, L) = \frac{1}{n (n - 3)} \Big[ \mathrm{tr}(\tilde K \tilde L)
        + \frac{1^\top \tilde K 1 \; 1^\top \tilde L 1}{(n - 1) (n - 2)}
        - \frac{2}{n - 2} 1^\top \tilde K \tilde L 1 \Big].

    The plain one comes near 1 for codes of more features than rows that have nothing in
    common [3]_. The same for rotated, moved and scaled codes; about 0 for unrelated ones.

    Parameters
    ----------
    a, b : ndarray of shape (n_rows, n_features)
        Two codes of the same rows, of any number of features each.

    Returns
    -------
    cka : float
        At most about 1; NaN of fewer than four rows, and where a code does not vary.

    References
    ----------
    .. [1] S. Kornblith et al. (2019). Similarity of neural network representations
       revisited. ICML.
    .. [2] L. Song et al. (2012). Feature selection via dependence maximization. Journal of
       Machine Learning Research 13, 1393-1434.
    .. [3] A. Murphy, J. Zylberberg & A. Fyshe (2024). Correcting biased centered kernel
       alignment measures in biological and artificial neural networks. Re-Align workshop
       at ICLR.
    """
    if len(a) < 4:
        return float("nan")
    a, b = _scaled(a), _scaled(b)
    product = _independence(a, a) * _independence(b, b)
    return _independence(a, b) / np.sqrt(product) if product > 0 else float("nan")


def _scaled(x: np.ndarray) -> np.ndarray:
    """Return centred columns of mean square 1 over all, for the digits' sake."""
    x = np.asarray(x, dtype=np.float64)
    x = x - x.mean(axis=0)
    size = np.sqrt(np.square(x).mean())
    return x / size if size > 0 else x


def _independence(a: np.ndarray, b: np.ndarray) -> float:
    """Return the unbiased HSIC; the matrices of all pairs of rows are never made."""
    n = len(a)
    diagonals = np.square(a).sum(axis=1), np.square(b).sum(axis=1)
    sums = [x @ x.sum(axis=0) - d for x, d in zip((a, b), diagonals, strict=True)]
    trace = np.square(a.T @ b).sum() - diagonals[0] @ diagonals[1]
    total = sums[0].sum() * sums[1].sum() / ((n - 1) * (n - 2))
    return float((trace + total - 2 / (n - 2) * (sums[0] @ sums[1])) / (n * (n - 3)))


def mean_subspace_angle(a: np.ndarray, b: np.ndarray) -> float:
    """Return the mean principal angle between what two codes span, in degrees.

    0 where each is a linear map of the other; 90 where no combination of features of one
    correlates with any of the other. Subspaces of almost as many dimensions as there are
    rows are alike by chance.

    Parameters
    ----------
    a, b : ndarray of shape (n_rows, n_features)
        Two codes of the same rows.

    Returns
    -------
    angle : float
        NaN where a code does not vary, or has as many features as the rows have
        dimensions.
    """
    a, b = _scaled(a), _scaled(b)
    if min(a.shape[1], b.shape[1]) >= len(a) - 1 or not (a.any() and b.any()):
        return float("nan")
    return float(np.rad2deg(subspace_angles(a, b)).mean())


def effective_rank(x: np.ndarray) -> float:
    r"""Return the number of directions that a code is made of, counted by their size.

    With the singular values :math:`\sigma_k` of the centred code, :math:`\exp(-\sum_k p_k
    \log p_k)` for :math:`p_k = \sigma_k / \sum_j \sigma_j` [1]_: the RankMe of [2]_, but
    for the centring.

    Parameters
    ----------
    x : ndarray of shape (n_rows, n_features)
        A code.

    Returns
    -------
    rank : float
        From 1 to the number of features; NaN where the code does not vary.

    References
    ----------
    .. [1] O. Roy & M. Vetterli (2007). The effective rank: a measure of effective
       dimensionality. EUSIPCO.
    .. [2] Q. Garrido et al. (2023). RankMe: assessing the downstream performance of
       pretrained self-supervised representations by their rank. ICML.
    """
    sizes = np.linalg.svd(_scaled(x), compute_uv=False)
    if not sizes.any():
        return float("nan")
    shares = sizes[sizes > 0] / sizes.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def isotropy(x: np.ndarray) -> float:
    """Return the mean of a code's variances along its principal axes over their deviation.

    As in Batra et al. (2026), Uncovering the latent potential of deep intermediate
    representations, ICML: the criterion by which LOES ranks layers without labels.

    Parameters
    ----------
    x : ndarray of shape (n_rows, n_features)
        A code.

    Returns
    -------
    isotropy : float
        The larger, the more alike the variances; infinite where all are the same, NaN
        where the code does not vary.
    """
    x = _scaled(x)
    variances = np.zeros(x.shape[1])
    found = np.square(np.linalg.svd(x, compute_uv=False)) / len(x)
    variances[: len(found)] = found
    if not variances.any():
        return float("nan")
    deviation = float(variances.std())
    return float(variances.mean() / deviation) if deviation > 0 else float("inf")
