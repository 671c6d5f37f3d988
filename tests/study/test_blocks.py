import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer

from skvae.study import Blocks, SelectBlock, default_arms, nested_cv
from skvae.study.arm_features import flatten

N = 90
Y = np.arange(N) % 2


@pytest.fixture(scope="module")
def blocks():
    """Return three inputs of the same rows: each knows a different third of the outcome."""
    rng = np.random.default_rng(0)
    names = [f"case{i}" for i in range(N)]
    radiomics = pd.DataFrame(rng.normal(size=(N, 6)), index=names).add_prefix("f")
    radiomics["f0"] += Y
    radiomics.iloc[3, 2] = np.nan
    images = rng.normal(size=(N, 1, 8, 8)).astype(np.float32) + 0.3 * Y[:, None, None, None]
    sex = np.where(rng.random(N) < 0.3 + 0.4 * Y, "f", "m").astype(object)
    sex[7] = None
    clinical = pd.DataFrame(
        {"sex": sex, "age": rng.normal(60, 9, N), "smoker": rng.random(N) < 0.5},
        index=names,
    )
    clinical.loc["case5", "age"] = np.nan
    return {"radiomics": radiomics, "images": images, "clinical": clinical}


def test_rows_are_taken_from_all_blocks(blocks):
    X = Blocks(blocks)
    for rows in (np.array([4, 0]), np.arange(N) < 2, slice(1, 3)):
        taken = X[rows]
        for name, block in blocks.items():
            if hasattr(block, "iloc"):
                pd.testing.assert_frame_equal(taken[name], block.iloc[rows])
            else:
                assert np.array_equal(taken[name], block[rows])
    assert list(X.index[:2]) == ["case0", "case1"]
    assert "images (1, 8, 8)" in repr(X)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"radiomics": np.zeros((4, 2))}, "different numbers of rows: radiomics 4"),
        ({"other": pd.DataFrame(np.zeros((N, 1)))}, "'radiomics' and 'other' with a diff"),
    ],
)
def test_blocks_of_other_rows_are_refused(blocks, changed, message):
    with pytest.raises(ValueError, match=message):
        Blocks(blocks | changed)
    with pytest.raises(ValueError, match="expected a mapping"):
        Blocks({})


def test_scikit_learn_searches_over_blocks(blocks):
    X = Blocks(blocks)
    image = make_pipeline(SelectBlock("images"), FunctionTransformer(flatten), PCA(2))
    age = make_pipeline(
        SelectBlock("clinical"), FunctionTransformer(lambda c: c[["age"]].fillna(60))
    )
    both = make_pipeline(make_union(image, age), LogisticRegression())
    grid = {"featureunion__pipeline-1__pca__n_components": [1, 3]}
    search = GridSearchCV(both, grid, cv=3, scoring="roc_auc").fit(X, Y)
    assert search.best_score_ > 0.7
    assert len(cross_val_predict(clone(both), X, Y, cv=3)) == N
    # What was fitted on blocks predicts from a plain mapping of new rows.
    new = {name: block[:5] for name, block in blocks.items()}
    assert np.array_equal(search.predict(new), search.predict(X)[:5])


def test_select_block_says_what_it_misses(blocks):
    with pytest.raises(ValueError, match="Got block='ct', but X has the blocks radiomics"):
        SelectBlock("ct").fit(blocks)
    with pytest.raises(TypeError, match=r"X of type ndarray, but SelectBlock\('ct'\)"):
        SelectBlock("ct").fit(np.zeros((3, 2)))
    names = SelectBlock("clinical").fit(blocks).get_feature_names_out()
    assert list(names) == ["sex", "age", "smoker"]
    images = SelectBlock("images").fit(blocks)
    assert list(images.get_feature_names_out()[:2]) == ["images_0", "images_1"]


@pytest.mark.filterwarnings("ignore::skvae.exceptions.PosteriorCollapseWarning")
def test_images_radiomics_and_clinical_columns_meet_on_the_same_folds(blocks):
    names = ["clinical", "radiomics", "pca:images", "clinical+radiomics+pca:images"]
    arms = default_arms(blocks, names, n_components=3, layers=["code"])
    result = nested_cv(arms, blocks, Y, reference="clinical", outer=(4, 1), inner=2)
    mean = result.summary().set_index("arm")["mean"]
    assert mean["clinical+radiomics+pca:images"] > mean["clinical"]
    assert mean["clinical+radiomics+pca:images"] > 0.75
    samples = [part["sample"].tolist() for _, part in result.predictions.groupby("arm")]
    assert all(sample == samples[0] for sample in samples)
    assert samples[0][0].startswith("case")


def test_the_names_of_arms_that_blocks_allow(blocks):
    assert list(default_arms(blocks)) == [
        "clinical", "radiomics", "pca:radiomics", "autoencoder:radiomics", "vae:radiomics",
        "pca:images", "autoencoder:images", "vae:images",
    ]  # fmt: skip
    table_and_clinical = {name: blocks[name] for name in ("radiomics", "clinical")}
    assert list(default_arms(table_and_clinical)) == [
        "clinical", "radiomics", "pca", "autoencoder", "vae",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arms", "message"),
    [
        ({"pca": LogisticRegression()}, "takes none of the blocks radiomics, images"),
        ({"pca": make_pipeline(SelectBlock("ct"))}, r"SelectBlock\('ct'\), but X has the"),
    ],
)
def test_arms_that_take_no_block_are_refused(blocks, arms, message):
    with pytest.raises(ValueError, match=message):
        nested_cv(arms, blocks, Y)


def test_select_block_needs_blocks():
    arms = {"pca": make_pipeline(SelectBlock("images"), LogisticRegression())}
    with pytest.raises(ValueError, match="but X has no named blocks"):
        nested_cv(arms, np.zeros((N, 2)), Y)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("radiomic", "Got the arm 'radiomic', expected one of volume, clinical"),
        ("pca:ct", "Got the arm 'pca:ct', but X has radiomics, images, clinical"),
        ("embedding", "'embedding', for which none of the blocks"),
        ("volume", "'volume', for which none of the blocks"),
        ("best_k:images", "'best_k' for images"),
    ],
)
def test_unknown_arms_are_named(blocks, name, message):
    with pytest.raises(ValueError, match=message):
        default_arms(blocks, [name])
