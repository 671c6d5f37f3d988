"""ComBat of combatlearn as a step of an arm, as the guide has it: fitted in the fold."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skvae
from skvae.study import SelectBlock, nested_cv

pytestmark = pytest.mark.nightly

combatlearn = pytest.importorskip("combatlearn")

GUIDE = Path(skvae.__file__).parents[1] / "docs" / "studies.md"
SCANNERS = np.array(["a", "b", "c"])


@pytest.fixture(scope="module")
def blocks():
    """Return 180 patients of three scanners that shift and stretch every column."""
    rng = np.random.default_rng(0)
    y = np.arange(180) % 2
    number = rng.integers(0, 3, 180)
    columns = rng.normal(size=(180, 6)) + 0.5 * y[:, None]
    columns = columns * np.array([1.0, 2.0, 0.5])[number, None] + 10.0 * number[:, None]
    index = [f"P{i:03d}" for i in range(180)]
    frames = {
        "radiomics": pd.DataFrame(columns, index, list("uvwxyz")),
        "site": pd.DataFrame({"scanner": SCANNERS[number]}, index),
    }
    return frames, y


def arm_of_the_guide(X):
    """Run the lines of the guide, so that it shows what is tested here."""
    (code,) = re.findall(r"```python\n(from combatlearn.*?)```", GUIDE.read_text(), re.S)
    names = dict(globals(), X=X)
    exec(code, names)
    return names["harmonised"]


def auc(y, score):
    """Return the share of pairs in the right order, by ranks."""
    n = np.bincount(y)
    return (rankdata(score)[y == 1].sum() - n[1] * (n[1] + 1) / 2) / n.prod()


def test_combat_is_fitted_in_each_fold(blocks, tmp_path):
    X, y = blocks
    plain = make_pipeline(SelectBlock("radiomics"), StandardScaler(), LogisticRegression())
    arms = {"combat": arm_of_the_guide(X), "plain": plain}
    how = {"outer": (4, 1), "inner": 2, "reference": "plain", "folder": tmp_path}
    result = nested_cv(arms, X, y, **how)
    mean = result.summary().set_index("arm")["mean"]
    assert mean["combat"] > mean["plain"] + 0.1
    # Once more by hand, with the rows of the fold out of reach while ComBat is fitted.
    part = result.predictions.query("arm == 'combat' and fold == 2").set_index("sample")
    rows, scanner = X["radiomics"], X["site"]["scanner"]
    train = rows.index.difference(part.index, sort=False)
    combat = combatlearn.ComBat(scanner.loc[train]).fit(rows.loc[train])
    last = make_pipeline(StandardScaler(), LogisticRegression())
    last.fit(combat.transform(rows.loc[train]), y[rows.index.isin(train)])
    combat.batch = scanner.loc[part.index]
    expected = last.predict_proba(combat.transform(rows.loc[part.index]))[:, 1]
    np.testing.assert_allclose(part["score"], expected)
    score = result.scores.query("arm == 'combat' and fold == 2")["score"].item()
    assert score == pytest.approx(auc(part["y"].to_numpy(), expected))
    again = nested_cv(arms, X, y, **how, resume=True)
    pd.testing.assert_frame_equal(again.scores, result.scores)
