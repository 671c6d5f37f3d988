"""Which columns of a table change most along a traversal, drawn as bars."""

from typing import Any

import numpy as np

from skvae.arguments import check_number
from skvae.drawing import BLUE, ORANGE, WIDTH, new_axes, short
from skvae.inspection.traversal import LatentTraversal


def draw_changes(traversal: LatentTraversal, n_columns: int, ax: Any) -> Any:
    """Draw the largest changes from the first step to the last, and return the axes.

    Parameters
    ----------
    traversal : LatentTraversal
        Of rows, along one unit, attribute or line.
    n_columns : int
        How many columns are shown.
    ax : matplotlib Axes or None
        Where to draw; by default in a new figure.
    """
    check_number("LatentTraversalDisplay", "n_columns", n_columns, whole=True, low=1)
    comparable = _comparable(traversal)
    moved = comparable - comparable[0]
    reach = np.nan_to_num(np.ptp(moved, axis=0))
    top = np.argsort(-reach, kind="stable")[:n_columns]
    places = np.arange(len(top))
    ax = new_axes((WIDTH, 1.1 + 0.23 * len(top))) if ax is None else ax
    last = moved[-1, top]
    ax.barh(places, last, color=[BLUE if v >= 0 else ORANGE for v in last], height=0.6)
    ax.hlines(
        places, moved[:, top].min(axis=0), moved[:, top].max(axis=0), color="0.25", lw=1
    )
    ax.axvline(0, color="0.35", linewidth=1)
    ax.set_yticks(places, [short(_name(traversal, k)) for k in top], fontsize="small")
    ax.invert_yaxis()
    beside = ax.get_yaxis_transform()
    for place, k in zip(places, top, strict=True):
        first, end = traversal.images[[0, -1], k]
        ax.text(
            1.01,
            place,
            f"{first:.3g} → {end:.3g}",
            transform=beside,
            va="center",
            fontsize="x-small",
        )
    unit = traversal.units[0] if traversal.units else ""
    ax.set_xlabel("change of the network's input, first to last step (line: its range)")
    low, high = traversal.values[[0, -1], 0]
    ax.set_title(
        f"{traversal.names[0]} from {low:.3g} to {high:.3g}"
        + (f" ({unit})" if unit else "")
        + f": the {len(top)} columns of {comparable.shape[1]} that change most\n"
        + f"right: decoded values{f' in {traversal.scale}' if traversal.scale else ''}",
        fontsize="small",
        loc="right",
    )
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right", "left"]].set_visible(False)
    return ax


def _comparable(traversal: LatentTraversal) -> np.ndarray:
    """Return the rows in units of the network's input, a column for each that is shown.

    Millimetres and grey values cannot be compared; standardised columns can.
    """
    images, decoded = traversal.images, traversal.decoded
    if decoded is None or decoded.shape == images.shape:
        return images if decoded is None else decoded
    reaching = ~np.isnan(images).all(axis=0)
    if reaching.sum() != decoded.shape[1]:
        return images
    spread = np.full(images.shape, np.nan)
    spread[:, reaching] = decoded
    return spread


def _name(traversal: LatentTraversal, k: int) -> str:
    return traversal.feature_names[k] if traversal.feature_names else f"column {k}"
