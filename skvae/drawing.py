"""What figures are made of: new axes, images side by side, slices of volumes."""

from typing import Any, NamedTuple

import numpy as np

from skvae.extras import import_extra

GAP = 1
# Width of a figure in inches, and how large a tile of it may be.
WIDTH = 7.0
# What stands under a single tile needs room as well.
LEAST_WIDTH = 5.2
LARGEST_TILE = 1.7
LARGEST_HEIGHT = 8.5
# Of Okabe & Ito, which most colour-blind people can tell apart, also in grey.
BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"
COLOURS = (BLUE, "#e69f00", GREEN, "#cc79a7", "#56b4e9", ORANGE, "#000000")
LONGEST_NAME = 44


def sliced(images: np.ndarray, n_spatial: int, channel: int, axis: int, index: Any) -> Any:
    """Return one channel of images and, of volumes, one slice.

    Parameters
    ----------
    images : ndarray of shape (..., channels, *spatial)
        Images, or volumes.
    n_spatial : int
        Number of spatial axes, two or three.
    channel : int
        The channel.
    axis : int
        Spatial axis across which volumes are cut.
    index : int or None
        Place of the cut along it; in the middle for None.

    Returns
    -------
    slices : ndarray of shape (..., height, width)
        A view of the images.

    Raises
    ------
    ValueError
        If there is no such channel, axis or slice.
    """
    n_channels, *spatial = images.shape[-n_spatial - 1 :]
    _check("channel", channel, n_channels)
    images = np.take(images, channel, axis=-n_spatial - 1)
    if n_spatial == 2:
        return images
    _check("axis", axis, n_spatial)
    index = spatial[axis] // 2 if index is None else index
    _check("index", index, spatial[axis])
    return np.take(images, index, axis=axis - n_spatial)


def _check(name: str, value: Any, n: int) -> None:
    if not isinstance(value, int | np.integer) or not 0 <= value < n:
        raise ValueError(f"Got {name}={value!r}, but expected 0 to {n - 1}.")


def tiled(images: np.ndarray) -> np.ndarray:
    """Return a grid of images of shape (rows, columns, height, width) as one image.

    Between the tiles lies a gap of NaN, which is drawn empty.
    """
    with_gap = np.pad(
        images.astype(np.float32),
        [(0, 0), (0, 0), (0, GAP), (0, GAP)],
        constant_values=np.nan,
    )
    rows, columns, height, width = with_gap.shape
    joined = with_gap.swapaxes(1, 2).reshape(rows * height, columns * width)
    return joined[:-GAP, :-GAP]


def tile_centres(n_tiles: int, size: int) -> np.ndarray:
    """Return the middle of each tile of some size along an axis, in pixels."""
    return np.arange(n_tiles) * (size + GAP) + (size - 1) / 2


def slice_name(images: np.ndarray, n_spatial: int, axis: int, index: Any) -> str:
    """Say which slice `sliced` takes of volumes; nothing of images."""
    if n_spatial < 3:
        return ""
    n_slices = images.shape[axis - n_spatial]
    index = n_slices // 2 if index is None else index
    return f"slice {index + 1} of {n_slices} across axis {axis}"


class Margins(NamedTuple):
    """What stands around the tiles of a figure, in inches."""

    left: float = 0.1
    right: float = 0.75
    bottom: float = 0.5
    top: float = 0.35


def tile_axes(grid: np.ndarray, margins: Margins) -> Any:
    """Return the axes of a new figure that tiles fill, with nothing blank around them."""
    n_rows, n_columns, height, width = grid.shape
    across, down = n_columns * (width + GAP) - GAP, n_rows * (height + GAP) - GAP
    room = (
        WIDTH - margins.left - margins.right,
        LARGEST_HEIGHT - margins.bottom - margins.top,
    )
    largest = LARGEST_TILE / max(height, width)
    inches = min(room[0] / across, room[1] / down, largest)  # of a pixel
    size = np.array([across, down]) * inches
    around = (margins.left + margins.right, margins.bottom + margins.top)
    whole = size + np.array(around)
    spare = max(LEAST_WIDTH - whole[0], 0)
    whole[0] += spare
    # A layout that matplotlib's settings ask for would move what is placed here.
    figure = import_extra("matplotlib.pyplot").figure(figsize=tuple(whole), layout="none")
    corner = margins.left + spare / 2, margins.bottom
    place = np.array([*corner, *size]) / np.tile(whole, 2)
    return figure.add_axes(tuple(place))


def outlined(ax: Any, values: np.ndarray, level: float, colour: str) -> None:
    """Draw the line around what lies above a level, with a white rim to be seen by.

    At the edge of a tile, where there are no values, the line is closed.
    """
    largest = float(np.nanmax(values))
    if not np.nanmin(values) < level < largest:
        return
    beyond = 2 * level - largest
    whole = np.pad(np.nan_to_num(values, nan=beyond), 1, constant_values=beyond)
    places = [np.arange(-1, n + 1) for n in values.shape[::-1]]
    for line, width in (("white", 2.6), (colour, 1.3)):
        ax.contour(*places, whole, [level], colors=line, linewidths=width)


def colour_bar(ax: Any, drawn: Any, label: str) -> Any:
    """Draw a narrow bar of colours at the right side of some axes."""
    width = ax.get_position().width * ax.figure.get_size_inches()[0]
    beside = ax.inset_axes((1 + 0.08 / width, 0, 0.1 / width, 1))
    bar = ax.figure.colorbar(drawn, cax=beside)
    bar.set_label(label, fontsize="x-small")
    bar.ax.tick_params(labelsize="x-small")
    bar.ax.locator_params(nbins=4)
    bar.outline.set_visible(False)
    return bar


def short(name: str) -> str:
    """Return a name whose middle is left out where it is long."""
    half = LONGEST_NAME // 2 - 1
    return name if len(name) <= LONGEST_NAME else f"{name[:half]}…{name[-half:]}"


def new_axes(size: tuple[float, float]) -> Any:
    """Return the axes of a new figure of pyplot, of some width and height in inches."""
    _, ax = import_extra("matplotlib.pyplot").subplots(figsize=size, layout="constrained")
    return ax
