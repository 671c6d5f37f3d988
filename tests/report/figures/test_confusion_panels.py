from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, recall_score

from skvae.statistics.proportions import wilson_interval
from skvae.study import confusion_figure


def counts(axes):
    return [float(text.get_text().split("\n")[0]) for text in axes.texts]


def test_counts_are_patients_of_a_repeat_at_the_threshold_of_the_fold(binary):
    axes = confusion_figure(binary).axes[1]
    rows = binary.predictions.query("arm == 'volume'")
    called = np.where(rows["score"] >= rows["threshold"], "sick", "well")
    matrix = confusion_matrix(rows["y"], called, labels=["well", "sick"]) / 2
    np.testing.assert_allclose(counts(axes), matrix.ravel(), atol=0.05)
    assert sum(counts(axes)) == 90
    shares = 100 * matrix / matrix.sum(axis=1, keepdims=True)
    written = [text.get_text().split("\n")[1] for text in axes.texts]
    assert written == [f"{share:.0f} %" for share in shares.ravel()]
    (tn, fp), (fn, tp) = matrix
    low, high = wilson_interval(tp, tp + fn)
    assert f"sensitivity {tp / (tp + fn):.2f} [{low:.2f}, {high:.2f}]" in axes.get_xlabel()
    low, high = wilson_interval(tn, tn + fp)
    assert f"specificity {tn / (tn + fp):.2f} [{low:.2f}, {high:.2f}]" in axes.get_xlabel()
    assert [label.get_text() for label in axes.get_xticklabels()] == ["well", "sick"]


def test_without_thresholds_it_is_the_predicted_class(binary):
    plain = replace(binary, predictions=binary.predictions.drop(columns="threshold"))
    figure = confusion_figure(plain, arms="pca")
    rows = binary.predictions.query("arm == 'pca'")
    matrix = confusion_matrix(rows["y"], rows["prediction"], labels=["well", "sick"]) / 2
    np.testing.assert_allclose(counts(figure.axes[0]), matrix.ravel(), atol=0.05)
    assert "by the predicted class" in figure.get_supxlabel().replace("\n", " ")


def test_three_classes(multiclass):
    axes = confusion_figure(multiclass).axes[0]
    rows = multiclass.predictions.query("arm == 'pca'")
    matrix = confusion_matrix(rows["y"], rows["prediction"]) / 2
    np.testing.assert_allclose(counts(axes), matrix.ravel(), atol=0.05)
    recalls = recall_score(rows["y"], rows["prediction"], average=None)
    for name, recall in zip(("cyst", "scar", "tumour"), recalls, strict=True):
        assert f"{name} {recall:.2f} [" in axes.get_xlabel()


def test_patients_of_several_rows_have_another_interval(binary):
    predictions = binary.predictions.assign(group=binary.predictions["group"] // 2)
    figure = confusion_figure(replace(binary, predictions=predictions))
    note = figure.get_supxlabel().replace("\n", " ")
    assert note.startswith("Rows of a repeat")
    assert "bootstrap of patients" in note


def test_numbers_have_no_confusion(regression):
    with pytest.raises(ValueError, match="outcome is a number in confusion_figure"):
        confusion_figure(regression)
