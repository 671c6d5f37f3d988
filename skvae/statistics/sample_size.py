"""How many patients a prediction model needs, before it is fitted."""

from math import ceil, log

from skvae.arguments import check_number

__all__ = ["riley_sample_size"]


def riley_sample_size(
    n_parameters: int,
    prevalence: float,
    *,
    nagelkerke_r2: float = 0.15,
    shrinkage: float = 0.9,
    margin: float = 0.05,
) -> int:
    r"""Return how many patients a model of a binary outcome needs at the least.

    The largest of what three criteria ask for: a shrinkage of at least :math:`S`, an
    optimism of :math:`R^2` of at most .05, and the prevalence known to a margin
    :math:`\delta`:

    .. math::
        n_1 = \frac{p}{(S - 1) \log(1 - R^2_{CS} / S)}, \quad
        n_2 = \frac{p}{(S_2 - 1) \log(1 - R^2_{CS} / S_2)}, \quad
        n_3 = \left(\frac{1.96}{\delta}\right)^2 \varphi (1 - \varphi),

    with :math:`R^2_{CS} = R^2_N R^2_{\max}`,
    :math:`R^2_{\max} = 1 - (\varphi^\varphi (1 - \varphi)^{1 - \varphi})^2` and
    :math:`S_2 = R^2_{CS} / (R^2_{CS} + .05 R^2_{\max})`.

    Parameters
    ----------
    n_parameters : int
        Candidate predictors: all columns that the model could use, or the components of a
        reduction that did not see the outcome.
    prevalence : float
        Share of patients with the outcome.
    nagelkerke_r2 : float, default=0.15
        Expected explained variation; .15 is the advice where nothing is known.
    shrinkage : float, default=0.9
        The least acceptable shrinkage factor.
    margin : float, default=0.05
        Margin of the estimated prevalence.

    Returns
    -------
    int
        Number of patients.

    References
    ----------
    .. [1] R. D. Riley, J. Ensor, K. I. E. Snell et al. (2020). Calculating the sample size
       required for developing a clinical prediction model. BMJ 368, m441.

    Examples
    --------
    >>> from skvae.study import riley_sample_size
    >>> riley_sample_size(16, 0.4)
    1217
    """
    owner = "riley_sample_size"
    check_number(owner, "n_parameters", n_parameters, whole=True, low=1)
    check_number(owner, "prevalence", prevalence, low=0.001, high=0.999)
    check_number(owner, "nagelkerke_r2", nagelkerke_r2, low=0.001, high=0.999)
    check_number(owner, "shrinkage", shrinkage, low=0.5, high=0.999)
    check_number(owner, "margin", margin, low=0.001, high=0.5)
    rest = 1 - prevalence
    r2_max = 1 - (prevalence**prevalence * rest**rest) ** 2
    r2 = nagelkerke_r2 * r2_max
    second = r2 / (r2 + 0.05 * r2_max)
    needed = [n_parameters / ((s - 1) * log(1 - r2 / s)) for s in (shrinkage, second)]
    return ceil(max(*needed, (1.96 / margin) ** 2 * prevalence * rest))
