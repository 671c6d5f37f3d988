"""How probably an arm is worse, equal for practical purposes, or better."""

from typing import NamedTuple

from numpy.typing import ArrayLike
from scipy import stats

from skvae.arguments import check_number
from skvae.statistics.corrected_resampling import mean_and_error

__all__ = ["RopeProbabilities", "bayesian_correlated_ttest"]


class RopeProbabilities(NamedTuple):
    """Posterior probabilities, which sum to 1."""

    worse: float
    equal: float
    better: float


def bayesian_correlated_ttest(
    differences: "ArrayLike", n_train: float, n_test: float, *, rope: float = 0.02
) -> RopeProbabilities:
    r"""Posterior probabilities that an arm is worse, practically equal, or better.

    For the differences :math:`d_1, \dots, d_J` of two arms on the same :math:`J` splits,
    with a flat prior, the posterior of the expected difference is Student's
    distribution with :math:`J - 1` degrees of freedom,

    .. math::
        \delta \sim \bar d + T_{J-1} \sqrt{\left(\frac{1}{J}
        + \frac{\rho}{1 - \rho}\right) \hat\sigma_d^2},
        \qquad \frac{\rho}{1 - \rho} = \frac{n_\mathrm{test}}{n_\mathrm{train}},

    and its mass is counted below, within and above a region of practical equivalence,
    :math:`\pm\mathrm{rope}`. Unlike a p-value, it can say that two arms are equal.

    Parameters
    ----------
    differences : array-like of shape (n_splits,)
        Score of one arm minus the score of the other, for each split.
    n_train, n_test : float
        Number of training and of test rows in a split (the mean, if they vary); of
        patients, where whole patients are held out.
    rope : float, default=0.02
        Differences up to this are of no practical importance: .02 of an AUC. 0 leaves
        worse and better.

    Returns
    -------
    RopeProbabilities
        Named tuple of `worse`, `equal` and `better`. Differences that are all the same
        are taken as certain.

    Raises
    ------
    ValueError
        If there are fewer than two finite differences, or a number is out of its range.

    References
    ----------
    .. [1] A. Benavoli, G. Corani, J. Demšar and M. Zaffalon (2017). Time for a change: a
       tutorial for comparing multiple classifiers through Bayesian analysis. Journal of
       Machine Learning Research 18 (77), 1-36, section 4.1.

    Examples
    --------
    >>> from skvae.study import bayesian_correlated_ttest
    >>> differences = [0.02, 0.01, 0.03, -0.01, 0.02]
    >>> worse, equal, better = bayesian_correlated_ttest(differences, 80, 20)
    >>> print(f"worse {worse:.2f}, equal {equal:.2f}, better {better:.2f}")
    worse 0.01, equal 0.69, better 0.29
    """
    check_number("bayesian_correlated_ttest", "rope", rope, low=0)
    mean, error, df = mean_and_error(differences, n_train, n_test)
    if error == 0:
        worse, better = float(mean < -rope), float(mean > rope)
        if rope == 0 == mean:
            worse = better = 0.5
    else:
        worse = float(stats.t.cdf(-rope, df, mean, error))
        better = float(stats.t.sf(rope, df, mean, error))
    return RopeProbabilities(worse, max(0.0, 1 - worse - better), better)
