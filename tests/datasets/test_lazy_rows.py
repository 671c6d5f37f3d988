"""Rows that are read when they are needed."""

import pickle

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_validate, train_test_split
from sklearn.pipeline import make_pipeline

from skvae import Autoencoder, VAEFeatureExtractor
from skvae.datasets import LazyRows
from skvae.estimators.lost_digits import warn_of_lost_digits
from skvae.exceptions import MissingDependencyError
from skvae.study import nested_cv
from skvae.training import batches
from skvae.training.caching import n_trainings

VAE = VAEFeatureExtractor(2, max_iter=2, batch_size=8, random_state=0, n_threads=1)
KINDS = ["npy", "fortran", "zarr", "h5"]


@pytest.fixture
def rows():
    return np.random.default_rng(0).normal(size=(60, 6)).astype(np.float32)


def write(kind, path, rows):
    """Write rows to a file in chunks of 7, and return it lazily."""
    if kind in ("npy", "fortran"):
        np.save(path / "x.npy", np.asfortranarray(rows) if kind == "fortran" else rows)
        return LazyRows(path / "x.npy")
    if kind == "zarr":
        zarr = pytest.importorskip("zarr")
        chunks = (7, *rows.shape[1:])
        stored = zarr.create_array(
            path / "x.zarr", shape=rows.shape, chunks=chunks, dtype=rows.dtype
        )
        stored[:] = rows
        return LazyRows(path / "x.zarr")
    h5py = pytest.importorskip("h5py")
    with h5py.File(path / "x.h5", "w") as file:
        file.create_dataset("a/x", data=rows, chunks=(7, *rows.shape[1:]))
    return LazyRows(path / "x.h5", "a/x")


@pytest.fixture(params=KINDS)
def lazy(request, tmp_path, rows):
    return write(request.param, tmp_path, rows)


@pytest.fixture
def streamed(monkeypatch):
    """Let nothing that lies in a file be read as a whole."""
    monkeypatch.setattr(batches, "RESIDENT_BYTES", 0)
    monkeypatch.setattr(batches, "CHUNK_BYTES", 3 * 24)
    monkeypatch.setattr(batches, "WINDOW_BYTES", 24 * 24)


@pytest.mark.parametrize(
    "chosen",
    [
        slice(3, 20),
        slice(None, None, -3),
        slice(5, 5),
        [7, 3, -1, 7],
        [],
        np.array([4, 5, 6, 30], dtype=np.uint16),
        np.arange(60) % 3 == 1,
    ],
    ids=str,
)
def test_an_index_chooses_the_rows_that_numpy_does(lazy, rows, chosen):
    expected = rows[chosen] if len(np.shape(chosen)) == 0 or len(chosen) else rows[:0]
    for one in (lazy[chosen], lazy[chosen, ...]):
        assert isinstance(one, LazyRows)
        assert one.shape == expected.shape
        assert one.nbytes == expected.nbytes
        np.testing.assert_array_equal(np.asarray(one), expected)
    # Of rows that were chosen before as well.
    np.testing.assert_array_equal(
        lazy[10:50][::-2][[3, 0, -1]], rows[10:50][::-2][[3, 0, -1]]
    )
    np.testing.assert_array_equal(lazy[[9, 2, 4]][1:], rows[[2, 4]])
    np.testing.assert_array_equal(lazy[-2], rows[-2])


def test_iteration_ends_with_the_rows(lazy, rows):
    np.testing.assert_array_equal(list(lazy[50:]), rows[50:])


@pytest.mark.parametrize("chosen", [[60], [-61], 60, np.zeros(59, bool), [0.5], [[1]]])
def test_rows_that_are_not_there_are_refused(lazy, chosen):
    with pytest.raises(IndexError):
        lazy[chosen]


def test_columns_are_not_chosen(lazy):
    with pytest.raises(TypeError, match="whole rows"):
        lazy[:, 1]


def test_a_pickle_has_the_place_of_the_file(lazy, rows, request):
    some = lazy[[5, 3, 40]]
    pickled = pickle.dumps(some)
    assert rows[40].tobytes() not in pickled
    np.testing.assert_array_equal(pickle.loads(pickled), rows[[5, 3, 40]])
    assert joblib.hash(some) != joblib.hash(lazy[[5, 3, 41]])


@pytest.mark.parametrize("view", ["[10:]", "[10:20].reshape(-1, 3)", ".T[2:]", "[::2]"])
def test_a_part_of_a_memory_map_pickles(tmp_path, rows, view):
    write("npy", tmp_path, rows)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    part = eval(f"mapped{view}", {"mapped": mapped})
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(LazyRows(part))), part)


def test_changes_to_a_private_map_are_pickled(tmp_path, rows):
    write("npy", tmp_path, rows)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="c")
    mapped[3] = 7
    found = np.asarray(pickle.loads(pickle.dumps(LazyRows(mapped))))
    assert (found[3] == 7).all()


def test_a_hash_changes_with_the_file(tmp_path, rows):
    before = joblib.hash(write("npy", tmp_path, rows))
    assert joblib.hash(write("npy", tmp_path, rows[:, ::-1])) != before


def test_what_fits_into_memory_trains_as_in_memory(lazy, rows):
    expected = VAE.fit(rows).transform(rows)
    fitted = VAEFeatureExtractor(**VAE.get_params()).fit(lazy)
    np.testing.assert_array_equal(fitted.transform(rows), expected)
    np.testing.assert_array_equal(fitted.transform(lazy), expected)


