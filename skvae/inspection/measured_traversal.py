"""Whether attributes follow when their unit moves, measured on the decoded images."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import rankdata

from skvae.estimators.inputs import check_rows
from skvae.extras import import_extra
from skvae.inspection.input_units import in_input_units
from skvae.inspection.network_step import find_network
from skvae.inspection.traversal import QUANTILES, latent_traversal
from skvae.inspection.units import code_layer, find_unit

if TYPE_CHECKING:
    import pandas as pd


def closed_loop(
    estimator: Any,
    X: Any,
    measure: Callable[[np.ndarray], Any],
    *,
    attributes: Any = None,
    units: Sequence[int] | None = None,
    n_steps: int = 21,
    start: Any = None,
) -> "pd.DataFrame":
    """Move the unit of each attribute, decode, and measure all attributes again.

    A latent unit that is ordered by an attribute is of use only if the decoder knows it
    too: the attribute should follow the unit (on target), over much of the range that it
    has in real images, and the other attributes should stay (off target).

    Parameters
    ----------
    estimator : estimator
        A fitted autoencoder, or a fitted pipeline or search with one among its steps.
    X : array-like of rows or images
        Samples, as the estimator takes them, that say where the codes lie.
    measure : callable
        Takes images of shape (n_images, channels, *spatial) (or rows), of a pipeline in
        the units that `latent_traversal` shows them in, and returns
        attributes of shape (n_images, n_attributes), as an array or with named columns.
        NaN where an attribute cannot be measured.
    attributes : array-like of shape (n_samples, n_attributes), default=None
        Attributes of X, which give the range of each in real images. By default they are
        measured on X.
    units : sequence of int, default=None
        The unit of each attribute. By default unit k has attribute k, as in
        estimators that were fitted with attributes.
    n_steps : int, default=21
        Number of values of each unit, from the 2nd to the 98th percentile over X.
    start : int or array-like of shape (n_components,), default=None
        Row of X, or code, of the other units; by default the mean code.

    Returns
    -------
    table : DataFrame
        A row per attribute, in the columns

        attribute : str
            Its name.
        unit : int
            The unit that was moved.
        spearman : float
            Between the unit and the measured attribute; 0 if that stays the same.
        on_target : float
            Range of the measured attribute, as a share of the 2nd to 98th percentile of
            the real one.
        off_target : float
            The same of the other attribute that changes most; NaN for a single attribute.
        off_target_attribute : str
            The name of that other attribute.
        n_measured : int
            Number of steps at which the attribute could be measured.

    Raises
    ------
    ValueError
        If the number of attributes does not fit, or an attribute of X is constant.

    See Also
    --------
    latent_traversal : The images that are measured.

    Examples
    --------
    >>> from skvae import Autoencoder
    >>> from skvae.datasets import make_sprites
    >>> from skvae.inspection import closed_loop
    >>> X = make_sprites(40, size=16, random_state=0).images
    >>> model = Autoencoder(4, channels=(4, 8), max_iter=2, random_state=0).fit(X)
    >>> def area(images):
    ...     return images.sum(axis=(1, 2, 3))[:, None]
    >>> closed_loop(model, X, area, units=[2])[["attribute", "unit", "n_measured"]]
      attribute  unit  n_measured
    0         0     2          21
    """
    pd = import_extra("pandas")
    found = find_network(estimator)
    code_layer(found.estimator)
    if attributes is None:
        samples = np.asarray(check_rows(found.estimator, found.given(X), reset=False))
        attributes = measure(in_input_units(found, samples).samples)
    names = _names(found.estimator, attributes)
    low, high = np.nanquantile(_as_columns(attributes), QUANTILES, axis=0)
    for name, span in zip(names, high - low, strict=True):
        if not span > 0:
            raise ValueError(
                f"Got attributes with a constant {name!r}, which has no range."
            )
    units = _check_units(found.estimator, units, names)

    rows = []
    for k, unit in enumerate(units):
        traversal = latent_traversal(estimator, X, unit=unit, n_steps=n_steps, start=start)
        measured = _as_columns(measure(traversal.images))
        if measured.shape != (n_steps, len(names)):
            raise ValueError(
                f"Got a measure that returned the shape {measured.shape} for {n_steps} "
                f"images, but expected {(n_steps, len(names))}."
            )
        share = _ranges(measured) / (high - low)
        others = np.where(np.arange(len(names)) == k, -np.inf, np.nan_to_num(share))
        most = int(others.argmax())
        rows.append(
            {
                "attribute": names[k],
                "unit": unit,
                "spearman": _spearman(traversal.values[:, 0], measured[:, k]),
                "on_target": share[k],
                "off_target": others[most] if len(names) > 1 else np.nan,
                "off_target_attribute": names[most] if len(names) > 1 else None,
                "n_measured": int(np.isfinite(measured[:, k]).sum()),
            }
        )
    return pd.DataFrame(rows)


def _as_columns(attributes: Any) -> np.ndarray:
    columns = np.asarray(attributes, dtype=np.float64)
    return columns[:, None] if columns.ndim == 1 else columns


def _names(estimator: Any, attributes: Any) -> list[str]:
    if hasattr(attributes, "columns"):
        return [str(name) for name in attributes.columns]
    n_attributes = _as_columns(attributes).shape[1]
    fitted = [str(name) for name in getattr(estimator, "attribute_names_", ())]
    return fitted if len(fitted) == n_attributes else [str(k) for k in range(n_attributes)]


def _check_units(
    estimator: Any, units: Sequence[int] | None, names: Sequence[str]
) -> list[int]:
    if units is None:
        fitted = [str(name) for name in getattr(estimator, "attribute_names_", ())]
        if fitted != list(names):
            raise ValueError(
                f"Got no units, but {type(estimator).__name__} was fitted with the "
                f"attributes {fitted}, not {list(names)}; expected the unit of each."
            )
        units = range(len(names))
    if len(units) != len(names):
        raise ValueError(f"Got units={units!r}, but there are {len(names)} attributes.")
    return [find_unit(estimator, unit, None).index for unit in units]


def _ranges(measured: np.ndarray) -> np.ndarray:
    """Return the largest minus the smallest of each column; NaN where nothing is finite."""
    finite = np.where(np.isfinite(measured), measured, np.nan)
    largest, smallest = np.fmax.reduce(finite), np.fmin.reduce(finite)
    return largest - smallest


def _spearman(asked: np.ndarray, measured: np.ndarray) -> float:
    known = np.isfinite(measured)
    if known.sum() < 2 or np.ptp(measured[known]) == 0:
        return 0.0
    ranks = rankdata(asked[known]), rankdata(measured[known])
    return float(np.corrcoef(*ranks)[0, 1])
