"""What the figures of explained arms share: colours, labels, tiles of slices."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skvae.extras import import_extra

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "BLUE",
    "DARK",
    "GREY",
    "ORANGE",
    "explained",
    "new_figure",
    "plain",
    "show_tiles",
]

# Blue and orange of Okabe and Ito, and a grey: distinct to colour-blind readers too.
BLUE, DARK, ORANGE, GREY = "#56B4E9", "#0B3C5D", "#D55E00", "0.45"
WIDTH = 7.0


def new_figure(height: float) -> "Figure":
    """Return a figure of the width of a page, free of pyplot's state."""
    return import_extra("matplotlib.figure").Figure(
        figsize=(WIDTH, height), layout="constrained"
    )


def plain(text: Any, longest: int = 60) -> str:
    """Return a name as it is to be read: not as mathematics, in one line, not too long."""
    line = " ".join(str(text).split())
    if len(line) > longest:  # names of features differ at their end rather than before
        first = longest // 3
        line = f"{line[:first]}…{line[first + 1 - longest :]}"
    return line.replace("$", r"\$")


def explained(result: Any, name: str, what: str) -> Any:
    """Return a frame of what was explained.

    Raises
    ------
    ValueError
        If it has no rows.
    """
    frame = getattr(result, name)
    if not len(frame):
        raise ValueError(
            f"Got a result without {name}, expected one of nested_cv(..., explain=True) "
            f"{what}."
        )
    return frame


def pictures_of(result: Any, arm: str) -> Any:
    """Return the pictures of an arm.

    Raises
    ------
    ValueError
        If there are none.
    """
    if arm not in result.pictures:
        able = ", ".join(map(repr, result.pictures)) or "no arm"
        raise ValueError(
            f"Got arm={arm!r}, but there are pictures of {able}; expected an arm with a "
            "decoder, and a result of nested_cv(..., explain=True)."
        )
    return result.pictures[arm]


def show_tiles(axes: Any, tiles: NDArray[Any], **options: Any) -> Any:
    """Show images of shape (n, height, width) side by side; return what was drawn."""
    n, height, width = tiles.shape
    gap = max(1, width // 24)
    strip = np.full((height, n * (width + gap) - gap), np.nan, dtype=np.float32)
    for k, tile in enumerate(tiles):
        strip[:, k * (width + gap) : k * (width + gap) + width] = tile
    drawn = axes.imshow(strip, interpolation="nearest", aspect="equal", **options)
    centres = np.arange(n) * (width + gap) + (width - 1) / 2
    axes.set_xticks(centres)
    axes.set_yticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return drawn


def slice_note(pictures: Any) -> str:
    """Return which slice is shown, and how much of it."""
    note = ""
    if pictures.n_slices > 1:
        note = f"slice {pictures.place + 1} of {pictures.n_slices}"
    if pictures.every > 1:
        note += f"{', ' if note else ''}one pixel of {pictures.every}"
    return note
