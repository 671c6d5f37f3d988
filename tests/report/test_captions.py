"""Words below figures, and instead of them, are so of the study that they stand in."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_results import events, numbers, three_classes, two_classes, with_external
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC
from small_studies import section, study, text_of

from skvae.report import captions
from skvae.report.analysis_sections import training
from skvae.report.chosen_configurations import choice_in_words
from skvae.report.comparison import comparison_figure
from skvae.report.not_drawn import why_not_drawn
from skvae.report.number_format import bounds, signed_bounds
from skvae.report.study_sections import how_to_run
from skvae.study import (
    calibration_figure,
    confusion_figure,
    decision_curve_figure,
    observed_figure,
    roc_figure,
)
from skvae.study.reporting import record_of

EXPLAINED = ("training", "reconstructions", "importance", "attributes")


def test_scores_without_an_interval_are_not_said_to_have_one():
    auc = record_of(with_external())
    assert "theirs (DeLong)" in captions.external(auc)
    other = record_of(replace(auc.result, scoring="accuracy"))
    assert "which have none" in captions.external(other)
    assert "DeLong)" not in captions.external(other)


def test_curves_of_one_repeat_are_averaged_over_none():
    twice, once = (record_of(two_classes(repeats=n)) for n in (2, 1))
    for caption in (captions.roc, captions.precision_recall):
        assert "averaged over 2 repeats" in caption(twice)
        assert "averaged" not in caption(once)


@pytest.mark.parametrize(
    ("make", "figure"),
    [
        (two_classes, roc_figure),
        (two_classes, decision_curve_figure),
        (two_classes, calibration_figure),
        (two_classes, confusion_figure),
        (numbers, observed_figure),
    ],
)
def test_notes_in_figures_tell_of_repeats_only_where_there_are_some(make, figure):
    once, twice = (
        figure(make(repeats=n, arms=("pca",))).get_supxlabel().replace("\n", " ")
        for n in (1, 2)
    )
    assert "averaged over 2 repeats" in twice
    assert "averaged" not in once


def test_one_arm_differs_from_nothing():
    alone = two_classes(arms=("pca",))
    assert "differences" not in captions.comparison(record_of(alone))
    figure = comparison_figure(alone)
    assert len(figure.axes) == 1
    assert "difference" not in figure.get_suptitle() + figure.get_supxlabel()
    both = two_classes(arms=("pca", "volume"))
    assert "differences to pca" in captions.comparison(record_of(both))
    assert len(comparison_figure(both).axes) == 2


def test_folds_of_one_score_have_no_interval_and_it_is_said():
    same = two_classes(arms=("pca",))
    same = replace(same, scores=same.scores.assign(score=0.75))
    assert "There is none where all folds" in captions.comparison(record_of(same))


def test_calls_are_by_a_threshold_only_where_there_is_one():
    assert "threshold of each fold" in captions.confusion(record_of(two_classes()))
    assert "threshold" not in captions.confusion(record_of(three_classes()))


def test_volume_is_held_constant_only_where_it_is_known():
    rows = pd.DataFrame(
        {"arm": ["net", "net", "plain"], "controlled_for": ["", "volume", ""]}
    )
    record = record_of(replace(two_classes(), attributes=rows))
    assert "volume held constant" in captions.attributes(record, "net")
    assert "volume" not in captions.attributes(record, "plain")


def test_reconstructions_of_columns_are_no_pictures(result):
    record = record_of(result)
    assert result.pictures["net"].kind == "table"
    assert "variance of columns" in captions.reconstruction(record, "net")
    assert "columns that move" in captions.traversal(record, "net")
    image = replace(result.pictures["net"], kind="image")
    record = record_of(replace(result, pictures={"net": image}))
    assert "what the network makes of them" in captions.reconstruction(record, "net")
    assert "columns" not in captions.traversal(record, "net")


def test_units_of_the_code_are_not_called_those_of_the_chosen_layer(result):
    (table,) = [p for p in training(record_of(result)) if hasattr(p, "frame")]
    layers = set(table.frame["layer"])
    chosen = set(result.scores["param_autoencoder__layer"].dropna())
    assert "code" in layers - chosen | layers & chosen
    assert table.caption.startswith("Units of the code of each network, and of the layer")


def test_what_is_missing_is_said_in_words_and_not_as_an_error(monkeypatch):
    one = study(SVC(), explain=False)
    for key in ("differences", "chosen", *EXPLAINED):
        text = text_of(one, key)
        assert "Not run." in text
        assert "Got " not in text
        assert "expected" not in text
    assert "pca is the only arm" in text_of(one, "differences")
    assert "No arm was searched" in text_of(one, "chosen")
    assert "nested_cv(..., explain=True)" in text_of(one, "training")
    assert "No arm gives probabilities" in text_of(one, "calibration")


def test_arms_that_were_explained_and_have_nothing_say_what():
    explained = {"design": {"settings": {"explain": True}}}
    record = record_of(replace(two_classes(), **explained))
    why = {key: why_not_drawn(key, record) for key in EXPLAINED}
    assert why["training"].why == "No arm trains a network."
    assert why["reconstructions"].why == "No arm has a decoder that can be drawn."
    assert not any(part.command for part in why.values())


def test_a_command_without_explanations_is_told_how_to_get_them():
    record = record_of(two_classes(), command="skvae study --config a.toml --no-explain")
    command = why_not_drawn("training", record).command
    assert command == "skvae study --config a.toml --restart"


def test_an_error_that_nobody_foresaw_is_no_bare_error(monkeypatch):
    def fail(call, *arguments):
        raise ValueError("Odd rows.")

    monkeypatch.setattr("skvae.report.figure_calls.FigureCall.draw", fail)
    (part,) = section(events(), "observed")
    assert part.why == "The predictions do not allow it: Odd rows."


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.5, np.inf, "[0.500, ∞)"),
        (-np.inf, 2.0, "(−∞, 2.000]"),
        (-0.0001, 1.0, "[0.000, 1.000]"),
        (np.nan, np.nan, "[no interval]"),
    ],
)
def test_bounds_in_words(low, high, text):
    assert bounds(low, high) == text


def test_bounds_of_differences_have_signs():
    assert signed_bounds(-0.25, np.inf) == "[-0.250, ∞)"
    assert signed_bounds(0.25, 0.5) == "[+0.250, +0.500]"


def test_a_slope_without_a_bound_is_told_as_such():
    result = two_classes(n=24, arms=("pca",), repeats=1)
    y = (result.predictions["y"] == "sick").to_numpy()
    score = np.where(y, 0.8, 0.2) + np.linspace(-0.1, 0.1, len(y))
    score[np.flatnonzero(y)[0]] = 0.2  # without whom the classes are apart
    sharp = replace(result, predictions=result.predictions.assign(score=score))
    table = section(sharp, "calibration")[0]
    (slope,) = table.frame["slope"]
    assert slope.endswith("∞)")
    assert "inf" not in slope
    assert "separate the classes" in table.caption
    plain = section(two_classes(n=90, arms=("pca",)), "calibration")[0]
    assert "∞" not in plain.caption


def test_several_layers_are_named_and_not_written_as_code():
    assert choice_in_words("['hidden_1', 'code']") == "hidden_1 + code"
    assert choice_in_words(0.1) == "0.1"
    assert choice_in_words("[not a list") == "[not a list"


def test_columns_that_were_given_are_not_said_to_be_missing():
    scores = three_classes()
    columns = pd.DataFrame({"age": np.arange(90.0)})
    assert "No columns of volume" not in text_of(scores, "confounders", inputs=columns)
    constant = pd.DataFrame({"age": np.ones(90)})
    text = text_of(numbers(), "confounders", inputs=constant)
    assert "None of the columns that were given" in text
    assert "No columns of volume" in text_of(numbers(), "confounders")


def test_advice_is_of_the_way_that_the_study_was_run():
    record = record_of(study(LogisticRegression(), aggregate="max", scoring="accuracy"))
    call = how_to_run(record, "layer_map")
    assert "groups=groups, aggregate='max', scoring='accuracy'" in call
    external = text_of(two_classes(), "external")
    assert "nested_cv(..., external=(X, y))" in external
    assert "skvae study --external" in text_of(two_classes(), "external", command="skvae")
