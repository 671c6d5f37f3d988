import numpy as np
import pandas as pd
import pytest

from skvae.statistics.sample_size import riley_sample_size
from skvae.study.configuration import StudyConfig
from skvae.study.study_check import check_study
from skvae.study.study_inputs import StudyInputs

N = 40
RNG = np.random.default_rng(0)
Y = np.array(["benign", "malignant"])[np.arange(N) % 4 // 3]
FEATURES = pd.DataFrame(RNG.normal(size=(N, 6)), columns=[f"f{i}" for i in range(6)])
PATIENTS = np.array([f"P{i:02d}" for i in range(N)])


def check(X=FEATURES, y=Y, groups=PATIENTS, inputs=None, **config):
    settings = {"arms": ("pca",), "outer": (2, 1), "inner": 2, "n_components": (2,)}
    given = StudyConfig.of({"data": "x.csv", "jobs": 2} | settings | config)
    return check_study(given, StudyInputs(X, y, groups, **(inputs or {})))


def test_facts_of_the_cohort_and_the_plan():
    left_out = {
        "dropped": pd.DataFrame({"column": list("abcdefg"), "reason": ["text"] * 7}),
        "failed": pd.DataFrame({"case": ["x", "y"], "reason": ["no outcome", "failed"]}),
        "notes": ["a note"],
    }
    found = check(inputs=left_out, arms=("pca", "zero_rule"))
    facts = found.facts
    assert facts["cohort"] == "40 samples of 40 patients"
    assert facts["outcome"] == "benign: 30, malignant: 10; the positive class is malignant"
    assert facts["inputs"] == "(6,) each"
    assert facts["dropped columns"] == "7 text (a, b, c, d, e, and 2 more)"
    assert facts["excluded rows"] == "1 no outcome (x); 1 failed (y)"
    assert facts["notes"] == "a note"
    assert facts["folds"] == "2 x 1 outer, 2 inner; whole patients"
    assert facts["score"] == "roc_auc; compared with pca"
    # Of pca nine configurations in two inner folds, and once more; in two outer folds.
    n_tried = int(facts["arms"].split("pca (")[1].split()[0])
    assert facts["arms"] == f"pca ({n_tried} tried), zero_rule (1 tried)"
    assert facts["fits"] == str(2 * (n_tried * 2 + 1 + 1 * 2 + 1))
    assert "with 2 processes" in facts["time"]
    assert facts["memory"].endswith(" GB")
    assert found.config.arms == ("pca", "zero_rule")
    assert str(found).count("\n") + 1 == len(facts) + len(found.warnings)


def test_what_speaks_against_a_study():
    leak = FEATURES.assign(leak=(Y == "malignant") * 1.0)
    warnings = check(leak, groups=None, outer=(5, 1)).warnings
    found = "; ".join(warnings)
    assert "A possible leak: the column 'leak' alone has an AUC of 1.000" in found
    assert "each row counts as a patient" in found
    assert "a test fold has only 2 rows of the rarest class" in found
    assert (
        "10 patients of the rarest class for 7 columns are 1.4 events per feature" in found
    )
    needed = riley_sample_size(2, 0.25)
    assert f"of 2 predictors would need {needed} patients (Riley et al. 2020)" in found
    assert len(warnings) == 5


def test_patients_are_counted_not_rows():
    found = check(groups=np.repeat(PATIENTS[:20], 2), y=np.repeat(Y[:20], 2))
    assert found.facts["cohort"] == "40 samples of 20 patients"
    assert any(text.startswith("5 patients of the rarest class") for text in found.warnings)


def test_more_predictors_than_columns_are_not_asked_for():
    found = "; ".join(check(n_components=(16,)).warnings)
    assert "a model of 6 predictors" in found


def test_numbers():
    y = FEATURES["f0"].to_numpy() * 10
    found = check(y=y)
    low, middle, high = np.quantile(y, [0, 0.5, 1])
    assert found.facts["outcome"] == (
        f"numbers from {low:g} to {high:g}, median {middle:g}"
    )
    assert found.facts["score"] == "r2; compared with pca"
    (warning,) = found.warnings
    assert "'f0' alone has a rank correlation of 1.000" in warning


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"arms": ("pca", "pca")}, "arms with 'pca' twice"),
        ({"arms": ("clinical",)}, "arms with 'clinical' without clinical"),
        ({"arms": ("attri_vae",)}, r"attributes=\[\], expected the arm attri_vae and"),
        ({"layers": ("mean",)}, r"layers=\['mean'\], but none of the arms pca has"),
        ({"reference": "vae"}, "reference='vae', but the arms are pca"),
        ({"scoring": ("acuracy",)}, "scoring='acuracy', expected .* such as accuracy"),
        ({"scoring": ("r2",)}, "scoring='r2', but y holds classes"),
        ({"outer": (11, 1)}, r"outer=\(11, 1\), but class malignant has only 10"),
    ],
)
def test_arguments_are_checked_as_a_study_does(config, message):
    with pytest.raises(ValueError, match=message):
        check(**config)
