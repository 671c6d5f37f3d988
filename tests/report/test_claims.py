"""What a report claims is so: studies for which an easy sentence would be false."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest, mutual_info_classif
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from small_studies import RNG, N, X, said, status, study

from skvae import Autoencoder, AutoencoderClassifier
from skvae.report.confounding import confounding_table, correlations
from skvae.report.study_sections import how_to_run
from skvae.report.verdict import verdict
from skvae.study import nested_cv
from skvae.study.reporting import record_of


def test_features_of_a_union_are_not_counted_by_one_of_its_parts():
    flat = FunctionTransformer(np.abs)
    arms = {
        "pca": make_pipeline(flat, PCA(2), LogisticRegression()),
        "volume": make_pipeline(
            FeatureUnion([("a", PCA(2)), ("b", SelectKBest(k=1))]), LogisticRegression()
        ),
    }
    sentences = said(study(arms))
    assert not {"methods-volume", "methods-dimension", "methods-size"} & sentences.keys()


def test_one_arm_is_compared_with_nothing(no_figures):
    result = study(LogisticRegression())
    assert status(result, "metrics", "25") == "ask"
    assert status(result, "clear", "42") == "ask"


def test_a_search_within_an_arm_splits_patients(no_figures):
    inner = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2)
    result = study({"pca": LogisticRegression(), "own": inner})
    sentences = said(result)
    assert "within own, which split rows" in sentences["methods-splits"]
    assert "methods-leaks" not in sentences
    assert status(result, "metrics", "18") == "part"
    grouped = said(study({"pca": (LogisticRegression(), {"C": [0.1, 1.0]})}))
    assert "every split, outer and inner" in grouped["methods-splits"]


def test_networks_that_are_classifiers_are_networks():
    network = AutoencoderClassifier(
        autoencoder=Autoencoder(2, max_iter=1, random_state=0),
        head_max_iter=1,
        finetune_max_iter=1,
        random_state=0,
    )
    sentences = said(study({"pca": LogisticRegression(), "net": network}))
    assert "AutoencoderClassifier" in sentences["methods-networks"]
    assert "methods-no-networks" not in sentences
    assert "methods-no-networks" in said(study(LogisticRegression()))


def test_missing_values_of_objects_and_searched_weights_are_told():
    values = X.astype(object)
    values[3, 2] = None
    values[5, 1] = np.nan
    model = make_pipeline(SimpleImputer(), LogisticRegression())
    grid = {"logisticregression__class_weight": [None, "balanced"]}
    sentences = said(study({"pca": (model, grid)}, X=pd.DataFrame(values).astype(float)))
    assert sentences["methods-missing"].startswith("2 values were missing")
    assert "class weights were searched" in sentences["methods-imbalance"]


def test_masked_values_are_told_apart_from_filled_ones():
    values = X.copy()
    values[::7, 2] = np.nan
    options = {"hidden_layer_sizes": (3,), "max_iter": 1, "random_state": 0}
    network = Autoencoder(2, missing="mask", n_networks=2, cross_fit=2, **options)
    arms = {
        "pca": make_pipeline(SimpleImputer(), LogisticRegression()),
        "net": make_pipeline(network, LogisticRegression()),
    }
    sentences = said(study(arms, X=values))
    n_missing = np.isnan(values).sum()
    assert sentences["methods-missing"] == (
        f"{n_missing} values were missing; SimpleImputer (pca) filled them within each "
        "fold; the networks of Autoencoder (net) left them out, as entries that are not "
        "known."
    )
    assert (
        "net: an autoencoder (n_components 2), 2 networks of it, cross-fitted in 2 folds, "
        "missing values masked, then"
    ) in sentences["methods-arms"]


def test_an_arm_without_probabilities_takes_them_from_no_other():
    result = study({"pca": LogisticRegression(), "svc": SVC()})
    table = result.table().set_index("arm")
    assert table.loc["pca", "Brier"] != table.loc["svc", "Brier"]
    assert float(table.loc["pca", "Brier"]) < 0.25
    assert "methods-calibration" in said(result)


def test_provenance_is_read_by_strict_readers(tmp_path, no_figures):
    def refuse(word):
        raise AssertionError(word)

    study(make_pipeline(SimpleImputer(), LogisticRegression())).report(tmp_path)
    found = json.loads((tmp_path / "provenance.json").read_text(), parse_constant=refuse)
    assert found["arms"]["pca"]["steps"][0]["params"]["missing_values"] == "nan"


def test_calls_that_are_advised_keep_patients_together():
    record = record_of(study(LogisticRegression()))
    assert "learning_curve(arms, X, y, groups=groups)" in how_to_run(
        record, "learning_curve"
    )


@pytest.mark.parametrize(
    ("further", "named"),
    [({"summary": pd.DataFrame()}, "'summary'"), ({"stability": 0.9}, "stability=0.9")],
)
def test_further_sections_are_tables_of_known_names(further, named, tmp_path):
    with pytest.raises(ValueError, match=f"Got further with {named}"):
        study(LogisticRegression()).report(tmp_path, further=further)


def test_covariates_of_patients_are_found_by_the_names_of_patients():
    age = pd.DataFrame({"age": np.repeat(RNG.normal(60, 9, N // 2), 2)})
    result = study(LogisticRegression(), aggregate="mean")
    with pytest.raises(ValueError, match=r"inputs of 48 rows.*counts 24 patients"):
        record_of(result, inputs=age)
    with pytest.raises(ValueError, match="index is not that of the samples"):
        record_of(result, inputs=age[::2].set_index(np.arange(100, 124)))
    of_patients = age[::2].set_index(np.arange(24))
    record = record_of(result, inputs=of_patients)
    (row,) = confounding_table(correlations(record)).to_dict("records")
    scores = result.predictions.set_index("sample")["score"].sort_index()
    rho = spearmanr(scores, of_patients["age"])[0]
    assert f"{rho:+.2f}" in "".join(map(str, row.values()))


def test_what_the_verdict_does_not_show_is_no_equality():
    rng = np.random.default_rng(1)
    y = np.arange(200) % 2
    signal = rng.normal(size=(200, 1)) + 2 * y[:, None]
    X = np.hstack([signal, rng.normal(size=(200, 2))])

    def column(k):
        return make_pipeline(
            FunctionTransformer(np.take, kw_args={"indices": [k], "axis": 1}),
            LogisticRegression(),
        )

    arms = {"pca": column(0), "noise": column(1), "same": column(0)}
    result = nested_cv(arms, X, y, outer=(5, 2))
    text = verdict(result)
    assert "noise is worse than pca" in text
    assert "no difference is shown, which is no proof of equality" in text


def test_steps_say_what_was_changed_of_them():
    steps = (
        StandardScaler(with_mean=False),
        SelectKBest(mutual_info_classif, k=3),
        LogisticRegression(class_weight="balanced"),
    )
    words = said(study(make_pipeline(*steps)))["methods-arms"]
    assert "columns scaled to unit variance, then" in words
    assert "the best columns by mutual_info_classif (k 3)" in words
    assert "logistic regression (C 1.0) with class_weight balanced" in words
