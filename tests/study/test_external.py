import io

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skvae.report.terminal import external_table
from skvae.study import delong_interval, delong_test, holm, nested_cv

GRID = {"logisticregression__C": [0.01, 1.0]}


@pytest.fixture
def other(cohort):
    """Return 60 rows of 60 other patients, in another order of columns."""
    rng = np.random.default_rng(5)
    y = np.arange(60) % 2
    X = pd.DataFrame(rng.normal(size=(60, 8)), columns=list("abcdefgh"))
    X["a"] += 2.0 * y
    return X[list("hgfedcba")], y, np.array([f"Q{i}" for i in range(60)])


@pytest.fixture
def first(cohort):
    X, y, groups = cohort
    return pd.DataFrame(X, columns=list("abcdefgh")), y, groups


def arms():
    plain = make_pipeline(StandardScaler(), LogisticRegression())
    noise = make_pipeline(StandardScaler(), LogisticRegression(C=1e-3))
    return {"pca": (plain, GRID), "weak": noise}


def test_arms_predict_the_other_cohort_once(first, other):
    X, y, groups = first
    result = nested_cv(arms(), X, y, groups=groups, external=other)
    alone = nested_cv(arms(), X, y, groups=groups)
    pd.testing.assert_frame_equal(result.scores, alone.scores)
    frame = result.external().set_index("arm")
    assert list(frame["n"]) == [60, 60]
    predictions = result.external_predictions
    assert len(predictions) == 120
    assert np.array_equal(predictions["y"][:60], other[1])
    score = {arm: part["score"].to_numpy() for arm, part in predictions.groupby("arm")}
    for arm in ("pca", "weak"):
        expected = delong_interval(other[1], score[arm])
        assert tuple(frame.loc[arm, ["score", "ci_low", "ci_high"]]) == pytest.approx(
            expected
        )
    test = delong_test(other[1], score["weak"], score["pca"])
    assert frame.loc["weak", "difference"] == test.difference
    assert frame.loc["weak", "p_holm"] == holm([test.pvalue])[0]
    assert np.isnan(frame.loc["pca", "p"])
    # What predicts is fitted on all rows of the first cohort, columns by name.
    best = result.external_scores.set_index("arm").loc["pca", "param_logisticregression__C"]
    plain = make_pipeline(StandardScaler(), LogisticRegression(C=best)).fit(X, y)
    assert np.allclose(score["pca"], plain.predict_proba(other[0][X.columns])[:, 1])


def test_files_of_the_other_cohort(first, other, tmp_path):
    X, y, groups = first
    result = nested_cv(arms(), X, y, groups=groups, external=other, folder=tmp_path)
    names = {path.name for path in result.to_csv(tmp_path)}
    assert {"external.csv", "external_predictions.csv"} <= names
    again = nested_cv(
        arms(), X, y, groups=groups, external=other, folder=tmp_path, resume=True
    )
    pd.testing.assert_frame_equal(result.external(), again.external(), check_exact=True)


def lines_of(table):
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(table)
    return [line.strip() for line in console.export_text().splitlines()]


def test_the_terminal_shows_both_scores_side_by_side(first, other):
    X, y, groups = first
    result = nested_cv(arms(), X, y, groups=groups, external=other)
    lines = lines_of(external_table(result))
    assert "external: 60 samples of 60 patients" in " ".join(lines)
    mean = result.summary().set_index("arm")["mean"]
    score = {arm: part["score"] for arm, part in result.external_predictions.groupby("arm")}
    for arm in ("pca", "weak"):
        (cells,) = (line.split() for line in lines if line.startswith(arm))
        auc, low, high = delong_interval(other[1], score[arm])
        assert cells[1] == f"{mean[arm]:.3f}"
        assert cells[2:5] == [f"{auc:.3f}", f"[{low:.3f},", f"{high:.3f}]"]
        assert f"  external {auc:.3f} [{low:.3f}, {high:.3f}]" in repr(result)
    test = delong_test(other[1], score["weak"], score["pca"])
    assert cells[5:] == [f"{test.difference:+.3f}", f"{test.pvalue:.3f}".lstrip("-")]


def test_repeated_patients_have_no_interval(first, other):
    X, y, groups = first
    twice = (other[0], other[1], np.array([f"Q{i % 2 + 2 * (i // 4)}" for i in range(60)]))
    result = nested_cv(arms(), X, y, groups=groups, external=twice)
    found = result.external()
    assert list(found.columns) == ["arm", "score", "n"]
    lines = lines_of(external_table(result))
    assert "60 samples of 30 patients" in " ".join(lines)
    (cells,) = (line.split() for line in lines if line.startswith("weak"))
    assert cells[2:] == [f"{found['score'].iloc[1]:.3f}"]
    assert repr(result).endswith(f"  external {found['score'].iloc[1]:.3f}")


def test_there_is_none_unless_given(first):
    X, y, groups = first
    result = nested_cv(arms(), X, y, groups=groups)
    assert external_table(result) is None
    with pytest.raises(ValueError, match="no external cohort"):
        result.external()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y, g: (X.drop(columns="c"), y, g), "X without the columns c"),
        (
            lambda X, y, g: (X, y + 1, g),
            "with the classes 1, 2, but y has the classes 0, 1",
        ),
        (
            lambda X, y, g: (X, y, np.where(np.arange(60) < 3, "P001", g)),
            "1 patients of the",
        ),
        (lambda X, y, g: (X.to_numpy(), y, g), "X without names of columns"),
        (lambda X, y, g: (X, y[:5], g), "Got external, of which: Got y with 5 rows"),
        (lambda X, y, g: (X, y, g, 1), r"expected \(X, y\) or \(X, y, groups\)"),
    ],
)
def test_a_cohort_that_does_not_fit_is_named(first, other, change, message):
    X, y, groups = first
    with pytest.raises(ValueError, match=message):
        nested_cv(arms(), X, y, groups=groups, external=change(*other))
