import numpy as np
import pytest

from skvae.drawing import ORANGE
from skvae.inspection import (
    AttributeCorrelationDisplay,
    LatentTraversal,
    LayerProbeDisplay,
    UnitAttributeDisplay,
    attribute_correlation,
)
from skvae.inspection.probe import FoldScore, LayerProbe
from skvae.statistics.correlation import better_fits

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
    texts = [text.get_text() for text in display.ax_.texts]
    stars = ["*" in text for text in texts]
    assert (
        stars
        == (found.matrix("p_corrected").loc[names] <= 0.05).to_numpy().ravel().tolist()
    )
    low, high = (
        found.matrix(side).loc[names].to_numpy().ravel() for side in ("low", "high")
    )
    brackets = [text.split("\n")[1] for text in texts]
    assert brackets == [f"[{a:.2f}, {b:.2f}]" for a, b in zip(low, high, strict=True)]
    assert [label.get_text() for label in display.ax_.get_xticklabels()] == [
        f"attribute_{k}\nn = 80" for k in range(3)
    ]
    assert not display.ax_.patches


def test_own_units_have_a_frame_and_another_where_they_fail(arrays):
    Z, A = arrays
    with pytest.warns(UserWarning, match=r"unit_1 with 'attribute_1' \(1.00\) rather than"):
        found = attribute_correlation(Z, A, own_units=[0, None, 1])
    assert better_fits(found) == {2: 1}
    frames = AttributeCorrelationDisplay.from_correlation(found, n_units=4).ax_.patches
    places = [(round(f.get_x() + 0.5), round(f.get_y() + 0.5)) for f in frames]
    assert places == [(0, 0), (2, 1)]
    colours = [matplotlib.colors.to_hex(f.get_edgecolor()) for f in frames]
    assert colours == ["#000000", ORANGE]
    table = found.table()
    own = table[table["is_own"]]
    assert set(zip(own["unit"], own["attribute"], strict=True)) == {
        ("unit_0", "attribute_0"),
        ("unit_1", "attribute_2"),
    }


@pytest.mark.parametrize("own", [[0], [0, 1, 40], [0, 1, 1.5], [0, True, 1]])
def test_own_units_that_are_not_there(arrays, own):
    with pytest.raises(ValueError, match="expected a unit from 0 to 39"):
        attribute_correlation(*arrays, own_units=own)


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
    display = UnitAttributeDisplay.from_arrays(Z, A, unit="unit_1", attribute=1, bins=9)
    counts = display.ax_.collections[0].get_array()
    assert np.ma.sum(counts) == 50
    said = "Spearman 1.00, 95 % interval 1.00 to 1.00, n = 50"
    assert display.ax_.get_title() == said
    points = display.from_arrays(Z, A, unit="unit_1", attribute=1).ax_.collections[0]
    known = np.column_stack([A[30:, 1], Z[30:, 1]])
    np.testing.assert_array_equal(points.get_offsets(), known)
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
    assert line.get_linestyle() == "None"  # layers have no distance
    said = display.ax_.get_title(loc="left")
    assert "encoder fitted beforehand" in said
    assert "mean over 2 folds of n = 15; bars: standard deviation over the folds" in said
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert legend == ["area", "slant"]
    labels = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert labels == ["conv_1 (4)", "mean (4)"]
    assert LayerProbeDisplay(probe).plot(metric="roc_auc").ax_.get_ylim()[1] < 1
    with pytest.raises(ValueError, match="metric='spearman'"):
        LayerProbeDisplay(probe).plot(metric="spearman")


def test_references_stand_beside_layers_and_apart():
    scores = [
        FoldScore(layer, n, "area", "r2", fold, 10, 5, value + 0.1 * fold, is_reference)
        for layer, n, value, is_reference in (
            ("conv_1", 4, 0.3, False),
            ("mean", 2, 0.6, False),
            ("PCA", 2, 0.1, True),
            ("PCA", 4, 0.2, True),
            ("all columns", 64, 0.9, True),
        )
        for fold in (0, 1)
    ]
    probe = LayerProbe(tuple(scores), encoder_refitted=True)
    table = probe.table()
    assert table["layer"][table["best"]].tolist() == ["mean"]  # no reference is
    display = LayerProbeDisplay.from_probe(probe)
    labels = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert labels == ["conv_1 (4)", "mean (2)", "all columns (64)"]
    heights = [line.get_ydata() for line in display.ax_.lines if line.get_marker() in "oD"]
    assert heights[0] == pytest.approx([0.35, 0.65, 0.95])
    assert heights[1] == pytest.approx([0.25, 0.15])
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert legend == ["area", "as many principal\ncomponents"]


def test_results_are_printed_in_a_line(arrays):
    found = attribute_correlation(*arrays)
    said = "AttributeCorrelation(40 units, 3 attributes, spearman, n = 80)"
    assert repr(found) == said
    score = FoldScore("mean", 4, "area", "r2", 0, 10, 5, 0.5)
    probe = LayerProbe((score,), encoder_refitted=True)
    assert repr(probe) == "LayerProbe(1 layers, 1 targets, 1 folds, encoder_refitted=True)"
    names, values = ("mean_0",), np.zeros((7, 1))
    traversal = LatentTraversal(names, values, np.zeros((7, 4)), np.zeros((7, 1, 8, 8)))
    assert repr(traversal) == "LatentTraversal(mean_0, 7 steps, samples of (1, 8, 8))"
