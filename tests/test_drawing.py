"""Figures have a layout of their own, whatever their user's settings of matplotlib are."""

import doctest
import inspect
import io

import matplotlib as mpl
import pytest

import skvae.inspection
import skvae.study

mpl.use("agg")
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

DRAWN = [
    getattr(room, name)
    for room in (skvae.inspection, skvae.study)
    for name in room.__all__
    if name.endswith(("Display", "_figure"))
]


@pytest.fixture
def made(monkeypatch):
    """Yield all figures that are made, each with the layout that it was given."""
    figures = []
    initialise = Figure.__init__

    def record(self, *args, layout=None, **options):
        figures.append((self, layout))
        initialise(self, *args, layout=layout, **options)

    monkeypatch.setattr(Figure, "__init__", record)
    yield figures
    plt.close("all")


@pytest.mark.parametrize("drawn", DRAWN, ids=lambda drawn: drawn.__name__)
def test_settings_of_the_user_do_not_move_what_is_drawn(drawn, made):
    with mpl.rc_context({"figure.constrained_layout.use": True}):
        space = {}
        for example in doctest.DocTestParser().get_examples(inspect.getdoc(drawn)):
            exec(example.source, space)
        assert made
        for figure, layout in made:
            assert layout in ("constrained", "none")
            figure.savefig(io.BytesIO())  # a warning is an error


def test_the_layout_of_a_users_axes_is_left_alone(made):
    with mpl.rc_context({"figure.constrained_layout.use": True}):
        _, ax = plt.subplots()
        display = skvae.inspection.UnitAttributeDisplay.from_arrays(
            [[0.0], [1.0], [3.0]], [[0.0], [2.0], [1.0]], unit=0, attribute=0, ax=ax
        )
        assert display.figure_ is ax.figure
        assert [figure for figure, _ in made] == [ax.figure]
        display.figure_.savefig(io.BytesIO())
