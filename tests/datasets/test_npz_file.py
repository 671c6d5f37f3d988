"""Files of arrays that are damaged, or made to fill the memory."""

import io
import struct
import tracemalloc
import zipfile
from contextlib import suppress

import numpy as np
import pytest

from skvae.datasets import load_medmnist, npz_file
from skvae.datasets.npz_cache import cached_arrays
from skvae.datasets.npz_file import open_npz
from skvae.exceptions import CacheWarning
from skvae.study.npz_cohort import npz_cohort

RNG = np.random.default_rng(0)


def header_of(shape, dtype="|u1", version=(1, 0), length=None):
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    code = "<H" if version == (1, 0) else "<I"
    size = struct.pack(code, len(text) if length is None else length)
    return np.lib.format.MAGIC_PREFIX + bytes(version) + size + text


def write(path, *entries, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in entries:
            archive.writestr(f"{name}.npy", content)


ENTRIES = {
    "empty": b"",
    "no array": b"hello" * 10,
    "huge shape": header_of((2**40, 2**40)),
    "overflow": header_of((2**64, 2)) + b"00",
    "negative": header_of((-1, 3)) + b"000",
    "fewer entries": header_of((100,)) + b"0" * 99,
    "more entries": header_of((100,)) + b"0" * 101,
    "no size": header_of((10**9,), "|V0"),
    "long header": header_of((1,), version=(2, 0), length=2**32 - 1),
    "no header": header_of((1,))[:9],
    "version": header_of((1,), version=(9, 9)),
    "nested": header_of("(" * 3000),
    "code": header_of("__import__('os').getpid()") + b"0",
    "objects": header_of((1,), "|O") + b"0" * 8,
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_array_that_is_none_is_refused_with_the_path(tmp_path, entry):
    path = tmp_path / "file.npz"
    write(path, ("train_images", ENTRIES[entry]), ("train_labels", ENTRIES[entry]))
    with pytest.raises(ValueError, match=r"Got path='.*file\.npz', expected an npz"):
        load_medmnist(path)
    write(path, ("X", ENTRIES[entry]), ("y", ENTRIES[entry]), ("groups", ENTRIES[entry]))
    with pytest.raises(ValueError, match=r"Got data='.*file\.npz'"):
        npz_cohort(path)


def test_what_fills_the_memory_is_refused_before_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "bomb.npz"
    monkeypatch.setattr(npz_file, "MOST_OF_LITTLE", 2**24)
    write(path, ("x", header_of((2**25,)) + bytes(2**25)))
    tracemalloc.start()
    with (
        pytest.raises(ValueError, match=r"0\.0 GB unpacked, and in the file 0\.0 MB"),
        open_npz(path, "path") as file,
    ):
        file.read("x")
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()
    monkeypatch.setattr(npz_file, "free_memory", lambda: 2**24)
    with (
        pytest.raises(ValueError, match="GB of memory are free"),
        open_npz(path, "path") as file,
    ):
        file.read("x")


def test_the_system_says_how_much_memory_is_free():
    assert npz_file.free_memory() > 2**20


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("dtype", ["u1", "<f4", ">i8", "<U3", "c8", "?", "M8[D]"])
def test_arrays_are_read_as_numpy_reads_them(tmp_path, compression, dtype):
    array = np.asfortranarray(RNG.integers(2, size=(3, 4)).astype("i8").astype(dtype))
    save = np.savez if compression == zipfile.ZIP_STORED else np.savez_compressed
    save(tmp_path / "x.npz", array=array, single=np.array(3.5))
    with open_npz(tmp_path / "x.npz", "path") as file:
        assert file.names == ["array", "single"]
        np.testing.assert_array_equal(file.read("array"), array)
        assert file.read("array").dtype == array.dtype
        assert file.read("single") == 3.5


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_array_that_is_there_twice_is_refused(tmp_path):
    content = io.BytesIO()
    np.save(content, np.zeros(3))
    write(tmp_path / "x.npz", *[("x", content.getvalue())] * 2)
    with (
        pytest.raises(ValueError, match="two arrays x"),
        open_npz(tmp_path / "x.npz", "path"),
    ):
        pass


def test_random_damage_is_a_sentence_or_no_damage(tmp_path):
    path = tmp_path / "set.npz"
    images = RNG.integers(256, size=(5, 6, 6)).astype(np.uint8)
    np.savez_compressed(path, train_images=images, train_labels=np.zeros((5, 1), np.uint8))
    whole = path.read_bytes()
    for _ in range(200):
        place = RNG.integers(len(whole))
        changed = bytearray(whole)
        changed[place] ^= 1 << RNG.integers(8)
        path.write_bytes(changed if RNG.random() < 0.7 else whole[:place])
        with suppress(ValueError):
            np.testing.assert_array_equal(load_medmnist(path).images[:, 0], images)


@pytest.mark.parametrize(
    "labels",
    [
        np.array([0, 1, np.nan]),
        np.array([0, 1, np.inf]),
        np.array([0, 0.5, 1]),
        np.array([0, 1, 1e30]),
        np.array([0, 1, 1j]),
        np.array(["2020-01-01"] * 3, "M8[D]"),
        np.array(["a", "b", "c"]),
        np.array(0),
        np.zeros((3, 1, 1)),
    ],
    ids=lambda labels: f"{labels.dtype}{labels.shape}",
)
def test_labels_that_are_no_classes_are_refused(tmp_path, labels):
    path = tmp_path / "set.npz"
    np.savez(path, train_images=np.zeros((3, 4, 4)), train_labels=labels)
    with pytest.raises(ValueError, match=r"Got path='.*set\.npz' with .*labels"):
        load_medmnist(path)
    if labels.dtype.kind == "U" or {0.5, 1e30} & set(labels.ravel().tolist()):
        return  # of a cohort, they may be text, or any numbers
    np.savez(path, X=np.zeros((3, 4)), y=labels, groups=np.arange(3))
    with pytest.raises(ValueError, match=r"Got data='.*set\.npz'.* Got y"):
        npz_cohort(path)


def test_whole_numbers_of_any_type_are_classes(tmp_path):
    for labels in (np.array([[0.0], [2.0]]), np.array([True, False]), np.array([7, -1])):
        np.savez(tmp_path / "s.npz", train_images=np.zeros((2, 4, 4)), train_labels=labels)
        target = load_medmnist(tmp_path / "s.npz").target
        np.testing.assert_array_equal(target, labels.ravel())
        assert target.dtype == np.int64


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (np.zeros((0, 4, 4)), np.zeros((0, 1))),
        (np.array(1.0), np.zeros((1, 1))),
        (np.zeros((2, 4, 4), complex), np.zeros((2, 1))),
    ],
)
def test_images_that_are_none_are_refused(tmp_path, images, labels):
    np.savez(tmp_path / "s.npz", train_images=images, train_labels=labels)
    with pytest.raises(ValueError, match=r"Got path='.*s\.npz' with images"):
        load_medmnist(tmp_path / "s.npz")


def test_a_kept_file_with_other_arrays_is_derived_again(tmp_path):
    path = tmp_path / "kept.npz"
    derived = {"a": np.arange(3), "b": np.ones((3, 2))}
    for other in ({"a": np.arange(3)}, {"a": np.arange(2), "b": np.ones((3, 2))}, {}):
        np.savez(path, **other)
        found = cached_arrays(path, lambda: derived, ("a", "b"))
        np.testing.assert_array_equal(found["b"], derived["b"])
        np.testing.assert_array_equal(cached_arrays(path, dict, ("a", "b"))["b"], 1)


def test_what_cannot_be_kept_is_returned(tmp_path):
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "kept.npz"
    with pytest.warns(CacheWarning, match=r"kept\.npz"):
        assert cached_arrays(path, lambda: {"a": np.arange(3)})["a"].sum() == 3
