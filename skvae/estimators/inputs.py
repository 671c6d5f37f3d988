"""What may come in as X: rows or images of finite numbers, and nothing else."""

import datetime
import math
from collections.abc import Callable
from numbers import Integral
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import assert_all_finite, get_tags
from sklearn.utils.validation import validate_data

from skvae.arguments import naming
from skvae.datasets.lazy_rows import LazyRows, is_stored
from skvae.estimators.lost_digits import warn_of_lost_digits
from skvae.mask_layouts import is_listed
from skvae.training.data import release, row_blocks
from skvae.training.host import on_host
from skvae.training.sparse_rows import SparseRows

LARGEST_CHANNEL_COUNT = 4
CHANNELS_FIRST = "np.moveaxis(X, -1, 1)"
# What a check of new X finds.
INPUT_ATTRIBUTES = ("n_features_in_", "feature_names_in_", "_flat_input")
_NOT_NUMBERS = (
    datetime.date,
    datetime.timedelta,
    np.datetime64,
    np.timedelta64,
)
_NOT_NUMERIC_COLUMNS = ("date", "time", "duration", "period")
# Of these, the entries say whether they are numbers.
_PERHAPS_NUMERIC_COLUMNS = ("str", "utf8", "categor", "enum", "object", "interval")


def check_new(
    estimator: Any, X: Any, check: Callable[..., Any], **options: Any
) -> tuple[Any, dict[str, Any]]:
    """Check X for `fit`, and return what that says of later X beside the estimator.

    Parameters
    ----------
    estimator : estimator
        It stays as it is: scikit-learn writes what it finds to a copy.
    X : array-like
        Rows or images.
    check : callable
        ``check(estimator, X, reset=True, **options)``.

    Returns
    -------
    checked : object
        What ``check`` returns.
    found : dict of str to object
        Attributes for the estimator, such as ``n_features_in_``.
    """
    copied = object.__new__(type(estimator))
    vars(copied).update(vars(estimator))
    checked = check(copied, X, reset=True, **options)
    return checked, {k: v for k, v in vars(copied).items() if k in INPUT_ATTRIBUTES}


def check_rows(
    estimator: Any,
    X: Any,
    *,
    reset: bool,
    min_samples: int = 2,
    image_shape: tuple[int, ...] | None = None,
) -> Any:
    """Return X as float32 samples of an estimator's shape.

    For `fit` they are finite, or NaN where the estimator's tags allow it; later ones are
    checked block by block as they are read, and have the shape of those of `fit`, whatever
    ``image_shape`` is by now.

    Parameters
    ----------
    estimator : TrainedTransformer
        The estimator that takes X.
    X : array-like
        Rows or images.
    reset : bool
        Whether X is for `fit`, and decides what later X must look like.
    min_samples : int
        Samples that `fit` needs.
    image_shape : tuple of int, optional
        Shape of the images, where there is no doubt of it; by default, what the estimator
        says.

    Returns
    -------
    x : ndarray, SparseRows or LazyRows of shape (n_samples, *sample_shape)
        A view of X where that is possible.
    """
    if not reset and _stands_every_check(estimator, X):
        return _as_samples(_in_float32(X), estimator.sample_shape_)
    return _checked_rows(estimator, X, reset, min_samples, image_shape)


@naming("X")
def _checked_rows(
    estimator: Any,
    X: Any,
    reset: bool,
    min_samples: int,
    image_shape: tuple[int, ...] | None,
) -> Any:
    """Return X as `check_rows` does, after all checks."""
    name = type(estimator).__name__
    refuse_non_numbers(X, name)
    X = as_array(X)
    if len(X.shape) != 2 and X.shape[:1] == (0,):
        raise ValueError(
            f"Found array with 0 sample(s) (shape={X.shape}) while a minimum of "
            f"{min_samples if reset else 1} is required by {name}."
        )
    if not reset:
        image_shape = estimator.sample_shape_ if len(estimator.sample_shape_) > 1 else None
    elif image_shape is None:
        image_shape = estimator.image_shape
    sample_shape = find_sample_shape(X, image_shape)
    flat = len(X.shape) <= 2
    if not reset and not flat and sample_shape != estimator.sample_shape_:
        raise ValueError(
            f"Got X with samples of shape {sample_shape}, but {name} was fitted on "
            f"samples of shape {estimator.sample_shape_}."
        )
    rows = _flat_rows(estimator, X, reset, min_samples if reset else 1)
    if reset:
        allow_nan = get_tags(estimator).input_tags.allow_nan
        refuse_non_finite(rows.data if sparse.issparse(rows) else rows, name, allow_nan)
        if flat and len(sample_shape) == 1 and not sparse.issparse(rows):
            warn_of_lost_digits(X, name)
        estimator._flat_input = flat
    return _as_samples(rows, sample_shape)


def _as_samples(rows: Any, sample_shape: tuple[int, ...]) -> Any:
    """Return flat rows in the shape of samples."""
    if sparse.issparse(rows):
        return SparseRows(rows, sample_shape)
    if isinstance(rows, LazyRows):
        return rows.samples(sample_shape, np.float32)
    return rows.reshape(len(rows), *sample_shape)


