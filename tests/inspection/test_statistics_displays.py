import numpy as np
import pytest

from skvae.inspection import (
    AttributeCorrelationDisplay,
    LayerProbeDisplay,
    UnitAttributeDisplay,
    attribute_correlation,
)
from skvae.inspection.probe import FoldScore, LayerProbe

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("agg")


@pytest.fixture(autouse=True)
def _close():
    yield
    matplotlib.pyplot.close("all")


@pytest.fixture(scope="module")
def arrays():
    A = np.random.default_rng(0).normal(size=(80, 3))
    Z = np.hstack([A[:, :2], np.random.default_rng(1).normal(size=(80, 38))])
    return Z, A


def test_map_shows_the_statistics_and_stars_the_sure(arrays):
    found = attribute_correlation(*arrays)
    display = AttributeCorrelationDisplay.from_correlation(found, n_units=4)
    shown = display.ax_.images[0].get_array()
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert names[:2] == ["unit_0", "unit_1"]
    assert np.asarray(shown) == pytest.approx(found.matrix().loc[names].to_numpy())
    stars = [text.get_text().endswith("*") for text in display.ax_.texts]
    assert (
        stars
        == (found.matrix("p_corrected").loc[names] <= 0.05).to_numpy().ravel().tolist()
    )
    assert [label.get_text() for label in display.ax_.get_xticklabels()] == [
        *("attribute_0", "attribute_1", "attribute_2")
    ]


def test_map_without_room_for_numbers_has_stars_alone(arrays):
    found = attribute_correlation(arrays[0], np.hstack([arrays[1]] * 3))
    display = AttributeCorrelationDisplay(found).plot(n_units=40)
    assert {text.get_text() for text in display.ax_.texts} == {"*"}


def test_map_draws_in_given_axes(arrays):
    figure, ax = matplotlib.pyplot.subplots()
    found = attribute_correlation(*arrays, method="mutual_info", n_permutations=5)
    display = AttributeCorrelationDisplay(found).plot(ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert figure.axes[1].get_ylabel() == "information (nats)"


def test_histogram_counts_known_rows(arrays):
    Z, A = arrays
    A = A.copy()
    A[:30, 1] = np.nan
    display = UnitAttributeDisplay.from_arrays(Z, A, unit="unit_1", attribute=1)
    counts = display.ax_.collections[0].get_array()
    assert np.ma.sum(counts) == 50
    assert display.ax_.get_title() == "Spearman 1.00, n = 50"
    assert display.ax_.get_ylabel() == "unit_1"
    for arguments in ({"unit": 40, "attribute": 0}, {"unit": 0, "attribute": "slant"}):
        with pytest.raises(ValueError, match="expected 0 to"):
            UnitAttributeDisplay.from_arrays(Z, A, **arguments)


def test_probe_draws_means_of_the_folds():
    scores = [
        FoldScore(layer, 4, target, metric, fold, 10, 5, value + 0.1 * fold)
        for layer, value in (("conv_1", 0.3), ("mean", 0.6))
        for target, metric in (("area", "r2"), ("slant", "r2"), ("y", "roc_auc"))
        for fold in (0, 1)
    ]
    probe = LayerProbe(tuple(scores), encoder_refitted=False)
    display = LayerProbeDisplay.from_probe(probe)
    line = display.ax_.lines[0]
    assert line.get_ydata() == pytest.approx([0.35, 0.65])
    assert "beforehand" in display.ax_.get_title()
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert legend == ["area", "slant"]
    labels = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert labels == ["conv_1 (4)", "mean (4)"]
    assert LayerProbeDisplay(probe).plot(metric="roc_auc").ax_.get_ylim()[1] < 1
    with pytest.raises(ValueError, match="metric='spearman'"):
        LayerProbeDisplay(probe).plot(metric="spearman")
