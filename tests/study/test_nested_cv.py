import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.metrics import log_loss, make_scorer, roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from skvae.exceptions import MissingDependencyError
from skvae.study import RepeatedStratifiedGroupKFold, nested_cv


class Spy(ClassifierMixin, BaseEstimator):
    """Remember what each fit and each prediction was given: X is the row number."""

    __metadata_request__fit = {"groups": True}  # noqa: RUF012
    log: list = []  # noqa: RUF012

    def __init__(self, depth=1, n_threads=None):
        self.depth = depth
        self.n_threads = n_threads

    def fit(self, X, y, groups=None):
        self.classes_ = np.unique(y)
        self.log.append(("fit", X[:, 0], groups, self.n_threads))
        return self

    def predict_proba(self, X):
        self.log.append(("predict", X[:, 0], None, self.n_threads))
        return np.tile([0.5, 0.5], (len(X), 1))

    def predict(self, X):
        return np.zeros(len(X), dtype=int)


@pytest.fixture
def spied(cohort):
    """Run a study of two arms, two repeats and three inner folds on row numbers."""
    _, y, groups = cohort
    X = np.arange(len(y), dtype=float)[:, None]
    Spy.log = []
    arms = {
        "pca": (Spy(), {"depth": [1, 2]}),
        "pipe": make_pipeline(StandardScaler(), Spy()),
    }
    arms["pipe"].set_params(standardscaler__with_mean=False, standardscaler__with_std=False)
    result = nested_cv(arms, X, y, groups=groups, outer=(5, 2), n_threads=3)
    return result, Spy.log, groups


def test_patients_are_never_on_both_sides_not_even_in_the_inner_folds(spied):
    _, log, groups = spied
    fitted_on = None
    n_fits = 0
    for event, rows, given, _ in log:
        patients = set(groups[rows.astype(int)])
        if event == "fit":
            n_fits += 1
            fitted_on = patients
            assert np.array_equal(given, groups[rows.astype(int)])
        else:
            assert not patients & fitted_on
    assert n_fits == 10 * (2 * 3 + 1) + 10


def test_all_arms_have_the_same_outer_splits(spied):
    result, _, groups = spied
    pca, pipe = (part for _, part in result.predictions.groupby("arm"))
    columns = ["repeat", "fold", "sample", "group", "y"]
    pd.testing.assert_frame_equal(
        pca[columns].reset_index(drop=True), pipe[columns].reset_index(drop=True)
    )
    y = pca.query("repeat == 1").sort_values("sample")["y"].to_numpy()
    cv = RepeatedStratifiedGroupKFold(5, 2, random_state=0)
    mine = np.concatenate([test for _, test in cv.split(y, y, groups)])
    assert np.array_equal(pca["sample"], mine)


def test_threads_are_pinned_and_nothing_else(spied):
    assert {threads for *_, threads in spied[1]} == {3}


def test_scores_count_what_was_done(spied):
    scores = spied[0].scores
    assert list(scores["arm"]) == ["pca"] * 10 + ["pipe"] * 10
    assert set(scores.loc[scores["arm"] == "pca", "n_configurations"]) == {2}
    assert set(scores.loc[scores["arm"] == "pca", "n_fits"]) == {7}
    assert set(scores.loc[scores["arm"] == "pipe", "n_fits"]) == {1}
    assert set(scores["n_train"] + scores["n_test"]) == {120}
    assert set(scores.loc[scores["arm"] == "pca", "param_depth"]) == {1}
    assert (
        scores.loc[scores["arm"] == "pipe", ["inner_score", "param_depth"]]
        .isna()
        .to_numpy()
        .all()
    )


