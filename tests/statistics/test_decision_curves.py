import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from skvae.study import decision_curve

Y = [0, 0, 0, 1, 0, 1, 0, 1, 1, 0, 0, 1]
P = [0.05, 0.2, 0.2, 0.3, 0.4, 0.6, 0.5, 0.8, 0.9, 0.1, 0.35, 0.45]
THRESHOLDS = [0.1, 0.2, 0.3, 0.5, 0.7]


def test_agrees_with_dcurves():
    # dcurves 1.1.7: dca(data, "y", ["p"], thresholds)["net_benefit"]
    curve = decision_curve(Y, P, thresholds=THRESHOLDS)
    model = [0.361111, 0.312500, 0.309524, 0.166667, 0.166667]
    treat_all = [0.351852, 0.270833, 0.166667, -0.166667, -0.944444]
    assert curve.model == pytest.approx(model, abs=1e-6)
    assert curve.treat_all == pytest.approx(treat_all, abs=1e-6)
    assert not curve.treat_none.any()
    assert curve.prevalence == pytest.approx(0.416667, abs=1e-6)
    assert curve.useful.all()


def test_within_repeats_against_the_confusion_matrix():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 80)
    p = np.round(np.clip(0.4 * np.tile(y, 3) + 0.6 * rng.random(240), 0, 1), 2)
    repeat, groups = np.repeat([1, 2, 3], 80), np.tile(np.arange(80), 3)
    curve = decision_curve(np.tile(y, 3), p, repeat=repeat, groups=groups)
    for t, found in zip(curve.threshold, curve.model, strict=True):
        benefits = []
        for r in (1, 2, 3):
            cells = confusion_matrix(y, p[repeat == r] >= t).ravel()
            benefits.append((cells[3] - cells[1] * t / (1 - t)) / 80)
        assert found == pytest.approx(np.mean(benefits))
    assert (curve.low <= curve.model).all()
    assert (curve.model <= curve.high).all()


def test_treating_from_zero_on_is_treating_all():
    curve = decision_curve(Y, P, thresholds=[0.0])
    assert curve.model == pytest.approx(curve.treat_all)
    assert curve.model == pytest.approx(curve.prevalence)


def test_probabilities_that_know_nothing_are_not_useful():
    y = np.tile([0, 1], 50)
    constant = decision_curve(y, np.full(100, 0.5))
    assert not constant.useful.any()


def test_prevalence_and_positive_class_are_told():
    names = np.array(["benign", "malignant"])[Y]
    curve = decision_curve(names, P, thresholds=THRESHOLDS, pos_label="malignant")
    assert "12 patients, 42% of class 'malignant'" in repr(curve)
    assert "model best at 5 of 5 thresholds" in repr(curve)


@pytest.mark.parametrize("thresholds", [[0.5, 1], [-0.1], [], 0.5, [np.nan]])
def test_thresholds_out_of_range(thresholds):
    with pytest.raises(ValueError, match="thresholds="):
        decision_curve(Y, P, thresholds=thresholds)
