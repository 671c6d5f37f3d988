"""Folds with like amounts of foreground, for masks as y."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import BaseCrossValidator, StratifiedKFold
from sklearn.utils import check_consistent_length, column_or_1d

from skvae.mask_layouts import as_masks, by_field
from skvae.statistics.grouping import numbered

__all__ = ["MaskStratifiedKFold"]


class MaskStratifiedKFold(BaseCrossValidator):
    """Folds of like foreground and like labels, in which patients stay together.

    Patients, or images where no ``groups`` are given, are put in order: by the rarest
    label that they have, and those of the same by their share of foreground. Of each
    ``n_splits`` neighbours in this order, one is in each test part. So the folds have
    equal numbers of patients, up to one; and a label that few patients have is spread over
    as many folds.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.
    shuffle : bool, default=False
        Whether chance, rather than the order of the rows, decides among neighbours.
    random_state : int, RandomState instance or None, default=None
        Makes ``shuffle`` reproducible.
    ignore_label : int or None, default=-1
        Pixels with this label do not count.

    See Also
    --------
    cross_val_predict_masks : Out-of-fold probabilities of masks.
    sklearn.model_selection.StratifiedKFold : Of one label for each image.

    Notes
    -----
    Masks have the layouts that segmenters take: arrays of any number of axes, flat rows,
    lists of unequal sizes, structured arrays with a field for each label. Labels that
    overlap are told apart in a structured array alone; in an array, their axis looks like
    one of space, and all of them count as foreground.

    Patients of equal masks are told apart by the order in which they first appear, never by
    their names. Under metadata routing the splitter requests ``groups``, as scikit-learn's
    do.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae import MaskStratifiedKFold
    >>> y = np.zeros((6, 4, 4), dtype=int)
    >>> for i, n_rows in enumerate([3, 0, 1, 1, 3, 0]):
    ...     y[i, :n_rows] = 1
    >>> for train, test in MaskStratifiedKFold(2).split(y, y):
    ...     print(test, [int(mask[:, 0].sum()) for mask in y[test]])
    [0 1 3] [3, 0, 1]
    [2 4 5] [1, 3, 0]
    """

    __metadata_request__split: ClassVar[dict[str, bool]] = {"groups": True}

    def __init__(
        self,
        n_splits: int = 5,
        *,
        shuffle: bool = False,
        random_state: int | np.random.RandomState | None = None,
        ignore_label: int | None = -1,
    ) -> None:
        self.n_splits = n_splits
        self.shuffle = shuffle
        self.random_state = random_state
        self.ignore_label = ignore_label

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds.

        Parameters
        ----------
        X, y, groups : array-like, default=None
            Ignored; here for scikit-learn's sake.

        Returns
        -------
        int
            `n_splits`.
        """
        return self._folds().n_splits

    def split(
        self, X: Any, y: Any, groups: Any = None
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Yield the row numbers of each fold.

        Parameters
        ----------
        X : array-like of n_samples images
            Its length alone counts.
        y : array-like of shape (n_samples, *spatial), or list of arrays
            Masks, where 0 is background.
        groups : array-like of shape (n_samples,), default=None
            Patient of each image.

        Yields
        ------
        train, test : ndarray
            Row numbers of the training and of the test part.

        Raises
        ------
        ValueError
            If there are fewer patients than folds, or no masks.
        """
        folds = self._folds()
        if y is None:
            raise ValueError("Got y=None, but MaskStratifiedKFold balances masks; pass y.")
        y = as_masks(y)
        check_consistent_length(X, y, groups)
        rows = np.arange(len(y))
        group = rows if groups is None else numbered(column_or_1d(groups))
        n_groups = group.max() + 1
        if n_groups < folds.n_splits:
            kind = "images" if groups is None else "groups"
            raise ValueError(
                f"Got n_splits={self.n_splits}, but there are only {n_groups} {kind}."
            )
        order, place = _ranked(y, group, self.ignore_label), np.arange(n_groups)
        # What is left over at the end of the order belongs to the last of the strata.
        last = n_groups // folds.n_splits - 1
        strata = np.minimum(place // folds.n_splits, last)
        # To and fro, so that no fold has the most foreground of every stratum.
        order = order[np.lexsort((np.where(strata % 2, -place, place), strata))]
        for _, test in folds.split(order, strata):
            tested = np.isin(group, order[test])
            yield rows[~tested], rows[tested]

    def _folds(self) -> StratifiedKFold:
        return StratifiedKFold(
            self.n_splits, shuffle=self.shuffle, random_state=self.random_state
        )


def _ranked(y: Any, group: NDArray[np.intp], ignore_label: int | None) -> NDArray[np.intp]:
    """Return the groups in order: by their rarest label, then by their foreground."""
    labels: list[set[Any]] = [set() for _ in range(group.max() + 1)]
    shares = np.zeros(len(y))
    for i, mask in enumerate(y):
        found = _pixels(mask, ignore_label)
        n_counted = found.total()
        foreground = {label: n for label, n in found.items() if label[1] != 0}
        labels[group[i]] |= set(foreground)
        shares[i] = sum(foreground.values()) / n_counted if n_counted else 0.0
    share = np.bincount(group, shares) / np.bincount(group)
    frequency = Counter(label for own in labels for label in own)
    # Without a label last, as if all had it.
    rarest = [min((frequency[k], k) for k in own) if own else (np.inf,) for own in labels]
    keys = sorted(set(rarest))
    return np.lexsort((-share, [keys.index(key) for key in rarest]))


def _pixels(mask: Any, ignore_label: int | None) -> Counter[tuple[str, Any]]:
    """Count the pixels of each label, which is a field and a value."""
    counts: Counter[tuple[str, Any]] = Counter()
    for name, values in by_field(mask).items():
        found, n = np.unique(values, return_counts=True)
        counts |= {(name, k): m for k, m in zip(found.tolist(), n.tolist(), strict=True)}
    if ignore_label is not None:
        for name in {name for name, _ in counts}:
            counts.pop((name, ignore_label), None)
    return counts