def _flat_rows(estimator: Any, X: Any, reset: bool, min_samples: int) -> Any:
    """Return X as validated rows of two axes, in float32."""
    if isinstance(X, LazyRows):
        return _lazy(estimator, X, reset, min_samples)
    flat = len(X.shape) <= 2
    rows = X if flat else X.reshape(X.shape[0], math.prod(X.shape[1:]))
    return _validated(estimator, rows, reset, min_samples)


def _validated(estimator: Any, X: Any, reset: bool, min_samples: int) -> Any:
    """Return rows as scikit-learn's validation does, in float32."""
    if not reset and _stands_every_check(estimator, X):
        return _in_float32(X)
    with np.errstate(over="ignore"):  # what float32 cannot hold is refused later
        return validate_data(
            estimator,
            X,
            accept_sparse="csr" if get_tags(estimator).input_tags.sparse else False,
            dtype=np.float32,
            order="C",
            ensure_all_finite=False,
            ensure_min_samples=min_samples,
            reset=reset,
        )


def _in_float32(X: np.ndarray) -> np.ndarray:
    """Return rows of numbers in float32, as they lie where they can."""
    if X.dtype == np.float32:
        return np.asarray(X, order="C")
    with np.errstate(over="ignore"):
        return np.asarray(X, np.float32, order="C")


def _lazy(estimator: Any, X: LazyRows, reset: bool, min_samples: int) -> LazyRows:
    """Return rows that are not read yet, in float32, after the checks of their shape."""
    if X.ndim > 1 and len(X) >= min_samples and math.prod(X.shape[1:]):
        rows = X.samples((math.prod(X.shape[1:]),), np.float32)
        validate_data(estimator, rows, skip_check_array=True, reset=reset)
        return rows
    # A shape that is refused: scikit-learn has the words for it.
    return _validated(estimator, np.empty(X.shape, X.dtype), reset, min_samples)


def _stands_every_check(estimator: Any, X: Any) -> bool:
    """Whether the validation of later rows could do no more than convert them.

    It would take a third of the time of reading a few: it asks of every library of tables
    whether X is one of theirs.
    """
    return (
        type(X) is np.ndarray
        and X.ndim == 2
        and X.dtype.kind in "biuf"
        and len(X) > 0
        and X.shape[1] == estimator.n_features_in_
        and not hasattr(estimator, "feature_names_in_")
    )


def refuse_non_numbers(X: Any, name: str) -> None:
    """Refuse what scikit-learn's validation would not, or would with no word of where.

    Dates become floats there (a missing date becomes -9.2e18), and a mask is dropped.
    Text and categories may be numbers.

    Raises
    ------
    ValueError
        If X holds dates, durations or text that is no number, or is a masked array.
    """
    if np.ma.isMaskedArray(X):
        raise ValueError(
            f"Got a masked array as X, but {name} would ignore its mask; pass "
            "X.filled(value) with the value that masked entries should have."
        )
    if hasattr(X, "columns") and hasattr(X, "dtypes"):
        for column, dtype in zip(X.columns, X.dtypes, strict=True):
            refuse_non_numeric_column(X, column, str(dtype), name)
    kind = getattr(getattr(X, "dtype", None), "kind", "")
    if kind in tuple("MmV"):
        raise ValueError(f"Got X of dtype {X.dtype}, but {name} expects numbers.")
    entries = np.ravel(X).tolist() if kind in tuple("OSU") else []
    strange = [v for v in entries if not is_number(v)]
    if strange:
        raise ValueError(
            f"Got X with the entry {strange[0]!r}, but {name} expects numbers."
        )


def refuse_non_numeric_column(X: Any, column: Any, dtype: str, name: str) -> None:
    """Refuse a column of dates or durations, or with text that is no number."""
    if dtype.lower().startswith(_NOT_NUMERIC_COLUMNS):
        raise ValueError(
            f"Got X with a column {column!r} of dtype {dtype}, but {name} expects numbers."
        )
    perhaps = dtype.lower().startswith(_PERHAPS_NUMERIC_COLUMNS)
    entries = np.asarray(X[column]).ravel().tolist() if perhaps else []
    strange = [entry for entry in entries if not is_number(entry)]
    if strange:
        raise ValueError(
            f"Got X with {strange[0]!r} in the column {column!r} of dtype {dtype}, but "
            f"{name} expects numbers."
        )


def is_number(entry: Any) -> bool:
    """Whether an entry is no date, and no text but of a number."""
    if not isinstance(entry, str | bytes):
        return not isinstance(entry, _NOT_NUMBERS)
    try:
        float(entry)
    except ValueError:
        return False
    return True


