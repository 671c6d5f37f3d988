"""Names of features are evidence of the software, the images and the classes."""

import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from small_studies import X, said, status, study, table_of

from skvae.report.checklists import answered
from skvae.report.page import draft
from skvae.report.score_names import is_share, score_name
from skvae.study import SelectBlock, default_arms
from skvae.study.reporting import record_of

NAMES = [
    "original_shape_MeshVolume",
    "original_glcm_Idm",
    "original_glcm_Contrast",
    "wavelet-LLH_firstorder_Mean",
    "log-sigma-2-0-mm-3D_glszm_ZoneEntropy",
    "original_firstorder_Mean",
]
FEATURES = pd.DataFrame(X, columns=NAMES)


@pytest.fixture(scope="module")
def named():
    return study(LogisticRegression(max_iter=1000), X=FEATURES)


def test_they_are_counted_by_image_and_class(named):
    table = table_of(named, "methods", "features").set_index("type of image")
    assert table.loc["original"].to_dict() == {
        **{"shape": 1, "glcm": 2, "firstorder": 1, "glszm": 0, "all": 4}
    }
    assert table["all"].sum() == 6
    assert "Of 6 columns of features, 6 have names" in said(named)["methods-named-features"]


def test_items_are_answered_by_the_names_and_ask_without_them(named, no_figures):
    assert status(named, "metrics", "12") == "part"
    assert [status(named, "clear", item) for item in ("24", "26")] == ["yes", "yes"]
    plain = study(LogisticRegression(), X=pd.DataFrame(X, columns=list("abcdef")))
    assert status(plain, "metrics", "12") == "ask"
    assert [status(plain, "clear", item) for item in ("24", "26")] == ["part", "part"]
    assert "methods-named-features" not in said(plain)


def test_a_plain_table_has_evidence_for_two_fifths_of_the_weight(no_figures):
    names = ["volume", "radiomics", "pca"]
    columns = FEATURES.abs()
    result = study(
        default_arms(columns, names, n_components=2), X=columns, threshold="youden"
    )
    record = record_of(result, inputs=columns[NAMES[:1]])
    files = {"file:clear.md", "file:provenance.json"}
    evidence = draft(record).anchors | files

    def weight(evidence):
        return sum(a.weight for a in answered("metrics", evidence) if a.status != "ask")

    assert weight(evidence) >= 0.40
    assert weight(evidence) - weight(evidence - {"table-features"}) == pytest.approx(0.0311)


def test_other_columns_beside_them_are_for_the_author_to_name(no_figures):
    mixed = FEATURES.rename(columns={"original_glcm_Idm": "age"})
    result = study(LogisticRegression(), X=mixed)
    assert "6 columns of features, 5 have" in said(result)["methods-some-named-features"]
    assert status(result, "metrics", "12") == "part"
    assert status(result, "clear", "24") == "part"


def test_clinical_columns_are_no_features_without_a_name():
    blocks = {"radiomics": FEATURES, "clinical": pd.DataFrame({"age": X[:, 0]})}
    arm = make_pipeline(SelectBlock("radiomics"), LogisticRegression(max_iter=1000))
    assert "methods-named-features" in said(study(arm, X=blocks))


def test_a_volume_alone_is_said_to_be_one_column():
    arms = default_arms(FEATURES, ["pca", "volume"], n_components=2)
    result = study(arms, X=FEATURES.abs())
    sentences = said(result)
    assert "volume: the column original_shape_MeshVolume, then" in sentences["methods-arms"]
    assert sentences["methods-volume"].endswith("volume.")
    assert "saw 2 features at the most" in sentences["methods-size"]


@pytest.mark.parametrize(
    ("scoring", "name", "share"),
    [
        ("roc_auc", "AUC", True),
        ("roc_auc_ovr", "AUC (one against the rest)", True),
        ("concordance", "C index", True),
        ("r2", "R²", False),
        ("neg_mean_squared_error", "negative mean squared error", False),
        ("balanced_accuracy", "balanced accuracy", True),
    ],
)
def test_a_score_has_one_name(scoring, name, share):
    assert score_name(scoring) == name
    assert is_share(scoring) == share
