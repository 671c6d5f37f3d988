"""Only those features that other networks have as well."""

from collections.abc import Iterator
from dataclasses import field
from numbers import Integral, Real
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from joblib import Parallel, delayed
from scipy import sparse
from sklearn.base import TransformerMixin, clone
from sklearn.utils import check_random_state, get_tags
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from skvae._compat import HasMethods, Interval, StrOptions, fit_context, take_rows
from skvae.arguments import check_columns
from skvae.estimators.declared import LARGEST, DeclaredEstimator
from skvae.estimators.held_estimators import refuse_fitted, with_seed
from skvae.estimators.inputs import as_array
from skvae.estimators.row_columns import check_groups
from skvae.exceptions import said_once
from skvae.features.vae import VAEFeatureExtractor
from skvae.inspection.repeated_fits import (
    LARGEST_SEED,
    OVER,
    PlannedRepeat,
    plan_repeats,
    reseeded,
)
from skvae.statistics.code_alignment import ALIGNS, aligned_agreement

__all__ = ["StableFeatures"]


class StableFeatures(TransformerMixin, DeclaredEstimator):
    """Features of an estimator that others of its kind have as well.

    The estimator is fitted to all rows, and several times more to a part of them. What
    each of these has in common with it is measured on the rows that it lacks, once its
    features are aligned by the others, and columns whose mean ICC(2,1) is below the
    threshold are dropped. All of this happens in `fit`, so that within a
    cross-validation the test rows of a fold have no part in it.

    Parameters
    ----------
    estimator : transformer or None, default=None
        What gives the features, such as an autoencoder or a pipeline that ends in one;
        cloned. ``None`` is ``VAEFeatureExtractor()``.
    threshold : float, default=0.75
        Smallest ICC of a column that is passed on, from which agreement is called good
        (Koo & Li, 2016); -1 passes all.
    over : {"seed", "fold", "bootstrap"}, default="seed"
        How the other estimators differ from the one that is kept, beside the rows that
        they lack to be compared on.

        ``"seed"``
            Each lacks one of `n_repeats` parts of the rows, and has another seed.
        ``"fold"``
            Each lacks one part, and has the same seed.
        ``"bootstrap"``
            Each has rows that were drawn with replacement, and the same seed.
    align : {"orthogonal", "matching", "none"}, default="orthogonal"
        How their features are mapped onto those that are kept: by a rotation, one by one
        with signs, or by their place; see `skvae.inspection.feature_stability`.
    n_repeats : int, default=5
        Number of the others.
    random_state : int, RandomState instance or None, default=None
        Draws rows and seeds, and the seed of every ``random_state`` of the estimator that
        is left at None.
    n_jobs : int or None, default=None
        Fits at the same time.

    Attributes
    ----------
    estimator_ : transformer
        Fitted to all rows: that whose columns are passed on.
    stability_ : ndarray of shape (n_features,)
        Mean ICC(2,1) of each of its columns with the others; 0 of one that is constant.
    support_ : ndarray of shape (n_features,), bool
        Which are passed on.
    n_features_in_ : int
        Number of entries of a sample.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, where it has any.

    See Also
    --------
    skvae.inspection.feature_stability : The same for each layer, with what is by chance.

    Notes
    -----
    A fit takes ``n_repeats + 1`` times as long as the estimator's. With the ``memory`` of
    the network in it, a search over ``threshold`` trains no more than one fit does.

    The estimator that is kept has seen the rows on which the others are compared with it;
    on new rows, agreement may be a little less.

    Stable is not the same as useful. On four radiomics tables, a threshold of 0.75 left 7
    of 16 units of a default VAE and cost .09 of AUC (``benchmarks/feature_stability.py``).

    References
    ----------
    Koo, T. K. & Li, M. Y. (2016). A guideline of selecting and reporting intraclass
    correlation coefficients for reliability research. Journal of Chiropractic Medicine 15,
    155-163.

    Examples
    --------
    Of eight principal components of 30 columns and 100 rows, the last is another one
    whenever the rows are drawn anew:

    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.preprocessing import StandardScaler
    >>> X = StandardScaler().fit_transform(load_breast_cancer().data[:100])
    >>> stable = StableFeatures(PCA(8), over="bootstrap", random_state=0).fit(X)
    >>> stable.stability_.round(1)
    array([1. , 1. , 1. , 1. , 0.9, 1. , 1. , 0.6])
    >>> stable.transform(X).shape
    (100, 7)
    """

    _arguments: ClassVar[str] = """
    X : array-like of shape (n_samples, n_features) or (n_samples, channels, *spatial)
        What the estimator takes.
    y : array-like, default=None
        For estimators that learn from it.
    groups : array-like of shape (n_samples,), default=None
        Patient of each row, who is in one part, or drawn, as a whole.
    attributes : array-like of shape (n_samples, n_attributes), default=None
        For estimators whose `fit` takes them.
    """

    estimator: Annotated[Any, HasMethods(["fit", "transform"]), None] = field(
        default=None, kw_only=False
    )
    threshold: Annotated[float, Interval(Real, -1, 1, closed="both")] = 0.75
    over: Annotated[str, StrOptions(set(OVER))] = "seed"
    align: Annotated[str, StrOptions(set(ALIGNS))] = "orthogonal"
    n_repeats: Annotated[int, Interval(Integral, 2, LARGEST, closed="both")] = 5
    random_state: Annotated[Any, "random_state"] = None
    n_jobs: Annotated[int | None, Integral, None] = None

    __metadata_request__fit: ClassVar = {"groups": True, "attributes": True}

    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self, X: Any, y: Any = None, groups: Any = None, attributes: Any = None
    ) -> Self:
        """Fit the estimator, and see which of its columns are stable.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If no column is as stable as the threshold asks, or there are too few rows.
        """
        columns = {"y": y, "groups": groups, "attributes": attributes}
        check_columns(type(self).__name__, X, columns)
        random_state = check_random_state(self.random_state)
        held = clone(self._held())
        refuse_fitted("estimator", held)
        model = with_seed(held, int(random_state.randint(LARGEST_SEED)))
        kept = _fitted(model, X, **columns)
        codes = _columns(kept, X)
        X, columns = _by_rows(X), {k: _by_rows(v) for k, v in columns.items()}
        plans = self._plans(len(codes), groups, random_state)
        with said_once():
            agreement = Parallel(n_jobs=self.n_jobs)(
                delayed(_agreement)(model, X, columns, plan, codes, self.align)
                for plan in plans
            )
        stability = np.nan_to_num(_means(np.stack(agreement)))
        support = stability >= self.threshold
        if not support.any():
            raise ValueError(
                f"Got threshold={self.threshold!r}, but the most stable of the "
                f"{len(support)} columns of {type(held).__name__} has an ICC of "
                f"{stability.max():.4f} over={self.over!r}; expected no more than that."
            )
        own = {"estimator_": kept, "stability_": stability, "support_": support}
        self._become(own | dict(_input_of(kept)))
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return the stable features.

        Returns
        -------
        features : ndarray of shape (n_samples, n_features_out)
            Columns of the estimator, in its order.
        """
        check_is_fitted(self)
        return _columns(self.estimator_, X)[:, self.support_]

    def get_support(self, indices: bool = False) -> np.ndarray:
        """Say which columns of the estimator are passed on.

        Parameters
        ----------
        indices : bool, default=False
            Whether to return their places.

        Returns
        -------
        support : ndarray
            True where a column is passed on, or its place.
        """
        check_is_fitted(self)
        return np.flatnonzero(self.support_) if indices else self.support_

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name the features as the estimator does.

        Returns
        -------
        names : ndarray of str
            Of those that are passed on.
        """
        check_is_fitted(self)
        names = self.estimator_.get_feature_names_out(input_features)
        return np.asarray(names, dtype=object)[self.support_]

    def __sklearn_tags__(self) -> Any:
        tags, held = super().__sklearn_tags__(), get_tags(self._held())
        tags.input_tags, tags.target_tags = held.input_tags, held.target_tags
        tags.transformer_tags = held.transformer_tags
        return tags

    def _held(self) -> Any:
        return VAEFeatureExtractor() if self.estimator is None else self.estimator

    def _plans(
        self, n: int, groups: Any, random_state: np.random.RandomState
    ) -> list[PlannedRepeat]:
        """Return the rows that each of the others has, and its seed."""
        patients = np.arange(n)
        if groups is not None:
            patients = check_groups(groups, patients, type(self).__name__)
        n_patients = len(np.unique(patients))
        if n < 2 * self.n_repeats or n_patients < self.n_repeats:
            raise ValueError(
                f"Got X with n_samples={n} of {n_patients} patients, but n_repeats="
                f"{self.n_repeats} takes at least {2 * self.n_repeats} rows of "
                f"{self.n_repeats} patients."
            )
        over = "bootstrap" if self.over == "bootstrap" else "fold"
        plans = plan_repeats(over, np.arange(n), patients, self.n_repeats, random_state)
        if self.over != "seed":
            return plans
        seeds = random_state.randint(LARGEST_SEED, size=len(plans))
        return [PlannedRepeat(p.train, int(s)) for p, s in zip(plans, seeds, strict=True)]


