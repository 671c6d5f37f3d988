import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import brier_score_loss, confusion_matrix

from skvae.report.confounding import confounding_table, correlations, mean_scores
from skvae.report.flow import Flow, flow_figure
from skvae.report.vector_graphics import inline_svg, svg_text
from skvae.study.reporting import record_of


def test_the_first_table_has_the_numbers_of_the_summary(result):
    table = result.table().set_index("arm")
    summary = result.summary().set_index("arm")
    for arm, row in table.iterrows():
        assert row["mean AUC [95 % CI]"].startswith(f"{summary.loc[arm, 'mean']:.3f} [")
        assert row["configurations tried"] == str(summary.loc[arm, "n_configurations"])
    assert table.loc["pca", "difference to pca [95 % CI]"] == "reference"
    assert table.loc["net", "difference to pca [95 % CI]"].startswith(
        f"{summary.loc['net', 'difference']:+.3f} ["
    )


def test_brier_sensitivity_and_specificity_are_those_of_scikit_learn(result):
    table = result.table().set_index("arm")
    for arm in result.arms:
        rows = result.predictions[result.predictions["arm"] == arm]
        came = rows["y"] == "malignant"
        assert table.loc[arm, "Brier"] == f"{brier_score_loss(came, rows['score']):.3f}"
        cells = [
            confusion_matrix(part["y"] == "malignant", part["score"] >= part["threshold"])
            for _, part in rows.groupby("repeat")
        ]
        (tn, fp), (fn, tp) = np.mean(cells, axis=0)
        found = table.loc[arm]
        assert found["sensitivity [95 % CI]"].startswith(f"{tp / (tp + fn):.2f} [")
        assert found["specificity [95 % CI]"].startswith(f"{tn / (tn + fp):.2f} [")


def test_networks_and_seconds_are_summed(result):
    table = result.table().set_index("arm")
    trained = result.timings.groupby("arm")["n_trainings"].sum()
    assert trained["net"] > 0
    assert table["networks trained"].to_dict() == {a: f"{n:,}" for a, n in trained.items()}


def test_confounding_is_the_rank_correlation_of_patients(result, covariates):
    record = record_of(result, inputs=covariates)
    table = confounding_table(correlations(record)).set_index(["arm", "column"])
    scores = mean_scores(record).sort_index()
    patient = np.arange(80) // 2
    mean = scores["pca"].groupby(patient).mean()
    volume = covariates["volume"].groupby(patient).mean()
    expected = spearmanr(mean, volume).statistic
    assert table.loc[("pca", "volume"), "n"] == 40
    found = table.loc[("pca", "volume"), "correlation [95 % CI]"]
    assert found.startswith(f"{expected:+.2f} [")


def test_nothing_is_correlated_with_what_does_not_vary(result, covariates):
    none = record_of(result, inputs=covariates.assign(volume=1.0, age=np.nan))
    assert correlations(none) is None
    assert correlations(record_of(result)) is None
    named = covariates.assign(name=[f"n{i}" for i in range(80)])
    table = confounding_table(correlations(record_of(result, inputs=named)))
    assert "name" not in set(table["column"])


def test_the_flow_counts_who_came_and_who_left(result):
    excluded = pd.DataFrame({"case": ["a", "b", "c"], "reason": ["late", "late", "empty"]})
    record = record_of(result)
    object.__setattr__(record, "excluded", excluded)
    flow = Flow.of(record)
    assert flow.boxes[0] == "Read\n83 cases"
    assert flow.left_out == {0: "Left out: 3 cases\n2: late\n1: empty"}
    analysed = "Analysed\n40 patients, 80 rows\n40 rows of class benign"
    assert flow.boxes[1].startswith(analysed)
    assert "2 folds, 2 times" in flow.boxes[2]
    assert "trained and tuned on 20, tested on 20" in flow.boxes[2]
    assert "20 patients, 40 rows\n20 rows of class benign" in flow.boxes[3]
    with pytest.raises(ValueError, match="Got flow=Flow"):
        flow_figure(Flow([]))


def test_the_repr_stays_short(result):
    assert len(repr(result).splitlines()) <= 2 + 2 * len(result.arms)
    assert result.plot().axes


def test_figures_of_many_points_stay_small():
    from matplotlib.figure import Figure

    figure = Figure()
    x = np.random.default_rng(0).normal(size=(2, 30_000))
    axes = figure.subplots(2)
    axes[0].scatter(*x)
    axes[1].plot(*x)
    assert len(svg_text(figure)) < 400_000
    many = Figure()
    many.subplots().plot(x[0].reshape(1500, 20))
    text = svg_text(many)
    assert inline_svg(text, many, "many", "many").startswith("<img src=")


def test_folds_are_listed_with_their_events(result):
    from skvae.report.opening_sections import splits

    _, table = splits(record_of(result))
    frame = table.frame
    came = result.predictions.query("arm == 'pca' and y == 'malignant'")
    for row in frame.to_dict("records"):
        n = ((came["repeat"] == row["repeat"]) & (came["fold"] == row["fold"])).sum()
        assert row["of class malignant: train / test"] == f"{40 - n} / {n}"
        assert n < row["rows tested"]
