"""A new figure to draw in."""

from typing import Any

from skvae.extras import import_extra


def new_axes(size: tuple[float, float]) -> Any:
    """Return the axes of a new figure of pyplot, of some width and height in inches."""
    _, ax = import_extra("matplotlib.pyplot").subplots(figsize=size, layout="constrained")
    return ax
