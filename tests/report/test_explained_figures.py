from dataclasses import replace

import matplotlib
import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skvae import AttriVAE, Autoencoder, AutoencoderClassifier
from skvae.study import (
    attribute_figure,
    importance_figure,
    loss_figure,
    nested_cv,
    reconstruction_figure,
    traversal_figure,
)
from skvae.study.arm_features import flatten

NAMES = ["$cost^2$", "a\nb", "%s", "original_shape_MeshVolume", "wavelet_" + 70 * "z", ""]


@pytest.fixture(scope="module")
def of_table():
    rng = np.random.default_rng(0)
    y = np.arange(45) % 2
    X = pd.DataFrame(np.abs(rng.normal(size=(45, 6))), columns=NAMES)
    X["%s"] += 3.0 * y
    known = pd.DataFrame({"age": X["%s"], "si$ze": rng.normal(size=45)})
    with config_context(enable_metadata_routing=True):
        vae = AttriVAE(3, max_iter=3, random_state=0).set_fit_request(attributes=True)
    quick = {"head_max_iter": 2, "finetune_max_iter": 2, "early_stopping": True}
    network = Autoencoder(2, max_iter=2)
    arms = {
        "raw": LogisticRegression(),
        "attri": make_pipeline(StandardScaler(), vae, LogisticRegression()),
        "classifier": AutoencoderClassifier(autoencoder=network, random_state=0, **quick),
    }
    options = {"outer": (3, 1), "inner": 2, "reference": "raw", "explain": True}
    return nested_cv(arms, X, y, params={"attributes": known}, **options)


@pytest.fixture(scope="module", params=[(1, 12, 12), (1, 6, 70, 8), (2, 16)])
def of_images(request):
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    X = rng.normal(size=(40, *request.param)).astype(np.float32) + y.reshape(
        -1, *[1] * len(request.param)
    )
    shape = request.param if len(request.param) == 2 else None
    options = {"max_iter": 2, "channels": (4,), "random_state": 0}
    network = Autoencoder(3, image_shape=shape, **options)
    arms = {
        "raw": make_pipeline(FunctionTransformer(flatten), LogisticRegression()),
        "net": make_pipeline(network, LogisticRegression()),
    }
    options = {"outer": (2, 1), "inner": 2, "reference": "raw", "explain": True}
    return nested_cv(arms, X, y, **options)


def texts(axes):
    return [label.get_text() for label in axes.get_yticklabels()]


def drawn(figure, tmp_path):
    """Draw it twice, as an image and as SVG, where odd names would fail."""
    for ending in ("png", "svg"):
        figure.savefig(tmp_path / f"figure.{ending}")
        assert (tmp_path / f"figure.{ending}").stat().st_size > 4000
    assert "pyplot" not in str(type(figure.canvas))
    return figure


def test_losses_are_drawn_fold_by_fold_with_phases_and_active_units(of_table, tmp_path):
    attri, classifier = drawn(loss_figure(of_table), tmp_path).axes
    rows = of_table.training.query("arm == 'attri' and fold == 2")
    curves = [line.get_ydata() for line in attri.lines]
    assert len(curves) == 3
    assert list(curves[1]) == list(rows["train_loss"])
    active = of_table.units.query("arm == 'attri' and layer == 'mean'")["n_active"]
    assert attri.get_title(loc="left").startswith(f"attri\n{active.min()}")
    dashed = [line for line in classifier.lines if line.get_linestyle() == "--"]
    held_out = of_table.training.query("arm == 'classifier' and fold == 1")["valid_loss"]
    assert len(dashed) == 3
    assert np.array_equal(dashed[0].get_ydata(), held_out, equal_nan=True)
    phases = [text.get_text() for text in classifier.texts]
    assert phases == ["pretrain", "head", "finetune"]


def test_bars_are_mean_drops_and_dots_are_folds(of_table, tmp_path):
    figure = drawn(importance_figure(of_table, n_blocks=3), tmp_path)
    first, *others = figure.axes
    assert len(others) == 2
    drops = of_table.importance.query("arm == 'raw'").groupby("block")["drop"].mean()
    assert texts(first)[-1] == "%s"  # the largest is on top
    assert first.patches[-1].get_width() == pytest.approx(drops["%s"])
    dots = [line.get_xdata()[-1] for line in first.lines if line.get_marker() == "o"]
    folds = of_table.importance.query("arm == 'raw' and block == '%s'")["drop"]
    assert dots == pytest.approx(list(folds))
    assert "drop in AUC when" in figure._supxlabel.get_text()


