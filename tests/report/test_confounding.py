"""The strongest confounder is that of the smallest p, by a rule that is named."""

import numpy as np
import pandas as pd
from made_results import two_classes
from small_studies import text_of

from skvae.report.confounding import confounding_table, correlations, largest
from skvae.report.methods_text import methods_sentences
from skvae.study.reporting import record_of


def found(columns):
    return correlations(record_of(two_classes(), inputs=columns))


def test_the_surest_is_not_the_largest():
    result = two_classes(arms=("pca",))
    scores = result.predictions.groupby("sample")["score"].mean()
    rng = np.random.default_rng(0)
    few = scores.rank() + rng.normal(0, 6, 90)
    few[8:] = np.nan  # eight patients: a large correlation of little weight
    many = scores.rank() + rng.normal(0, 30, 90)
    columns = pd.DataFrame({"few": few, "many": many})
    table = correlations(record_of(result, inputs=columns))
    by_size = table.loc[table["statistic"].abs().idxmax(), "attribute"]
    by_p = table.loc[table["p_corrected"].idxmin(), "attribute"]
    assert (by_size, by_p) == ("few", "many")
    said = largest(table)
    assert "pca with many" in said
    assert "smallest Holm-corrected p" in said
    page = text_of(result, "confounders", inputs=columns)
    assert "pca with many" in page


def test_what_is_not_significant_is_not_called_so():
    noise = np.random.default_rng(3).normal(size=90)
    said = largest(found(pd.DataFrame({"noise": noise})))
    assert said.startswith("No correlation has a Holm-corrected p below 0.05")


def test_of_equal_p_the_larger_correlation_is_named():
    table = pd.DataFrame(
        {
            "unit": ["a", "b"],
            "attribute": "volume",
            "n": 50,
            "statistic": [0.6, -0.7],
            "low": np.nan,
            "high": np.nan,
            "p": 0.0,
            "p_corrected": 0.0,
        }
    )
    assert "b with volume, -0.70 (" in largest(table)
    assert list(confounding_table(table)["correlation [95 % CI]"]) == ["+0.60", "-0.70"]


def test_sites_are_not_said_to_be_correlated_by_rank(result, covariates):
    site = np.array(["a", "b", "c"])[np.arange(80) // 2 % 3]
    record = record_of(result, inputs=covariates.assign(site=site))
    text = dict(methods_sentences(record))["methods-confounders"]
    assert "by rank with volume, age, with intervals of Fisher" in text
    assert "correlation ratio of ranks with site" in text