def test_what_does_not_trains_as_a_memory_map(lazy, rows, tmp_path, streamed):
    np.save(tmp_path / "mapped.npy", rows)
    early = VAEFeatureExtractor(**VAE.get_params()).set_params(early_stopping=True)
    for vae in (VAE, early):
        vae.fit(np.load(tmp_path / "mapped.npy", mmap_mode="r"))
        expected, history = vae.transform(rows), vae.history_
        vae.fit(lazy)
        np.testing.assert_array_equal(vae.transform(rows), expected)
        assert vae.history_ == history


def test_an_array_of_zarr_or_h5py_is_lazy_by_itself(lazy, rows):
    stored = lazy.base
    expected = VAE.fit_transform(rows)
    np.testing.assert_array_equal(VAE.fit_transform(stored), expected)


def test_integers_are_read_as_numbers(tmp_path, rows):
    images = (rows * 3).astype(np.int16).reshape(60, 1, 2, 3)
    lazy = write("npy", tmp_path, images)
    autoencoder = Autoencoder(2, max_iter=2, random_state=0, n_threads=1)
    expected = autoencoder.fit_transform(images)
    np.testing.assert_array_equal(autoencoder.fit_transform(lazy), expected)
    assert autoencoder.sample_shape_ == (1, 2, 3)


def test_cross_validation_with_groups_and_processes(lazy, rows):
    y, groups = np.arange(60) % 2, np.arange(60) // 4
    pipe = make_pipeline(VAE, LogisticRegression())
    options = {"groups": groups, "cv": GroupKFold(3), "return_estimator": True}
    expected = cross_validate(pipe, rows, y, **options)
    found = cross_validate(pipe, lazy, y, n_jobs=2, **options)
    np.testing.assert_array_equal(found["test_score"], expected["test_score"])
    train, _ = train_test_split(lazy, random_state=0)
    np.testing.assert_array_equal(train, train_test_split(rows, random_state=0)[0])


def test_nested_cv(lazy, rows, tmp_path):
    y, groups = np.arange(60) % 2, np.arange(60) // 4
    grid = {"vaefeatureextractor__beta": [0.5, 1.0]}
    arms = {
        "pca": LogisticRegression(),
        "vae": (make_pipeline(VAE, LogisticRegression()), grid),
    }
    options = {"groups": groups, "outer": (2, 1), "inner": 2}
    expected = nested_cv(arms, rows, y, **options).scores
    first = nested_cv(arms, lazy, y, folder=tmp_path / "study", **options).scores
    shared = nested_cv(arms, lazy.base, y, n_jobs=2, **options).scores
    for found in (first, shared):
        assert found["score"].tolist() == expected["score"].tolist()
    changed = rows.copy()
    changed[-1, -1] += 1
    with pytest.raises(ValueError, match="X"):
        nested_cv(
            arms,
            LazyRows(changed),
            y,
            folder=tmp_path / "study",
            resume=True,
            **options,
        )


def test_a_memory_does_not_mix_the_orders(tmp_path, rows, monkeypatch):
    vae = VAEFeatureExtractor(**VAE.get_params()).set_params(memory=str(tmp_path / "m"))
    lazy = write("npy", tmp_path, rows)
    in_memory = vae.fit_transform(rows)
    np.testing.assert_array_equal(vae.fit_transform(lazy), in_memory)
    assert n_trainings(vae.memory) == 1
    monkeypatch.setattr(batches, "RESIDENT_BYTES", 0)
    monkeypatch.setattr(batches, "CHUNK_BYTES", 3 * 24)
    assert (vae.fit_transform(lazy) != in_memory).any()
    assert n_trainings(vae.memory) == 2


@pytest.mark.parametrize("place", [0, 59])
def test_rows_that_are_not_finite_are_refused(tmp_path, rows, place):
    rows[place, 2] = np.nan
    with pytest.raises(ValueError, match="X contains NaN"):
        VAE.fit(write("npy", tmp_path, rows))


def test_values_that_float32_cannot_hold_are_refused_or_warned_of(tmp_path, rows):
    large = write("npy", tmp_path, np.abs(rows.astype(np.float64)) * 1e300)
    with pytest.raises(ValueError, match="X contains infinity"):
        VAE.fit(large)
    with pytest.warns(UserWarning, match="the same in float32"):
        warn_of_lost_digits(write("npy", tmp_path, rows.astype(np.float64) + 1e9), "VAE")


def test_other_shapes_are_refused_as_those_of_arrays(lazy, rows):
    VAE.fit(lazy)
    for wrong in (rows[:, :5], rows[:0], rows[:, 0]):
        messages = []
        for X in (wrong, LazyRows(wrong)):
            with pytest.raises(ValueError, match=r"X|array") as refused:
                VAE.transform(X)
            messages.append(str(refused.value))
        assert messages[0].partition("array=")[0] == messages[1].partition("array=")[0]
    with pytest.raises(ValueError, match="minimum of 2"):
        VAE.fit(lazy[:1])


def test_sources_that_are_no_rows_are_refused(tmp_path):
    for source in (np.array(["a"]), [1.0], np.float32(3), None):
        with pytest.raises(ValueError, match="array of numbers"):
            LazyRows(source)
    with pytest.raises(ValueError, match=r"ends in \.npy"):
        LazyRows(tmp_path / "x.csv")


def test_another_name_is_refused(tmp_path, rows):
    write("h5", tmp_path, rows)
    with pytest.raises(ValueError, match=r"Got name='a', but .*: x\."):
        LazyRows(tmp_path / "x.h5", "a")


def test_a_missing_library_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(MissingDependencyError, match=r"skvae\[arrays\]"):
        LazyRows(tmp_path / "x.h5", "x")
