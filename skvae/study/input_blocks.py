"""Several inputs of the same rows: images, radiomics and clinical columns side by side."""

from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_consistent_length

from skvae._compat import take_rows

__all__ = ["Blocks", "SelectBlock"]


class Blocks:
    """Named inputs of the same rows, which are split together.

    scikit-learn's searches and splits take it for X; `SelectBlock` is the first step of
    what reads one of its blocks.

    Parameters
    ----------
    blocks : mapping of str to array or DataFrame
        The inputs by name, such as `images`, `radiomics` and `clinical`, each of n_samples
        rows. Frames have the same index, row by row.

    Raises
    ------
    ValueError
        Where the blocks are not of the same rows.

    See Also
    --------
    SelectBlock : Takes one of them out.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.study import Blocks
    >>> X = Blocks({"images": np.zeros((4, 1, 8, 8)), "clinical": np.ones((4, 2))})
    >>> X
    Blocks(4 rows: images (1, 8, 8), clinical (2,))
    >>> X.take([0, 2])["clinical"].shape
    (2, 2)
    """

    def __init__(self, blocks: Mapping[str, Any]) -> None:
        if not isinstance(blocks, Mapping) or not blocks:
            raise ValueError(
                f"Got blocks={blocks!r}, expected a mapping of names to inputs."
            )
        lengths = {name: len(block) for name, block in blocks.items()}
        if len(set(lengths.values())) > 1:
            listed = ", ".join(f"{name} {n}" for name, n in lengths.items())
            raise ValueError(f"Got blocks with different numbers of rows: {listed}.")
        frames = {name: block for name, block in blocks.items() if hasattr(block, "iloc")}
        first = next(iter(frames), None)
        for name, frame in frames.items():
            if not frame.index.equals(frames[first].index):
                raise ValueError(
                    f"Got the blocks {first!r} and {name!r} with a different index, "
                    "expected the same rows in the same order."
                )
        self._blocks = dict(blocks)

    @property
    def names(self) -> list[str]:
        """Names of the blocks, in the order given."""
        return list(self._blocks)

    @property
    def index(self) -> NDArray[Any]:
        """Names of the rows: the index of the frames, or else row numbers."""
        for block in self._blocks.values():
            if hasattr(block, "iloc"):
                return np.asarray(block.index)
        return np.arange(len(self))

    @property
    def iloc(self) -> Self:
        """Itself; by this, scikit-learn knows that it indexes rows by position."""
        return self

    loc = iloc

    def __len__(self) -> int:
        return len(next(iter(self._blocks.values())))

    def __iter__(self) -> Iterator[str]:
        return iter(self._blocks)

    def __contains__(self, name: object) -> bool:
        return name in self._blocks

    def __getitem__(self, key: Any) -> Any:
        """Return a block by its name, or some rows of all of them."""
        if isinstance(key, str):
            if key not in self._blocks:
                raise KeyError(f"Got the block {key!r}, but there are {self.names}.")
            return self._blocks[key]
        return self.take(np.arange(len(self))[key])

    def take(self, rows: Any, axis: int = 0) -> "Blocks":
        """Return some rows of all blocks.

        Parameters
        ----------
        rows : array-like of int or bool
            Which rows.
        axis : int, default=0
            Only 0; here for pandas' sake.

        Returns
        -------
        Blocks
            The same blocks with these rows.
        """
        if axis != 0:
            raise ValueError(f"Got axis={axis!r}, expected 0: blocks are taken by row.")
        return Blocks({name: take_rows(b, rows) for name, b in self._blocks.items()})

    def __repr__(self) -> str:
        shapes = (f"{name} {np.shape(block)[1:]}" for name, block in self._blocks.items())
        return f"Blocks({len(self)} rows: {', '.join(shapes)})"


class SelectBlock(TransformerMixin, BaseEstimator):
    """Take one block out of several inputs: the first step of an arm of a study.

    Parameters
    ----------
    block : str
        Its name.

    See Also
    --------
    Blocks : Several inputs of the same rows.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline, make_union
    >>> from skvae.study import SelectBlock
    >>> X = {"radiomics": np.eye(4), "clinical": np.ones((4, 1))}
    >>> both = make_union(SelectBlock("radiomics"), SelectBlock("clinical"))
    >>> both.fit_transform(X).shape
    (4, 5)
    """

    def __init__(self, block: str) -> None:
        self.block = block

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check that the block is there.

        Parameters
        ----------
        X : Blocks or mapping of str to array
            The inputs.
        y : None
            Ignored.

        Returns
        -------
        SelectBlock
            Itself.
        """
        selected = self.transform(X)
        columns = getattr(selected, "columns", None)
        self.feature_names_ = None if columns is None else np.asarray(columns, dtype=object)
        self.n_columns_ = int(np.prod(np.shape(selected)[1:]))
        return self

    def transform(self, X: Any) -> Any:
        """Return the block.

        Parameters
        ----------
        X : Blocks or mapping of str to array
            The inputs.

        Returns
        -------
        array or DataFrame of n_samples rows
            The block as it was given.
        """
        if not isinstance(X, Blocks | Mapping):
            raise TypeError(
                f"Got X of type {type(X).__name__}, but SelectBlock({self.block!r}) "
                "expects a mapping of named blocks."
            )
        if self.block not in X:
            raise ValueError(
                f"Got block={self.block!r}, but X has the blocks {', '.join(X)}."
            )
        selected = X[self.block]
        check_consistent_length(selected)
        return selected

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Return the names of the columns of the block.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        ndarray of object
            Names of its columns, or `NAME_0`, `NAME_1`, ....
        """
        if self.feature_names_ is not None:
            return self.feature_names_
        return np.array([f"{self.block}_{i}" for i in range(self.n_columns_)], dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "n_columns_")
