"""Outlines drawn on slices become filled masks."""

import numpy as np

__all__ = ["draw_contours", "fill_contours", "split_coordinates"]


def split_coordinates(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    r"""Parse outlines written as lines of ``column,row``.

    Parameters
    ----------
    texts : list of str
        One outline each, its points separated by line breaks.

    Returns
    -------
    points : ndarray of int, shape (n_points, 2)
        ``(row, column)`` of all points, one outline after another.
    lengths : ndarray of int, shape (n_contours,)
        Number of points of each outline.

    Examples
    --------
    >>> points, lengths = split_coordinates(["4,1\n5,1\n4,2", "7,8"])
    >>> points.tolist(), lengths.tolist()
    ([[1, 4], [1, 5], [2, 4], [8, 7]], [3, 1])
    """
    lengths = np.array([text.count(",") for text in texts], dtype=np.intp)
    # One parse of the joined text: number by number it takes ten times as long.
    flat = np.fromstring(",".join(texts).replace("\n", ","), dtype=np.intp, sep=",")
    return flat.reshape(-1, 2)[:, ::-1], lengths


def fill_contours(
    points: np.ndarray, lengths: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """Fill closed outlines by the even-odd rule; the outline itself stays empty.

    Parameters
    ----------
    points : ndarray of int, shape (n_points, 2)
        ``(row, column)`` of all corners, one outline after another, within `shape`.
        The last point of an outline is joined to its first.
    lengths : ndarray of int, shape (n_contours,)
        Number of points of each outline.
    shape : tuple of int
        Rows and columns of a mask.

    Returns
    -------
    masks : ndarray of bool, shape (n_contours, rows, columns)
        True at the pixels whose centre lies strictly within an outline.

    Examples
    --------
    >>> corners = np.array([[0, 0], [0, 3], [4, 3], [4, 0]])
    >>> fill_contours(corners, np.array([4]), (5, 4))[0].astype(int)
    array([[0, 0, 0, 0],
           [0, 1, 1, 0],
           [0, 1, 1, 0],
           [0, 1, 1, 0],
           [0, 0, 0, 0]])
    """
    step = _steps(points, lengths)
    owner = np.repeat(np.arange(len(lengths)), lengths)
    rows, columns = shape
    # One column more: a crossing in the last one takes effect behind it.
    crossings = np.zeros((len(lengths), rows, columns + 1), dtype=np.int8)
    edge, nth = _count_up(np.abs(step[:, 0]))
    # An edge owns its upper end, not its lower one, so that a corner counts once.
    row = (points[:, 0] + np.minimum(step[:, 0], 0))[edge] + nth
    # Integer division is exact: no rounding decides on which side a pixel lies.
    run = (row - points[edge, 0]) * step[edge, 1]
    column = points[edge, 1] + run // step[edge, 0]
    np.add.at(crossings, (owner[edge], row, column + 1), 1)
    masks = np.cumsum(crossings, axis=2, dtype=np.int8)[:, :, :columns] % 2 == 1

    return masks & ~draw_contours(points, lengths, shape)


def draw_contours(
    points: np.ndarray, lengths: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """Mark the pixels whose centres lie exactly on closed outlines.

    Parameters
    ----------
    points : ndarray of int, shape (n_points, 2)
        ``(row, column)`` of all corners, one outline after another, within `shape`.
    lengths : ndarray of int, shape (n_contours,)
        Number of points of each outline.
    shape : tuple of int
        Rows and columns of a mask.

    Returns
    -------
    masks : ndarray of bool, shape (n_contours, rows, columns)
        True on the outline.

    Examples
    --------
    >>> corners = np.array([[0, 0], [0, 2], [2, 2]])
    >>> draw_contours(corners, np.array([3]), (3, 3))[0].astype(int)
    array([[1, 1, 1],
           [0, 1, 1],
           [0, 0, 1]])
    """
    step = _steps(points, lengths)
    n_steps = np.maximum(1, np.abs(step).max(axis=1))
    edge, nth = _count_up(n_steps)
    run, divisor = nth[:, None] * step[edge], n_steps[edge, None]
    on_pixel = (run % divisor == 0).all(axis=1)
    row, column = (points[edge] + run // divisor)[on_pixel].T
    masks = np.zeros((len(lengths), *shape), dtype=bool)
    masks[np.repeat(np.arange(len(lengths)), lengths)[edge[on_pixel]], row, column] = True
    return masks


def _steps(points: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """From each point to the next one of its outline; from the last to the first."""
    stops = np.cumsum(lengths)
    after = np.arange(1, len(points) + 1)
    after[stops - 1] = stops - lengths
    return points[after] - points


def _count_up(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Repeat index i ``counts[i]`` times, and number the repetitions from 0."""
    index = np.repeat(np.arange(len(counts)), counts)
    return index, np.arange(len(index)) - (np.cumsum(counts) - counts)[index]
