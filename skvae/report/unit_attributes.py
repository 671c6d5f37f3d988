"""Which unit of an arm's code knows which attribute, with and without the volume."""

from typing import TYPE_CHECKING, Any

import numpy as np

from skvae.extras import import_extra
from skvae.report.canvas import paper, plain
from skvae.report.explained_axes import DARK, ORANGE, explained

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["attribute_figure"]

_MOST_UNITS = 3  # of each attribute that is no unit's own, those that know it best
_MOST_ROWS = 24


def attribute_figure(result: Any, arm: str | None = None) -> "Figure":
    """Draw how units go with attributes, with intervals, and what of it is volume.

    Parameters
    ----------
    result : NestedCVResult
        Of ``nested_cv(..., explain=True)``, with attributes or a volume.
    arm : str, default=None
        An arm with a code; by default each of them.

    Returns
    -------
    matplotlib.figure.Figure
        A row for each pair: the units that were trained for an attribute, marked (with the
        attribute that such a unit goes with better, should there be one), and of each
        attribute the three units that know it best. Free of pyplot's state; `savefig`
        writes it.

    Raises
    ------
    ValueError
        If there are no attributes, or none of the arm.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from skvae import AttriVAE
    >>> from skvae.study import attribute_figure, nested_cv
    >>> rng = np.random.default_rng(0)
    >>> y = np.arange(80) % 2
    >>> X = rng.normal(size=(80, 6)) + y[:, None]
    >>> network = AttriVAE(2, hidden_layer_sizes=(8,), max_iter=20, gamma=20.0)
    >>> arms = {"attri_vae": make_pipeline(network, LogisticRegression())}
    >>> options = {"outer": (2, 1), "inner": 2, "reference": "attri_vae", "explain": True}
    >>> volume = {"attributes": np.exp(X[:, :1])}
    >>> result = nested_cv(arms, X, y, params=volume, **options)
    >>> attribute_figure(result, "attri_vae")
    <Figure size ...>
    """
    attributes = explained(result, "attributes", "and attributes or a volume")
    if arm is not None:
        attributes = attributes[attributes["arm"] == arm]
        if attributes.empty:
            able = ", ".join(map(repr, dict.fromkeys(result.attributes["arm"])))
            raise ValueError(f"Got arm={arm!r}, but there are attributes of {able} only.")
    panels = [(name, _shown(rows)) for name, rows in attributes.groupby("arm", sort=False)]
    heights = [len(shown) for _, shown in panels]
    figure = paper(1.25 + sum(0.4 + 0.22 * height for height in heights))
    grid = figure.subplots(
        len(panels), 1, squeeze=False, sharex=True, height_ratios=heights
    )
    for axes, (name, shown) in zip(grid[:, 0], panels, strict=True):
        _draw(axes, shown, attributes[attributes["arm"] == name])
        axes.set_title(plain(name, 60), fontsize=9, loc="left")
    grid[-1, 0].set_xlabel(
        "Spearman's ρ and 95 % interval, held-out patients of fold 1\n"
        "(of each attribute the units with the largest |ρ|)"
    )
    controls = (attributes["controlled_for"] != "").any()
    figure.legend(
        handles=_handles(controls, bool(attributes["own"].any())),
        loc="outside upper left",
        ncols=3,
        frameon=False,
        fontsize=8.5,
    )
    return figure


def _shown(rows: Any) -> list[tuple[str, str]]:
    """Return pairs of attribute and unit, by attribute, own units first."""
    plain_rows = rows[rows["controlled_for"] == ""]
    n_attributes = plain_rows["attribute"].nunique()
    most = max(1, min(_MOST_UNITS, _MOST_ROWS // max(n_attributes, 1)))
    pairs = []
    for attribute, some in plain_rows.groupby("attribute", sort=False):
        size = some["rho"].abs().fillna(0)
        order = np.lexsort((-size.to_numpy(), ~some["own"].to_numpy(dtype=bool)))
        best = some.iloc[order].head(most + int(some["own"].any()))
        pairs += [(attribute, unit) for unit in best["unit"]]
    return pairs[: 2 * _MOST_ROWS]


def _draw(axes: Any, shown: list[tuple[str, str]], rows: Any) -> None:
    found = rows.set_index(["attribute", "unit", "controlled_for"])
    labels = []
    for place, (attribute, unit) in enumerate(shown):
        for controlled, colour, shift, marker in (
            ("", DARK, 0.0, "o"),
            ("volume", ORANGE, 0.26, "s"),
        ):
            if (attribute, unit, controlled) in found.index:
                row = found.loc[(attribute, unit, controlled)]
                _draw_pair(axes, place + shift, row, colour, marker)
        first = found.loc[(attribute, unit, "")]
        own = f"  ◄ own{_rather(rows, unit, first)}" if first["own"] else ""
        labels.append(f"{plain(attribute, 34)} · {plain(unit, 24)}  n = {first['n']}{own}")
    axes.set_yticks(range(len(shown)), labels, fontsize=7.5)
    for tick, label in zip(axes.get_yticklabels(), labels, strict=True):
        tick.set_fontweight("bold" if "  ◄ own" in label else "normal")
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xlim(-1.02, 1.02)
    axes.axvline(0, color="0.35", linewidth=0.9, zorder=1)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _rather(rows: Any, unit: str, own: Any) -> str:
    """Name the attribute that a unit goes with better than with its own, if any."""
    of_unit = rows[(rows["unit"] == unit) & (rows["controlled_for"] == "")]
    strength = of_unit["rho"].abs().fillna(0)
    if not strength.max() > abs(own["rho"]):  # nor where there is no correlation
        return ""
    return f", rather {plain(of_unit.loc[strength.idxmax(), 'attribute'], 16)}"


def _draw_pair(axes: Any, place: float, row: Any, colour: str, marker: str) -> None:
    rho, low, high = row["rho"], row["ci_low"], row["ci_high"]
    axes.plot([low, high], [place, place], color=colour, linewidth=1.3, zorder=2)
    is_sure = row["p_corrected"] <= 0.05
    axes.plot(
        rho,
        place,
        marker,
        markersize=4.5,
        color=colour,
        markerfacecolor=colour if is_sure else "white",
        zorder=3,
    )


def _handles(controls: bool, own: bool) -> list[Any]:
    Line2D = import_extra("matplotlib.lines").Line2D
    filled = {"linestyle": "-", "marker": "o", "markersize": 4.5}
    handles = [
        Line2D([], [], color=DARK, label="as it is", **filled),
        Line2D(
            [], [], color=DARK, markerfacecolor="white", label="p > .05 (FDR)", **filled
        ),
    ]
    if controls:
        volume = Line2D([], [], color=ORANGE, **{**filled, "marker": "s"})
        volume.set_label("controlled for volume")
        handles.insert(1, volume)
    if own:
        handles.append(Line2D([], [], linestyle="", label="bold: unit trained for it"))
    return handles
