"""Repeated stratified folds that keep every patient on one side."""

from collections.abc import Iterator
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import check_random_state

from skvae.exceptions import warn_caller
from skvae.statistics.grouping import numbered

__all__ = ["RepeatedStratifiedGroupKFold"]


class RepeatedStratifiedGroupKFold(BaseCrossValidator):
    """Stratified folds of whole groups, shuffled anew in each repeat.

    scikit-learn has `StratifiedGroupKFold` and `RepeatedStratifiedKFold`, but not
    both in one; nor does the former shuffle groups of different sizes. Within a repeat,
    each row is in the test part exactly once, and the rows of one group (one patient)
    are never on both sides of a split.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds in each repeat, at least 2.
    n_repeats : int, default=1
        Number of times that the folds are drawn, at least 1.
    random_state : int, RandomState instance or None, default=None
        Shuffles the groups; an int gives the same splits at each call.

    See Also
    --------
    sklearn.model_selection.StratifiedGroupKFold : Folds drawn once.

    Notes
    -----
    Without `groups`, each row is a group of its own: stratified folds. The folds depend
    on the order in which groups first appear, not on their names. Under metadata routing
    the splitter requests `groups`, as scikit-learn's do.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.study import RepeatedStratifiedGroupKFold
    >>> y = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    >>> patients = np.array(["a", "a", "b", "c", "d", "d", "e", "f"])
    >>> cv = RepeatedStratifiedGroupKFold(n_splits=2, n_repeats=2, random_state=1)
    >>> for train, test in cv.split(y, y, patients):
    ...     print(train, test)
    [2 3 4 5] [0 1 6 7]
    [0 1 6 7] [2 3 4 5]
    [2 3 6 7] [0 1 4 5]
    [0 1 4 5] [2 3 6 7]
    """

    __metadata_request__split: ClassVar[dict[str, bool]] = {"groups": True}

    def __init__(
        self,
        n_splits: int = 5,
        n_repeats: int = 1,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_splits = n_splits
        self.n_repeats = n_repeats
        self.random_state = random_state

    def get_n_splits(
        self,
        X: "ArrayLike | None" = None,
        y: "ArrayLike | None" = None,
        groups: "ArrayLike | None" = None,
    ) -> int:
        """Return the number of splits over all repeats.

        Parameters
        ----------
        X, y, groups : array-like, default=None
            Ignored; here for scikit-learn's sake.

        Returns
        -------
        int
            `n_splits` times `n_repeats`.
        """
        for name, least in (("n_splits", 2), ("n_repeats", 1)):
            value = getattr(self, name)
            if not isinstance(value, Integral) or value < least:
                raise ValueError(
                    f"Got {name}={value!r}, expected an int of at least {least}."
                )
        return int(self.n_splits * self.n_repeats)

    def split(
        self, X: "ArrayLike", y: "ArrayLike", groups: "ArrayLike | None" = None
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Yield the row numbers of each split.

        Parameters
        ----------
        X : array-like of n_samples rows
            Ignored but for scikit-learn's sake; `y` alone decides.
        y : array-like of shape (n_samples,)
            Class labels, whose proportions the folds keep.
        groups : array-like of shape (n_samples,), default=None
            Group of each row, such as its patient.

        Yields
        ------
        train, test : ndarray
            Row numbers of the training and of the test part.
        """
        self.get_n_splits()
        y = np.asarray(y)
        rng = check_random_state(self.random_state)
        classes, class_of_row = np.unique(y, return_inverse=True)
        group_of_row = np.arange(len(y)) if groups is None else numbered(groups)
        counts = np.zeros((group_of_row.max(initial=-1) + 1, len(classes)))
        np.add.at(counts, (group_of_row, class_of_row), 1)
        self._check_counts(counts, classes)
        for _ in range(self.n_repeats):
            fold_of_row = _assign_folds(counts, self.n_splits, rng)[group_of_row]
            for fold in range(self.n_splits):
                yield (
                    np.flatnonzero(fold_of_row != fold),
                    np.flatnonzero(fold_of_row == fold),
                )

    def _check_counts(self, counts: NDArray[np.float64], classes: NDArray[Any]) -> None:
        if len(counts) < self.n_splits:
            raise ValueError(
                f"Got n_splits={self.n_splits!r}, but there are only {len(counts)} groups."
            )
        n_with_class = np.count_nonzero(counts, axis=0)
        if n_with_class.min() < self.n_splits:
            rarest = classes[n_with_class.argmin()]
            warn_caller(
                f"Got n_splits={self.n_splits!r}, but class {rarest} is in only "
                f"{n_with_class.min()} groups: some folds lack it.",
            )


def _assign_folds(
    counts: NDArray[np.float64], n_splits: int, rng: np.random.RandomState
) -> NDArray[np.intp]:
    """Give each group a fold, so that each fold has its share of each class.

    Groups go, the larger ones rather earlier, to the fold where the shares of the
    classes then spread least; among equals to the smallest.
    """
    # StratifiedGroupKFold goes strictly from large to small: where sizes differ, all its
    # repeats are the same folds. A random factor keeps them balanced and apart.
    order = np.argsort(-counts.sum(axis=1) * rng.uniform(0.5, 1.5, size=len(counts)))
    shares = counts / counts.sum(axis=0)
    fold_shares = np.zeros((n_splits, counts.shape[1]))
    n_rows = np.zeros(n_splits)
    fold_of_group = np.empty(len(counts), dtype=np.intp)
    candidates = np.eye(n_splits)[:, :, None]
    for group in order:
        trials = fold_shares + candidates * shares[group]
        spread = trials.std(axis=1).mean(axis=1).round(12)
        fold = np.lexsort((rng.uniform(size=n_splits), n_rows, spread))[0]
        fold_of_group[group] = fold
        fold_shares = trials[fold]
        n_rows[fold] += counts[group].sum()
    return fold_of_group
