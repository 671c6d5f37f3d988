"""Codes of several networks, turned so that they can be averaged."""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import orthogonal_procrustes

__all__ = ["aligned_mean", "spread_out", "turns_to_first"]


def turns_to_first(codes: NDArray[np.floating]) -> tuple[NDArray, NDArray]:
    """Find the turn of each code that brings it closest to the first: min ‖C_k R_k - C_1‖.

    Schönemann (1966), A generalized solution of the orthogonal Procrustes problem,
    Psychometrika 31.

    Parameters
    ----------
    codes : ndarray of shape (n_codes, n_samples, n_components)
        Codes of the same samples.

    Returns
    -------
    means : ndarray of shape (n_codes, n_components)
        Mean of each code.
    turns : ndarray of shape (n_codes, n_components, n_components)
        Orthogonal matrices R_k, the first of which is the identity.
    """
    means = codes.mean(axis=1)
    centred = codes - means[:, None]
    turns = [orthogonal_procrustes(each, centred[0])[0] for each in centred[1:]]
    return means, np.stack([np.eye(codes.shape[2]), *turns])


def aligned_mean(codes: NDArray, means: NDArray, turns: NDArray) -> NDArray:
    """Average codes that are turned to the first: m_1 + 1/K sum_k (C_k - m_k) R_k.

    Parameters
    ----------
    codes : ndarray of shape (n_codes, n_samples, n_components)
        Codes.
    means, turns : ndarray
        As `turns_to_first` found them.

    Returns
    -------
    ndarray of shape (n_samples, n_components)
        Their average.
    """
    turned = np.einsum("knd,kde->ne", codes - means[:, None], turns)
    return means[0] + turned / len(codes)


def spread_out(code: NDArray, means: NDArray, turns: NDArray) -> NDArray:
    """Return the codes of which each, turned to the first, is the given one.

    Parameters
    ----------
    code : ndarray of shape (n_samples, n_components)
        An average.
    means, turns : ndarray
        As `turns_to_first` found them.

    Returns
    -------
    ndarray of shape (n_codes, n_samples, n_components)
        m_k + (C - m_1) R_k'.
    """
    return means[:, None] + np.einsum("ne,kde->knd", code - means[0], turns)
