import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.model_selection import ParameterGrid

from skvae.study import nested_cv
from skvae.study.arm_features import TABLE_TRAINING, ImagePCA, log_volume
from skvae.study.configuration import StudyConfig
from skvae.study.default_arms import default_arms
from skvae.study.run_study import run_study
from skvae.study.study_inputs import StudyInputs
from skvae.training.caching import n_trainings

TABLE = np.random.default_rng(0).normal(size=(60, 20))
MASKS = (np.random.default_rng(0).random((60, 1, 16, 16, 16)) > 0.7).astype(np.uint8)
GREY = np.random.default_rng(0).random((60, 3, 16, 16)).astype(np.float32)


@pytest.mark.parametrize(
    ("X", "names"),
    [
        (TABLE, ["radiomics", "pca", "autoencoder", "vae"]),
        (MASKS, ["volume", "pca", "autoencoder", "vae"]),
        (GREY, ["pca", "autoencoder", "vae"]),
    ],
    ids=["table", "masks", "grey"],
)
def test_arms_fit_the_kind_of_input(X, names):
    arms = default_arms(X)
    assert list(arms) == names
    budgets = {len(ParameterGrid(grid)) for _, grid in arms.values()}
    assert len(budgets) == 1, "no arm may win by a larger budget"


@pytest.mark.filterwarnings("ignore::skvae.exceptions.PosteriorCollapseWarning")
@pytest.mark.parametrize("X", [TABLE, MASKS, GREY], ids=["table", "masks", "grey"])
def test_every_layer_of_the_grid_exists(X):
    for name in ("autoencoder", "vae"):
        pipeline, grid = default_arms(X)[name]
        features = pipeline.named_steps["features"].set_params(max_iter=1, batch_size=60)
        layers = {layer.name for layer in features.fit(X).list_layers()}
        assert set(grid["features__layer"]) <= layers


def test_full_trains_longer():
    quick, full = (
        default_arms(MASKS, full=full)["vae"][0].named_steps["features"].max_iter
        for full in (False, True)
    )
    assert full > 3 * quick


def test_small_cohorts_get_fewer_components():
    arms = default_arms(TABLE[:12])
    assert arms["pca"][0].named_steps["features"].n_components == 4
    assert arms["vae"][0].named_steps["features"].n_components == 4


def test_volume_does_not_depend_on_the_value_of_a_mask():
    assert np.array_equal(log_volume(MASKS), log_volume(255 * MASKS))
    assert np.isfinite(log_volume(0 * MASKS)).all()


@pytest.mark.filterwarnings("ignore::skvae.exceptions.PosteriorCollapseWarning")
def test_the_default_study_runs_on_a_table(monkeypatch, tmp_path):
    monkeypatch.setitem(TABLE_TRAINING, "max_iter", 3)
    y = np.arange(60) % 2
    inputs = StudyInputs(TABLE + y[:, None], y, np.arange(60) // 2 * 2 + y)
    config = StudyConfig(outer=(3, 1), inner=2, n_components=(4,), jobs=1)
    result = run_study(config, inputs, tmp_path)
    summary = result.summary().set_index("arm")
    assert list(summary.index) == ["radiomics", "pca", "autoencoder", "vae"]
    assert summary.loc["radiomics", "mean"] > 0.9
    assert set(result.scores.query("arm == 'vae'")["param_features__layer"]) <= {
        "hidden_1",
        "hidden_2",
        "mean",
    }


def test_the_components_of_images_do_not_depend_on_an_offset():
    """Uncentred, PCA of float32 finds noise in 400 images of 36 pixels around 1000."""
    rng = np.random.default_rng(0)
    images = rng.normal(size=(400, 3)) @ rng.normal(size=(3, 36))
    images = (images + 0.1 * rng.normal(size=(400, 36))).reshape(400, 1, 6, 6)
    found = []
    for offset in (0, 1000):
        arm, _ = default_arms((images + offset).astype(np.float32))["pca"]
        components = arm[:-1].set_params(features__n_components=3)
        found.append(components.fit_transform((images + offset).astype(np.float32)))
    r = np.abs(np.corrcoef(*[features[:, 0] for features in found])[0, 1])
    assert r > 0.999


def test_components_of_images_are_those_of_centred_rows():
    rng = np.random.default_rng(0)
    seen, new = (rng.normal(5, 1, (n, 2, 6, 6)).astype(np.float32) for n in (50, 20))
    ours = ImagePCA(3, random_state=0)
    pca = PCA(3, random_state=0)
    mean = seen.reshape(50, -1).mean(axis=0, dtype=np.float64)
    rows, others = (part.reshape(len(part), -1) - mean for part in (seen, new))
    expected = pca.fit_transform(rows.astype(np.float32))
    assert np.allclose(ours.fit_transform(seen), expected, atol=1e-4)
    assert np.allclose(ours.transform(new), others @ pca.components_.T, atol=1e-4)
    assert np.array_equal(clone(ours).fit(seen).transform(new), ours.transform(new))


@pytest.mark.filterwarnings("ignore::skvae.exceptions.PosteriorCollapseWarning")
def test_a_grid_over_layers_trains_once_for_each_fold_and_size(monkeypatch, tmp_path):
    monkeypatch.setitem(TABLE_TRAINING, "max_iter", 2)
    y = np.arange(60) % 2
    memory = str(tmp_path)
    arms = default_arms(TABLE, ["vae"], n_components=(2, 4), memory=memory)
    options = {"outer": (3, 1), "inner": 2, "reference": "vae"}
    result = nested_cv(arms, TABLE, y, threshold="youden", **options)
    # Two sizes in each of two inner folds and, side by side with these, on all rows of the
    # fold; three layers cost nothing, nor does the threshold.
    assert n_trainings(memory) == 3 * 2 * (2 + 1)
    assert list(result.timings["n_trainings"]) == [2 * (2 + 1)] * 3
    again = nested_cv(arms, TABLE, y, threshold="youden", **options)
    assert list(again.timings["n_trainings"]) == [0, 0, 0]
    pd.testing.assert_frame_equal(again.scores, result.scores, check_exact=True)