def test_predictions_are_complete_and_give_the_scores(cohort, arms):
    X, y, groups = cohort
    index = [f"row{i}" for i in range(len(y))]
    result = nested_cv(arms, pd.DataFrame(X, index=index), y, groups=groups, outer=(4, 2))
    for _, part in result.predictions.groupby(["arm", "repeat"]):
        assert sorted(part["sample"]) == sorted(index)
    row = result.predictions["sample"].str.removeprefix("row").astype(int)
    assert np.array_equal(result.predictions["y"], y[row])
    assert np.array_equal(result.predictions["group"], groups[row])
    folds = result.predictions.groupby(["arm", "repeat", "fold"])[["y", "score"]]
    again = folds.apply(lambda part: roc_auc_score(part["y"], part["score"]))
    scores = result.scores.set_index(["arm", "repeat", "fold"])["score"]
    assert np.allclose(again, scores.loc[again.index])


def test_planted_signal_is_found(cohort):
    X, y, groups = cohort
    arms = {
        "pca": make_pipeline(FunctionTransformer(lambda X: X[:, 1:]), LogisticRegression()),
        "planted": (LogisticRegression(), {"C": [0.1, 1.0]}),
    }
    summary = nested_cv(arms, X, y, groups=groups, outer=(5, 3)).summary().set_index("arm")
    assert summary.loc["planted", "mean"] > 0.8
    assert summary.loc["pca", "ci_low"] < 0.5 < summary.loc["pca", "ci_high"]
    assert summary.loc["planted", "p_holm"] < 0.05
    assert summary.loc["planted", "difference_ci_low"] > 0


def test_leak_canary():
    """Random labels of patients with ten near-equal rows each are known only by a leak."""
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(40), 10)
    y = rng.permutation(np.arange(40) % 2)[patients]
    X = rng.normal(size=(40, 10))[patients] + 0.1 * rng.normal(size=(400, 10))
    knn = (KNeighborsClassifier(), {"n_neighbors": [1, 3]})
    arms = {"pca": knn, "same": knn}
    honest = nested_cv(arms, X, y, groups=patients, outer=(5, 3)).summary()
    leaking = nested_cv(arms, X, y, outer=(5, 1)).summary()
    assert 0.3 < honest["mean"][0] < 0.7
    assert leaking["mean"][0] > 0.95
    assert honest["p_holm"][1] == 1
    assert honest["difference"][1] == 0


def test_the_search_is_inside_the_training_part(cohort):
    X, y, groups = cohort
    result = nested_cv(
        {"pca": (LogisticRegression(), {"C": [1e-3, 1.0]})}, X, y, groups=groups
    )
    scores = result.scores
    assert scores["inner_score"].between(0, 1).all()
    assert not np.allclose(scores["inner_score"], scores["score"])


def test_estimators_of_the_user_stay_as_they_are(cohort, arms):
    X, y, groups = cohort
    arms["spy"] = (make_pipeline(StandardScaler(), Spy()), {"spy": [Spy(2)]})
    before = {name: repr(arm) for name, arm in arms.items()}
    nested_cv(arms, X, y, groups=groups)
    assert {name: repr(arm) for name, arm in arms.items()} == before
    assert not hasattr(arms["raw"][-1], "coef_")
    assert arms["spy"][0][-1].n_threads is None
    assert arms["spy"][1]["spy"][0].n_threads is None


def without_seconds(result):
    return result.scores


def test_random_state_and_jobs(cohort, arms):
    X, y, groups = cohort
    arms["forest"] = RandomForestClassifier(5, random_state=0)
    first = nested_cv(arms, X, y, groups=groups, random_state=1)
    for other in (
        nested_cv(arms, X, y, groups=groups, random_state=1),
        nested_cv(arms, X, y, groups=groups, random_state=1, n_jobs=2),
    ):
        pd.testing.assert_frame_equal(
            without_seconds(first), without_seconds(other), check_exact=True
        )
        pd.testing.assert_frame_equal(
            first.predictions, other.predictions, check_exact=True
        )
    moved = nested_cv(arms, X, y, groups=groups, random_state=2)
    assert not first.predictions["sample"].equals(moved.predictions["sample"])
    drawn = nested_cv(arms, X, y, groups=groups, random_state=np.random.RandomState(1))
    assert len(drawn.scores) == len(first.scores)


