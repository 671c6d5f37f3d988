import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from skvae.study.cohort import Cohort
from skvae.study.leak_guards import leak_signs

N = 60
RNG = np.random.default_rng(0)
CLASSES = np.array(["benign", "malignant"])[np.arange(N) % 2]
FEATURES = pd.DataFrame(RNG.normal(size=(N, 6)), columns=[f"f{i}" for i in range(6)])


def signs(X, y=CLASSES, groups=None):
    groups = np.array([f"P{i:02d}" for i in range(N)]) if groups is None else groups
    return leak_signs(Cohort.checked(X, y, groups, None))


@pytest.mark.parametrize("factor", [1, -1])
def test_a_column_that_is_nearly_the_outcome_is_named_with_its_auc(factor):
    nearly = (CLASSES == "malignant") + 0.3 * np.random.default_rng(1).normal(size=N)
    assert signs(FEATURES) == []
    (sign,) = signs(FEATURES.assign(score=factor * nearly))
    auc = roc_auc_score(CLASSES == "malignant", nearly)
    assert 0.99 < auc < 1
    assert f"the column 'score' alone has an AUC of {auc:.3f}" in sign


def test_a_good_column_is_no_leak():
    good = (CLASSES == "malignant") + 0.6 * RNG.normal(size=N)
    assert 0.8 < roc_auc_score(CLASSES == "malignant", good) < 0.99
    assert signs(FEATURES.assign(score=good)) == []


@pytest.mark.parametrize("order", [["cyst", "cancer", "scar"], ["cancer", "cyst", "scar"]])
def test_text_that_tells_the_outcome_is_found_in_any_order(order):
    """A finding has three names where the outcome has two."""
    cancer = CLASSES == "malignant"
    finding = np.where(cancer, "cancer", np.where(np.arange(N) % 4 == 0, "cyst", "scar"))
    frame = FEATURES.assign(finding=pd.Categorical(finding, categories=order).astype(str))
    first = [np.flatnonzero(finding == name)[0] for name in order]
    rows = [*first, *(i for i in range(N) if i not in first)]
    (sign,) = signs(frame.iloc[rows], CLASSES[rows])
    assert "'finding' alone has an AUC of 1.000" in sign


def test_a_name_of_each_row_is_no_leak():
    assert signs(FEATURES.assign(name=[f"N{i}" for i in range(N)])) == []


@pytest.mark.parametrize("values", [RNG.normal(size=N), np.array(["left", "right"] * 30)])
def test_what_is_missing_in_one_class_alone_is_a_leak(values):
    column = pd.Series(values).where(CLASSES == "malignant")
    (sign,) = signs(FEATURES.assign(biopsy=column.to_numpy()))
    assert "'biopsy' alone has an AUC of 1.000" in sign


def test_an_empty_column_is_no_sign_and_no_warning():
    assert signs(FEATURES.assign(empty=np.nan)) == []
    frame = FEATURES.assign(
        flag=pd.array([True, None] * 15 + [False, True] * 15, "boolean")
    )
    assert signs(frame) == []


def test_one_of_three_classes():
    y = np.array(["a", "b", "c"])[np.arange(N) % 3]
    (sign,) = signs(FEATURES.assign(b=(y == "a") * 1.0), y)
    assert "the column 'b' alone has an AUC of 1.000" in sign


def test_a_class_of_few_rows_is_ranked_first_by_chance():
    y = np.where(np.arange(N) < 1, "rare", "common")
    assert signs(pd.DataFrame({"a": np.arange(N), "b": RNG.normal(size=N)}), y) == []


def test_a_number_made_of_the_outcome():
    y = RNG.normal(size=N)
    nearly = y + 0.01 * RNG.normal(size=N)
    (sign,) = signs(FEATURES.assign(g=-np.exp(nearly)), y)
    rho = spearmanr(nearly, y).statistic
    assert f"'g' alone has a rank correlation of {rho:.3f} with the outcome" in sign
    event = np.array(list(zip(y > 0, np.exp(y), strict=True)), [("e", bool), ("t", float)])
    (sign,) = signs(FEATURES.assign(g=nearly), event)
    assert "'g' alone has a rank correlation" in sign


def test_a_copied_patient_is_named():
    frame = FEATURES.copy()
    frame.iloc[7, 2] = np.nan
    frame.iloc[41] = frame.iloc[7]
    (sign,) = signs(frame)
    assert sign == (
        "1 rows of X equal those of other patients, such as 'P41' and 'P07': they may be "
        "the same patient"
    )
    same = np.array(["P07" if i == 41 else f"P{i:02d}" for i in range(N)])
    assert signs(frame, groups=same) == []


def test_equal_rows_of_coarse_columns_are_no_surprise():
    clinical = pd.DataFrame(
        {
            "age": RNG.integers(50, 70, N),
            "sex": RNG.choice(["m", "f"], N),
            "smoker": RNG.random(N) > 0.5,
        }
    )
    assert clinical.duplicated().any()
    assert signs({"radiomics": FEATURES, "clinical": clinical}) == []


def test_blocks_are_searched_by_name_and_images_are_left_alone():
    copied = FEATURES.copy()
    copied.iloc[1] = copied.iloc[0]
    images = np.zeros((N, 1, 4, 4))
    (sign,) = signs({"images": images, "radiomics": copied})
    assert sign.startswith("1 rows of radiomics equal")
    assert signs(images) == []
    (sign,) = signs(np.column_stack([FEATURES, CLASSES == "malignant"]))
    assert "the column 'column 6' alone" in sign