def test_attributes_are_drawn_with_and_without_volume_and_own_units_marked(
    of_table, tmp_path
):
    figure = drawn(attribute_figure(of_table), tmp_path)
    (axes,) = figure.axes
    assert axes.get_title(loc="left") == "attri"
    n = int(of_table.attributes["n"].iloc[0])
    rho = of_table.attributes.query("controlled_for == ''")
    rho = rho.pivot(index="unit", columns="attribute", values="rho").abs()
    rather = {unit: rho.loc[unit].idxmax().replace("$", "\\$") for unit in rho.index}
    expected = [
        f"{name} · {unit}  n = {n}  ◄ own"
        + ("" if rather[unit] == name else f", rather {rather[unit]}")
        for name, unit in (("age", "mean_0"), ("si\\$ze", "mean_1"))
    ]
    assert [text for text in texts(axes) if "◄ own" in text] == expected
    row = of_table.attributes.query("unit == 'mean_0' and attribute == 'age'").iloc[0]
    assert list(axes.lines[0].get_xdata()) == pytest.approx([row["ci_low"], row["ci_high"]])
    said = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "controlled for volume" in said


def test_an_own_unit_that_another_attribute_fits_better_says_so(of_table, tmp_path):
    known = of_table.attributes.copy()
    plainly = (known["unit"] == "mean_1") & (known["controlled_for"] == "")
    known.loc[plainly, "rho"] = np.where(
        known.loc[plainly, "attribute"] == "age", -0.9, 0.1
    )
    swapped = replace(of_table, attributes=known)
    (axes,) = drawn(attribute_figure(swapped), tmp_path).axes
    marked = [text for text in texts(axes) if "mean_1" in text and "◄" in text]
    assert len(marked) == 1
    assert marked[0].endswith("◄ own, rather age")


def test_a_table_has_its_best_and_worst_columns_and_those_that_move(of_table, tmp_path):
    axes = drawn(reconstruction_figure(of_table, "attri"), tmp_path).axes[0]
    pictures = of_table.pictures["attri"]
    assert len(axes.patches) == 6
    order = np.argsort(-pictures.r2)
    widths = [patch.get_width() for patch in axes.patches]
    assert widths[-1] == pytest.approx(pictures.r2[order[0]], abs=1e-6)
    figure = drawn(traversal_figure(of_table, "attri"), tmp_path)
    assert [axes.get_xlabel() for axes in figure.axes[:3]] == pictures.units


def test_images_are_drawn_with_slices_units_and_a_colour_bar(of_images, tmp_path):
    pictures = of_images.pictures["net"]
    figures = [
        drawn(draw(of_images, "net"), tmp_path)
        for draw in (reconstruction_figure, traversal_figure)
    ]
    if pictures.kind == "signal":
        assert len(figures[0].axes) == len(pictures.samples) == 6
        return
    titles = [figure.get_suptitle() for figure in figures]
    if pictures.n_slices > 1:
        note = "slice 4 of 6, one pixel of 2"  # of 70 pixels in a row
        assert all(title.endswith(note) for title in titles)
        assert pictures.inputs.shape == (6, 35, 4)
    reconstructed, moved = figures
    tiles = [axes.images[0].get_array() for axes in reconstructed.axes[:3]]
    width = pictures.inputs.shape[2]
    difference = pictures.reconstructions[0] - pictures.inputs[0]
    assert np.allclose(tiles[2][:, :width], difference)
    assert tiles[0][:, :width].tolist() == pictures.inputs[0].tolist()
    assert [axes.get_ylabel() for axes in moved.axes[:3]] == pictures.units
    values = [label.get_text() for label in moved.axes[0].get_xticklabels()]
    assert values == [f"{value:.2g}" for value in pictures.values[0]]
    assert moved.axes[3].get_ylabel() == "decoded value"
    limits = {axes.images[0].get_clim() for axes in moved.axes[:3]}
    assert len(limits) == 1  # one colour bar is of all rows


def test_regions_have_a_figure(of_images, tmp_path):
    (one, two) = drawn(importance_figure(of_images, n_blocks=4), tmp_path).axes
    assert len(one.patches) == len(two.patches) == 4


def test_what_was_not_explained_is_refused_in_a_sentence(of_table):
    nothing = pd.DataFrame()
    plain = replace(
        of_table,
        training=nothing,
        importance=nothing,
        attributes=nothing,
        units=nothing,
        pictures={},
    )
    for figure in (loss_figure, importance_figure, attribute_figure):
        with pytest.raises(ValueError, match=r"explain=True\)"):
            figure(plain)
    for figure in (reconstruction_figure, traversal_figure):
        with pytest.raises(
            ValueError, match="arm='attri', but there are pictures of no arm"
        ):
            figure(plain, "attri")
        with pytest.raises(
            ValueError, match="arm='raw', but there are pictures of 'attri'"
        ):
            figure(of_table, "raw")
    with pytest.raises(ValueError, match="arm='raw', but there are attributes of 'attri'"):
        attribute_figure(of_table, "raw")


def test_settings_of_matplotlib_stay_as_they_are(of_table):
    before = dict(matplotlib.rcParams)
    loss_figure(of_table)
    assert dict(matplotlib.rcParams) == before