@pytest.mark.parametrize("kind", ["images", "list", "series"])
def test_any_indexable_x(cohort, kind):
    X, y, groups = cohort
    flat = FunctionTransformer(lambda X: np.asarray(X, dtype=float).reshape(len(X), -1))
    given = X.reshape(-1, 2, 2, 2) if kind == "images" else X[:, :1]
    if kind == "list":
        given = [f"{value[0]}" for value in given]
    if kind == "series":
        given = pd.Series(given[:, 0], index=np.arange(120) + 7)
        y, groups = pd.Series(y), pd.Series(groups)
    arms = {"pca": make_pipeline(flat, LogisticRegression())}
    result = nested_cv(arms, given, y, groups=groups)
    assert result.summary()["mean"][0] > 0.7
    assert result.predictions["sample"].min() == (7 if kind == "series" else 0)


def test_labels_may_be_strings_and_arms_without_probabilities(cohort):
    X, y, groups = cohort
    named = np.array(["benign", "malignant"])[y]
    result = nested_cv({"pca": SVC()}, X, named, groups=groups)
    assert result.summary()["mean"][0] > 0.7
    assert set(result.predictions["prediction"]) == {"benign", "malignant"}
    assert result.predictions["score"].min() < 0


def test_more_classes_and_own_scorers(cohort):
    X, _, groups = cohort
    y = np.array([int(g[1:]) % 3 for g in groups])
    arms = {"pca": LogisticRegression()}
    result = nested_cv(arms, X, y, groups=groups, scoring="roc_auc_ovr")
    columns = ["score_0", "score_1", "score_2"]
    assert np.allclose(result.predictions[columns].sum(axis=1), 1)
    scorer = make_scorer(log_loss, greater_is_better=False, response_method="predict_proba")
    assert nested_cv(arms, X, y, groups=groups, scoring=scorer).summary()["mean"][0] < 0


class Weighted(TransformerMixin, BaseEstimator):
    """Take attributes, and check that they are those of the rows."""

    __metadata_request__fit = {"attributes": True}  # noqa: RUF012

    def fit(self, X, y=None, attributes=None):
        assert np.array_equal(attributes, X[:, 0])
        self.fitted_ = True
        return self

    def transform(self, X):
        return X


def test_metadata_reaches_the_arms_that_request_it(cohort):
    X, y, groups = cohort
    arms = {
        "pca": LogisticRegression(),
        "weighted": (make_pipeline(Weighted(), LogisticRegression()), {}),
        "searched": (
            make_pipeline(Weighted(), LogisticRegression()),
            {"logisticregression__C": [1.0, 2.0]},
        ),
    }
    params = {"attributes": X[:, 0]}
    result = nested_cv(arms, X, y, groups=groups, params=params)
    assert list(result.summary()["n_configurations"]) == [1, 1, 2]
    with pytest.raises(ValueError, match="params with mask"):
        nested_cv(arms, X, y, groups=groups, params=params | {"mask": y})


