"""What the figures of explained arms share: colours, labels, tiles of slices."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    pass

__all__ = [
    "BLUE",
    "DARK",
    "GREY",
    "ORANGE",
    "explained",
    "show_tiles",
]

# Blue and orange of Okabe and Ito, and a grey: distinct to colour-blind readers too.
BLUE, DARK, ORANGE, GREY = "#56B4E9", "#0B3C5D", "#D55E00", "0.45"


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
