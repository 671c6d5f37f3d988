"""How far points lie from the edge of a shape, and on which side: below 0 is inside.

The distances soften an edge over one pixel without drawing at a higher resolution.
"""

from collections.abc import Sequence

import numpy as np

__all__ = ["ellipsoid_distance", "heart_distance", "square_distance"]


def ellipsoid_distance(
    position: Sequence[np.ndarray], half_axes: Sequence[np.ndarray | float]
) -> np.ndarray:
    r"""Distance from an ellipse or ellipsoid, to first order near its surface.

    With :math:`k_0 = |p / r|` and :math:`k_1 = |p / r^2|`, element by element, it is
    :math:`k_0 (k_0 - 1) / k_1` [1]_. Its sign is exact.

    Parameters
    ----------
    position : sequence of ndarray
        Coordinates along the ellipsoid's axes.
    half_axes : sequence of ndarray or float
        Half the diameter along each axis.

    Returns
    -------
    distance : ndarray
        The distance, negative inside.

    References
    ----------
    .. [1] Quilez, I. Ellipsoid - SDF. https://iquilezles.org/articles/ellipsoids/

    Examples
    --------
    >>> x, y = np.array([4.0, 0.0]), np.array([0.0, 3.0])
    >>> ellipsoid_distance((x, y), (2.0, 2.0)).tolist()
    [2.0, 1.0]
    """
    scaled = sum((p / r) ** 2 for p, r in zip(position, half_axes, strict=True))
    slope = sum((p / r**2) ** 2 for p, r in zip(position, half_axes, strict=True))
    # In the very centre both are 0: there it is -1, and anything negative would do.
    k0, k1 = (np.sqrt(np.maximum(square, 1e-12)) for square in (scaled, slope))
    return k0 * (k0 - 1) / k1


def square_distance(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Distance from the square with corners at (-1, -1) and (1, 1).

    Parameters
    ----------
    x, y : ndarray
        Coordinates of the points.

    Returns
    -------
    distance : ndarray
        The distance, negative inside.

    Examples
    --------
    >>> square_distance(np.array([0.0, 4.0]), np.array([0.0, 5.0])).tolist()
    [-1.0, 5.0]
    """
    beyond_x, beyond_y = np.abs(x) - 1, np.abs(y) - 1
    outside = np.hypot(np.maximum(beyond_x, 0), np.maximum(beyond_y, 0))
    return outside + np.minimum(np.maximum(beyond_x, beyond_y), 0)


def heart_distance(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Distance from a heart: a square that stands on its corner, and two half-discs [1]_.

    Its tip is at (0, 0) and the notch at (0, 1).

    Parameters
    ----------
    x, y : ndarray
        Coordinates of the points, y upwards.

    Returns
    -------
    distance : ndarray
        The distance, negative inside.

    References
    ----------
    .. [1] Quilez, I. 2D distance functions. https://iquilezles.org/articles/distfunctions2d/

    Examples
    --------
    >>> heart_distance(np.array([0.0, 0.0]), np.array([-2.0, 1.5])).round(3).tolist()
    [2.0, 0.437]
    """
    x = np.abs(x)
    disc = np.hypot(x - 0.25, y - 0.75) - np.sqrt(2) / 4
    nearest = np.maximum(x + y, 0) / 2
    edge = np.hypot(x - nearest, y - nearest)
    corner = np.minimum(np.hypot(x, y - 1), edge) * np.where(x > y, 1, -1)
    return np.where(x + y > 1, disc, corner)