def _fitted(model: Any, X: Any, y: Any, **columns: Any) -> Any:
    taken = {k: v for k, v in columns.items() if v is not None}
    taken = {k: v for k, v in taken.items() if has_fit_parameter(model, k)}
    return clone(model).fit(X, y, **taken)


def _by_rows(values: Any) -> Any:
    """Return what rows can be taken of."""
    if values is None or hasattr(values, "iloc"):
        return values
    values = as_array(values)
    return values.tocsr() if sparse.issparse(values) else values


def _columns(fitted: Any, X: Any) -> np.ndarray:
    features = fitted.transform(X)
    return np.asarray(features.toarray() if hasattr(features, "toarray") else features)


def _agreement(
    model: Any,
    X: Any,
    columns: dict[str, Any],
    plan: PlannedRepeat,
    codes: np.ndarray,
    align: str,
) -> np.ndarray:
    """Return the ICC of each column with another fit, on the rows that that one lacks."""
    model = model if plan.seed is None else reseeded(model, plan.seed)
    part = {k: v if v is None else take_rows(v, plan.train) for k, v in columns.items()}
    other = _columns(_fitted(model, take_rows(X, plan.train), **part), X)
    if other.shape != codes.shape:
        raise ValueError(
            f"Got {type(model).__name__} as estimator, which makes {codes.shape[1]} "
            f"features of all rows and {other.shape[1]} of a part of them; expected as "
            "many, since each is compared with its like."
        )
    seen = np.unique(plan.train)
    rows = np.concatenate([seen, np.setdiff1d(np.arange(len(codes)), seen)])
    return aligned_agreement(codes[rows], other[rows], len(seen), align)


def _means(agreement: np.ndarray) -> np.ndarray:
    """Return the mean of each column over those fits of which it is known, else NaN."""
    known = ~np.isnan(agreement)
    total = np.where(known, agreement, 0).sum(axis=0)
    return np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), np.nan)


def _input_of(fitted: Any) -> Iterator[tuple[str, Any]]:
    """Yield what an estimator knows of the columns of its input."""
    for name in ("n_features_in_", "feature_names_in_"):
        if hasattr(fitted, name):
            yield name, getattr(fitted, name)