def test_cross_validation_inside_an_arm_that_cannot_see_groups(cohort):
    X, y, groups = cohort
    blind = LogisticRegressionCV(
        cv=3, l1_ratios=(0,), use_legacy_attributes=False, scoring="accuracy"
    )
    with pytest.warns(UserWarning, match=r"arms\['pca'\] with cv=3, which splits patients"):
        nested_cv({"pca": blind}, X, y, groups=groups)
    seeing = blind.set_params(cv=StratifiedGroupKFold(3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nested_cv({"pca": seeing}, X, y, groups=groups)


class Warner(Spy):
    """Warn in each fit."""

    def fit(self, X, y, groups=None):
        warnings.warn("too few epochs", ConvergenceWarning, stacklevel=1)
        return super().fit(X, y)


def test_a_warning_of_the_fits_is_passed_on_once(cohort):
    X, y, groups = cohort
    arms = {"pca": (Warner(), {"depth": [1, 2]}), "quiet": Spy()}
    for n_jobs in (1, 2):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("default")
            nested_cv(arms, X, y, groups=groups, n_jobs=n_jobs)
        assert [(w.category, str(w.message)) for w in caught] == [
            (ConvergenceWarning, "too few epochs (arm 'pca', 5 of 5 outer folds)")
        ]


def test_a_failing_fit_stops_the_study(cohort):
    X, y, groups = cohort
    with pytest.raises(ValueError, match="C"):
        nested_cv({"pca": (LogisticRegression(), {"C": [-1.0]})}, X, y, groups=groups)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"reference": "pcs"}, r"Got reference='pcs', but the arms are pca, raw\."),
        ({"groups": np.arange(7)}, "Got groups with 7 rows, but X has 120"),
        ({"groups": np.array([None] * 120)}, "Got groups with 120 missing values"),
        ({"y": np.zeros(100)}, "Got y with 100 rows, but X has 120"),
        ({"y": np.zeros(120)}, "Got y with the only class"),
        (
            {"y": np.arange(120) % 3, "scoring": "roc_auc"},
            "Got scoring='roc_auc' and y with 3 classes",
        ),
        ({"scoring": "concordance"}, "Got scoring='concordance', but y holds no event"),
        ({"scoring": []}, r"Got scoring=\[\], expected at least one score"),
        ({"threshold": "best"}, "Got threshold='best'"),
        ({"aggregate": "median"}, "Got aggregate='median'"),
        ({"aggregate": "mean", "y": np.arange(120) % 2}, "the patient 'P...' differ in y"),
        ({"positive": 7}, "Got positive=7, expected one of two classes; y has 0, 1"),
        ({"resume": True}, "Got resume=True without folder"),
        ({"folder": "x", "random_state": None}, "Got random_state=None with folder"),
        ({"external": np.zeros(3)}, "Got external of type ndarray"),
        ({"y": np.zeros((120, 2))}, r"Got y of shape \(120, 2\)"),
        ({"outer": 5}, "Got outer=5, expected"),
        ({"outer": (1, 1)}, r"Got outer=\(1, 1\), expected"),
        ({"inner": 1}, "Got inner=1, expected"),
        ({"outer": (30, 1)}, r"Got outer=\(30, 1\), but class 0 has only 25 groups"),
        ({"inner": 21}, "Got inner=21, but class . has only 20 groups"),
        ({"params": {"groups": np.arange(120)}}, "hand them over as groups="),
        ({"params": {"mask": np.arange(7)}}, r"params\['mask'\] with 7 rows"),
        ({"arms": {"pca": 3}}, r"Got arms\['pca'\]=3, expected an estimator"),
        ({"arms": [LogisticRegression()]}, "expected a mapping"),
        (
            {"arms": {"pca": (LogisticRegression(), {"D": [1]})}},
            r"Got 'D' in the grid of arms\['pca'\], but its parameters are C,",
        ),
    ],
)
def test_bad_input_is_named_before_anything_is_trained(cohort, arms, changed, message):
    X, y, groups = cohort
    given = {"arms": arms, "y": y, "groups": groups} | changed
    with pytest.raises((ValueError, TypeError), match=message):
        nested_cv(given.pop("arms"), X, given.pop("y"), **given)


def test_pandas_is_asked_for_by_name(cohort, arms, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(
        MissingDependencyError, match=r'pandas: pip install "skvae\[study\]"'
    ):
        nested_cv(arms, *cohort[:2], groups=cohort[2])


@pytest.mark.parametrize("name", ["y", "groups", "attributes"])
@pytest.mark.parametrize("change", ["mask", "order"])
def test_columns_that_do_not_belong_to_the_rows_are_refused(cohort, arms, name, change):
    X, y, groups = cohort
    X = pd.DataFrame(X, [f"row {i}" for i in range(len(X))])
    columns = {"y": y, "groups": groups, "attributes": np.arange(len(y))}
    reversed_rows = pd.Series(columns[name], X.index)[::-1]
    columns[name] = np.ma.array(columns[name]) if change == "mask" else reversed_rows
    params = {"attributes": columns.pop("attributes")}
    with pytest.raises(ValueError, match=f"{name}.* but nested_cv"):
        nested_cv(arms, X, **columns, params=params)
