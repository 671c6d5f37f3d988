"""What a result holds of how much it depends on the split."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_results import events, numbers, two_classes
from scipy.stats import spearmanr
from small_studies import section

from skvae.report.steadiness import steadiness
from skvae.study.reporting import record_of


def tables(result):
    found = steadiness(record_of(result))
    return {name: frame.set_index("arm") for name, frame, _ in found}


def test_the_same_choice_of_folds_is_counted():
    result = two_classes()
    table = tables(result)["steady-choices"]
    rows = result.scores.query("arm == 'pca'")
    keys = [c for c in rows if c.startswith("param_") and "layer" not in c]
    counts = rows.groupby(keys).size()
    assert table.loc["pca", "outer folds"] == f"{counts.max()} of 6"
    assert table.loc["pca", "different choices"] == str(len(counts))
    size = counts.idxmax()[keys.index("param_encode__n_components")]
    assert f"encode__n_components {size}" in table.loc["pca", "most frequent choice"]
    wandering = result.scores.assign(param_classify__C=np.arange(len(result.scores)))
    apart = tables(replace(result, scores=wandering))["steady-choices"]
    assert set(apart["most frequent choice"]) == {"none twice"}


@pytest.mark.parametrize(
    ("make", "column"), [(two_classes, "score"), (numbers, "prediction"), (events, "score")]
)
def test_scores_of_repeats_are_compared_by_rank(make, column):
    result = make()
    one, two = (
        result.predictions.query("arm == 'pca' and repeat == @repeat")
        .set_index("sample")[column]
        .sort_index()
        for repeat in (1, 2)
    )
    rho = f"{spearmanr(one, two)[0]:.2f}"
    found = tables(result)["steady-scores"].loc["pca"]
    assert found.tolist() == ["1", rho, f"{rho} to {rho}"]
    assert "steady-scores" not in tables(make(repeats=1))


def test_what_an_arm_does_not_read_does_not_agree():
    drops = {1: [0.3, 0.2, 0.1, 0.0, 0.0], 2: [0.2, 0.3, 0.1, 0.0, 0.0]}
    rows = [
        {"arm": "pca", "fold": fold, "block": f"b{k}", "drop": drop}
        for fold, values in drops.items()
        for k, drop in enumerate(values)
    ]
    rows += [r | {"arm": "volume", "drop": r["drop"] * (r["block"] == "b0")} for r in rows]
    found = tables(replace(two_classes(), importance=pd.DataFrame(rows)))
    assert found["steady-importance"].loc["pca", "mean"] == "0.50"  # of three blocks
    assert "volume" not in found["steady-importance"].index


def test_the_section_says_what_is_there_and_what_is_not():
    parts = section(two_classes(), "stability")
    names = [part.name for part in parts[:-1]]
    assert names == ["steady-choices", "steady-scores"]
    assert parts[-1].why.startswith("Beyond that, no table of the stability of features")
    icc = pd.DataFrame({"feature": ["a"], "icc": [0.91]})
    given = section(two_classes(), "stability", further={"stability": icc})
    assert given[-1].frame["icc"].tolist() == ["0.910"]
    (alone,) = section(numbers(repeats=1), "stability")
    assert alone.why.startswith("No table")