@naming("X")
def as_array(X: Any) -> Any:
    """Return nested lists and other array-likes as an array; tables and arrays as is.

    Of arrays of equal shape that are the entries of an array or a Series, it is one array.
    Tensors are arrays of the host, without their gradients.

    Raises
    ------
    ValueError
        If they are arrays of unequal shapes, or sparse without two axes.
    """
    if isinstance(X, SparseRows):
        return X.matrix
    if isinstance(X, LazyRows) or is_stored(X):
        return LazyRows(X)
    if sparse.issparse(X) and len(X.shape) != 2:
        raise ValueError(
            f"Got X as a sparse array of shape {X.shape}, but sparse ones are taken as "
            "rows, of two axes; expected X.toarray()."
        )
    if sparse.issparse(X) or hasattr(X, "columns"):
        return X
    X = on_host(X)
    listed = is_listed(X) and getattr(X, "ndim", 1) == 1
    shapes = {tuple(getattr(x, "shape", ())) for x in X} if listed else set()
    if len(shapes) > 1:
        one, other, *_ = sorted(shapes)
        raise ValueError(
            f"Got X with samples of unequal shapes, such as {one} and {other}, but "
            "expected one shape: crop or pad them to one size. Images of unequal sizes are "
            "taken by what labels their pixels, such as UNetSegmenter and PixelClassifier, "
            "and sequences of unequal lengths by SequenceClassifier and SequenceRegressor."
        )
    X = np.asanyarray(X)
    return np.stack(X) if X.dtype == object and X.ndim == 1 and any(shapes) else X


def find_sample_shape(X: Any, image_shape: tuple[int, ...] | None) -> tuple[int, ...]:
    """Return the shape of one sample: ``(n_features,)`` or ``(channels, *spatial)``.

    Raises
    ------
    ValueError
        If X and ``image_shape`` do not fit, or X does not say what its axes are.
    """
    n_axes = len(X.shape)
    if n_axes < 2:
        return ()  # left to scikit-learn, whose message says how to reshape
    shape = X.shape[1:]
    if image_shape is not None:
        return _check_image_shape(shape, image_shape)
    channels_last = shape[-1] <= LARGEST_CHANNEL_COUNT
    if n_axes == 3:
        last = f", for channels that are last {CHANNELS_FIRST} with image_shape"
        raise ValueError(
            f"Got X of shape {X.shape} without image_shape; for images without a channel "
            f"axis pass X[:, None] or image_shape=(1, {shape[0]}, {shape[1]}), for signals "
            f"of {shape[0]} channels image_shape=({shape[0]}, {shape[1]})"
            f"{last if channels_last else ''}."
        )
    doubtful = n_axes == 4 or (n_axes == 5 and channels_last)
    if doubtful and shape[0] > LARGEST_CHANNEL_COUNT:
        listed = ", ".join(map(str, shape))
        others = [f"for channels that are last {CHANNELS_FIRST}"] if channels_last else []
        if n_axes == 4:
            others.append("for volumes without a channel axis X[:, None]")
        raise ValueError(
            f"Got X of shape {X.shape} without image_shape: is its second axis "
            f"{shape[0]} channels? For these pass image_shape=({listed}), "
            f"{', '.join(others)}."
        )
    if n_axes > 5:
        raise ValueError(
            f"Got X of shape {X.shape}, but expected at most three spatial axes: "
            "(n_samples, channels, depth, height, width)."
        )
    return tuple(int(n) for n in shape)


def _check_image_shape(
    shape: tuple[int, ...], image_shape: tuple[int, ...]
) -> tuple[int, ...]:
    whole = all(isinstance(n, Integral) and n >= 1 for n in image_shape)
    if not whole or not 2 <= len(image_shape) <= 4:
        raise ValueError(
            f"Got image_shape={image_shape}, but expected (channels, *spatial) of the "
            "images in X, with one to three spatial axes, whole numbers of at least 1."
        )
    image_shape = tuple(int(n) for n in image_shape)
    without_channel = image_shape[1:] if image_shape[0] == 1 else image_shape
    if len(shape) == 1 and shape[0] != math.prod(image_shape):
        raise ValueError(
            f"Got image_shape={image_shape}, which has {math.prod(image_shape)} entries, "
            f"but X has {shape[0]} columns."
        )
    if len(shape) > 1 and shape not in (image_shape, without_channel):
        last = shape == (*image_shape[1:], image_shape[0])
        raise ValueError(
            f"Got X with samples of shape {shape}, but expected {image_shape}, or rows of "
            f"{math.prod(image_shape)} entries"
            f"{f'; for channels that are last pass {CHANNELS_FIRST}' if last else ''}."
        )
    return image_shape


def refuse_non_finite(rows: np.ndarray, name: str, allow_nan: bool = False) -> None:
    """Refuse NaN and infinity, block by block: a big memory map stays on disk."""
    options = {"allow_nan": allow_nan, "estimator_name": name, "input_name": "X"}
    for block in row_blocks(rows):
        assert_all_finite(np.asarray(rows[block]), **options)
        release(rows)


def refuse_outside_unit_interval(rows: np.ndarray) -> None:
    """Refuse entries that are no probabilities."""
    for block in row_blocks(rows):
        some = np.asarray(rows[block])
        # Of what is not known (NaN), nothing is outside.
        low, high = np.fmin.reduce(some, axis=None), np.fmax.reduce(some, axis=None)
        if low < 0 or high > 1:
            raise ValueError(
                "Got likelihood='bernoulli', which expects X in [0, 1], but X has entries "
                f"from {low:.3g} to {high:.3g}."
            )
        release(rows)
