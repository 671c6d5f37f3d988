"""What a decoder makes of a code that moves along a unit, an attribute or a line."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.stats import norm

from skvae.estimators.inputs import check_rows
from skvae.features.attribute_columns import refuse_unseen
from skvae.inspection.input_units import in_input_units
from skvae.inspection.network_step import NetworkStep, find_network
from skvae.inspection.units import Unit, code_layer, decode, encode, find_unit

# A traversal runs from this quantile of a unit to that: what lies beyond is rare.
QUANTILES = (0.02, 0.98)


@dataclass(frozen=True, eq=False)
class LatentTraversal:
    """Codes along a line or over a grid, and what the decoder makes of them.

    Parameters
    ----------
    names : tuple of str
        What moves: the name of a unit, such as ``mean_3``, or of an attribute; two of
        them over a grid.
    values : ndarray of shape (*steps, len(names))
        The value of each of them at each step, in its own units.
    codes : ndarray of shape (*steps, n_components), float32
        The codes.
    images : ndarray of shape (*steps, *sample_shape), float32
        The decoded codes: ``(channels, *spatial)`` each for images, else rows. Of a
        pipeline, in the units of its input, where the steps before the network can be
        undone; columns that a selection drops are NaN.
    scale : str, default=""
        Of a pipeline, the units of ``images``: those of its input, or else those of the
        network's, and which step cannot be undone.
    decoded : ndarray of shape (*steps, *sample_shape), float32, default=None
        What the network itself decodes; without a pipeline, the same as ``images``.
    units : tuple of str, default=()
        In which units the values of each name are.
    feature_names : tuple of str, default=()
        Names of the columns of ``images``, where they are rows with names.
    ends : ndarray of shape (2, *sample_shape), default=None
        Of an interpolation, the two samples themselves, in the units of ``images``.

    See Also
    --------
    latent_traversal : Along a unit or an attribute.
    latent_interpolation : Between two samples.
    LatentTraversalDisplay : Drawn.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skvae import VAEFeatureExtractor
    >>> from skvae.inspection import latent_traversal
    >>> X = load_iris(as_frame=True).data
    >>> vae = VAEFeatureExtractor(2, max_iter=20, random_state=0).fit(X)
    >>> traversal = latent_traversal(vae, X, unit=1, n_steps=5)
    >>> traversal
    LatentTraversal(mean_1, 5 steps, samples of (4,))
    >>> traversal.feature_names[0]
    'sepal length (cm)'
    """

    names: tuple[str, ...]
    values: np.ndarray
    codes: np.ndarray
    images: np.ndarray
    scale: str = ""
    decoded: Any = None
    units: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    ends: Any = None

    def __repr__(self) -> str:
        steps = self.values.shape[:-1]
        return (
            f"LatentTraversal({' and '.join(self.names)}, "
            f"{' x '.join(map(str, steps))} steps, "
            f"samples of {self.images.shape[len(steps) :]})"
        )


def latent_traversal(
    estimator: Any,
    X: Any = None,
    *,
    unit: int | tuple[int, int] | None = None,
    attribute: str | int | tuple[Any, Any] | None = None,
    values: Any = None,
    n_steps: int = 7,
    start: Any = None,
) -> LatentTraversal:
    """Decode a code of which one unit moves, or two over a grid.

    Parameters
    ----------
    estimator : estimator
        A fitted autoencoder, or a fitted pipeline or search with one among its steps.
    X : array-like of rows or images, default=None
        Samples, as the estimator takes them, that say where the codes lie. Without, those
        of the prior N(0, I), which only a variational autoencoder has.
    unit : int or tuple of two int, default=None
        The unit that moves; a tuple moves two, over a grid.
    attribute : str, int or tuple of two, default=None
        Instead of ``unit``, the attribute whose unit moves, by its name or number;
        ``values`` are then in units of the attribute.
    values : array-like of shape (n_steps,), or tuple of two, default=None
        Where to stop. By default at equal distances (of the attribute or else of the
        unit), from the 2nd to the 98th percentile of the unit over X or its prior.
    n_steps : int, default=7
        Number of default values, along each axis.
    start : int or array-like of shape (n_components,), default=None
        The other units: those of this row of X, or this code. By default the mean code
        of X, or of the prior.

    Returns
    -------
    traversal : LatentTraversal
        Values, codes and decoded images at each step.

    Raises
    ------
    ValueError
        If the estimator has no such unit or attribute, an attribute has a value beyond
        those of training, or a plain autoencoder, which has no prior, gets no X.

    See Also
    --------
    LatentTraversalDisplay.from_estimator : The same, drawn.
    closed_loop : Whether attributes follow, measured on the decoded images.

    Examples
    --------
    >>> from skvae import Autoencoder
    >>> from skvae.datasets import make_sprites
    >>> from skvae.inspection import latent_traversal
    >>> X = make_sprites(40, size=16, random_state=0).images
    >>> model = Autoencoder(4, channels=(4, 8), max_iter=2, random_state=0).fit(X)
    >>> traversal = latent_traversal(model, X, unit=2, n_steps=5)
    >>> traversal.values.shape, traversal.codes.shape, traversal.images.shape
    ((5, 1), (5, 4), (5, 1, 16, 16))
    >>> latent_traversal(model, X, unit=(0, 2), values=([-1, 0, 1], [-2, 2])).images.shape
    (3, 2, 1, 16, 16)
    """
    found = find_network(estimator)
    estimator = found.estimator
    units = _find_units(estimator, unit, attribute)
    codes = None if X is None else encode(estimator, found.given(X))
    first = _start_code(estimator, codes, start)
    if values is None:
        lines = [_default_values(estimator, u, codes, n_steps) for u in units]
    else:
        lines = _check_values(values, units)
    grid = np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1)
    moved = np.tile(first, (*grid.shape[:-1], 1))
    for place, u in enumerate(units):
        along = u.to_unit(grid[..., place].ravel())
        moved[..., u.index] = np.reshape(along, moved.shape[:-1])
    return _decoded(found, [(u.name, u.unit) for u in units], grid, moved)


def latent_interpolation(estimator: Any, X: Any, *, n_steps: int = 7) -> LatentTraversal:
    """Decode codes on the straight line between those of two samples.

    Parameters
    ----------
    estimator : estimator
        A fitted autoencoder, or a fitted pipeline or search with one among its steps.
    X : array-like of shape (2, n_features) or (2, channels, *spatial)
        The two samples, for example ``X[[3, 8]]``.
    n_steps : int, default=7
        Number of codes, with those of both samples.

    Returns
    -------
    interpolation : LatentTraversal
        Its ``values`` are the share of the second sample, from 0 to 1.

    Raises
    ------
    ValueError
        If X does not hold two samples.

    See Also
    --------
    latent_traversal : Along a unit or an attribute.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skvae import Autoencoder
    >>> from skvae.inspection import latent_interpolation
    >>> X = load_digits().data[:200] / 16
    >>> model = Autoencoder(8, max_iter=5, random_state=0).fit(X)
    >>> line = latent_interpolation(model, X[[0, 1]], n_steps=5)
    >>> line.values[:, 0]
    array([0.  , 0.25, 0.5 , 0.75, 1.  ])
    >>> line.images.shape, bool((line.ends == X[[0, 1]]).all())
    ((5, 64), True)
    """
    found = find_network(estimator)
    code_layer(found.estimator)
    given = found.given(X)
    ends = encode(found.estimator, given)
    if len(ends) != 2:
        raise ValueError(f"Got X with {len(ends)} samples, but expected two.")
    share = np.linspace(0, 1, _check_steps(n_steps))[:, None]
    codes = (1 - share) * ends[0] + share * ends[1]
    traversal = _decoded(
        found, [("share of the second", "of the codes between")], share, codes
    )
    samples = np.asarray(check_rows(found.estimator, given, reset=False))
    return replace(traversal, ends=in_input_units(found, samples).samples)


def _decoded(
    found: NetworkStep,
    moved: Sequence[tuple[str, str]],
    values: np.ndarray,
    codes: np.ndarray,
) -> LatentTraversal:
    codes = codes.astype(np.float32)
    decoded = decode(found.estimator, codes.reshape(-1, codes.shape[-1]))
    shown = in_input_units(found, decoded)
    names, units = zip(*moved, strict=True)
    steps = codes.shape[:-1]
    return LatentTraversal(
        names=names,
        values=values,
        codes=codes,
        images=shown.samples.reshape(*steps, *shown.samples.shape[1:]),
        scale=shown.scale,
        decoded=decoded.reshape(*steps, *decoded.shape[1:]),
        units=units,
        feature_names=shown.feature_names,
    )


def _find_units(estimator: Any, unit: Any, attribute: Any) -> list[Unit]:
    asked = unit if attribute is None else attribute
    if not isinstance(asked, tuple | list):
        return [find_unit(estimator, unit, attribute)]
    if unit is not None and attribute is not None:
        find_unit(estimator, unit, attribute)  # says that one of both is expected
    name = "unit" if attribute is None else "attribute"
    units = [
        find_unit(estimator, **{"unit": None, "attribute": None, name: a}) for a in asked
    ]
    if len({u.index for u in units}) != 2 or len(units) != 2:
        raise ValueError(f"Got {name}={asked!r}, but a grid has two different ones.")
    return units


def _start_code(estimator: Any, codes: np.ndarray | None, start: Any) -> np.ndarray:
    layer = code_layer(estimator)
    shape = estimator.network_.shapes[layer]
    if start is None:
        if codes is not None:
            return codes.mean(axis=0, dtype=np.float64)
        _check_prior(estimator)
        return np.zeros(shape)
    if isinstance(start, int | np.integer):
        n_rows = 0 if codes is None else len(codes)
        if codes is None or not -n_rows <= start < n_rows:
            raise ValueError(f"Got start={start!r}, but X has {n_rows} rows.")
        return codes[start].astype(np.float64)
    code = np.asarray(start, dtype=np.float64)
    if code.shape != shape or not np.isfinite(code).all():
        raise ValueError(
            f"Got start={start!r}, but expected a row of X or a code of {shape[0]} finite "
            "numbers."
        )
    return code


def _default_values(
    estimator: Any, unit: Unit, codes: np.ndarray | None, n_steps: int
) -> np.ndarray:
    if codes is None:
        _check_prior(estimator)
        low, high = norm.ppf(QUANTILES)
    else:
        low, high = np.quantile(codes[:, unit.index].astype(np.float64), QUANTILES)
    ends = unit.to_shown(np.array([low, high]))
    return np.linspace(*ends, _check_steps(n_steps))


def _check_prior(estimator: Any) -> None:
    if "log_var" not in estimator.network_.shapes:
        raise ValueError(
            f"Got X=None, but the codes of {type(estimator).__name__} have no prior; pass "
            "samples, whose codes say where to go."
        )


def _check_steps(n_steps: int) -> int:
    if not isinstance(n_steps, int | np.integer) or n_steps < 2:
        raise ValueError(f"Got n_steps={n_steps!r}, but expected a number of at least 2.")
    return int(n_steps)


def _check_values(values: Any, units: Sequence[Unit]) -> list[np.ndarray]:
    listed = [values] if len(units) == 1 else list(values)
    lines = [np.asarray(line, dtype=np.float64) for line in listed]
    fit = all(a.ndim == 1 and a.size and np.isfinite(a).all() for a in lines)
    if len(lines) != len(units) or not fit:
        expected = "a list" if len(units) == 1 else "a tuple of two lists"
        raise ValueError(
            f"Got values={values!r}, but expected {expected} of finite numbers."
        )
    for line, unit in zip(lines, units, strict=True):
        if unit.attribute_map is not None:
            seen = unit.attribute_map.lowest, unit.attribute_map.highest
            refuse_unseen(unit.name, line, *seen)
    return lines
