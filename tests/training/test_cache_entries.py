import errno
import shutil
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pytest
from torch import nn

import skvae
from skvae.exceptions import CacheWarning
from skvae.training import caching
from skvae.training.cache_entries import DamagedEntryError, read_entry, write_entry
from skvae.training.caching import n_trainings, remember
from skvae.training.fitting import Fitted, train


@pytest.fixture
def ask(tmp_path, make_recipe, data):
    """Return a function that asks for the same network each time."""
    recipe = make_recipe(n_epochs=1)

    def asked(memory=None):
        compute = partial(train, recipe, data)
        return remember(memory or str(tmp_path), recipe, data, compute)

    return asked


@pytest.fixture
def entry(ask, tmp_path):
    """The file of a network that was kept."""
    ask()
    (path,) = tmp_path.rglob("output.pkl")
    return path


def flipped(whole):
    middle = len(whole) // 2
    return whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]


DAMAGE = {
    "flipped": flipped,
    "truncated": lambda whole: whole[:-1],
    "header alone": lambda whole: whole[:20],
    "empty": lambda whole: b"",
    "longer": lambda whole: whole + b"0",
    "another file": lambda whole: b"not an entry" * 100,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_entry_is_named_and_replaced(ask, entry, damage, same_bits):
    expected, whole = ask().state, entry.read_bytes()
    entry.write_bytes(DAMAGE[damage](whole))
    with pytest.warns(CacheWarning, match=str(entry)):
        assert same_bits(ask().state, expected)
    assert entry.read_bytes() == whole
    assert same_bits(ask().state, expected)
    assert n_trainings(entry.parents[2].parent) == 2


def test_random_damage_never_gives_another_network(tmp_path):
    path, rng = tmp_path / "key" / "output.pkl", np.random.default_rng(0)
    write_entry(path, Fitted({"w": np.arange(50, dtype=np.float32)}, [{"loss": 1.0}]))
    whole = path.read_bytes()
    for _ in range(200):
        place = rng.integers(len(whole))
        changed = bytearray(whole)
        changed[place] ^= 1 << rng.integers(8)
        path.write_bytes(changed if rng.random() < 0.5 else whole[:place])
        with pytest.raises(DamagedEntryError):
            read_entry(path, Fitted)
    path.write_bytes(whole)
    np.testing.assert_array_equal(read_entry(path, Fitted).state["w"], np.arange(50))


@pytest.mark.parametrize("compress", [False, 3])
def test_an_entry_is_what_was_written(tmp_path, compress):
    path = tmp_path / "key" / "output.pkl"
    write_entry(path, np.eye(100), compress)
    np.testing.assert_array_equal(read_entry(path, np.ndarray), np.eye(100))
    assert (path.stat().st_size < 10_000) == bool(compress)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert read_entry(tmp_path / "other" / "output.pkl", np.ndarray) is None


def test_an_entry_of_another_type_or_key_is_damaged(tmp_path):
    path, moved = tmp_path / "a" / "output.pkl", tmp_path / "b" / "output.pkl"
    write_entry(path, np.eye(2))
    with pytest.raises(DamagedEntryError, match="it holds ndarray, not Fitted"):
        read_entry(path, Fitted)
    shutil.copytree(path.parent, moved.parent)
    with pytest.raises(DamagedEntryError, match="hash"):
        read_entry(moved, np.ndarray)


def test_an_entry_that_does_not_load_or_cannot_be_read_is_damaged(tmp_path):
    path = tmp_path / "key" / "output.pkl"
    write_entry(path, caching.Fitted({}, []))
    content = path.read_bytes().replace(b"Fitted", b"Bitted")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("skvae.training.cache_entries.digest", lambda *_: content[14:46])
        path.write_bytes(content)
        with pytest.raises(DamagedEntryError, match="does not load"):
            read_entry(path, Fitted)
    path.unlink()
    path.mkdir()
    with pytest.raises(DamagedEntryError, match="cannot be read"):
        read_entry(path, Fitted)


def full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("what", ["write_entry", "FileLock"])
def test_a_network_is_returned_though_it_cannot_be_kept(
    ask, monkeypatch, what, tmp_path, same_bits, make_recipe, data
):
    monkeypatch.setattr(caching, what, full)
    folder = str(tmp_path / "joblib" / "skvae")
    with pytest.warns(CacheWarning, match=f"{folder}.*No space left on device"):
        found = ask()
    assert same_bits(found.state, train(make_recipe(n_epochs=1), data).state)


def test_a_full_disk_may_leave_the_count_behind(ask, tmp_path, monkeypatch):
    whole = Path.open
    monkeypatch.setattr(
        Path,
        "open",
        lambda path, mode="r", **options: (
            full() if path.name == "trainings.log" else whole(path, mode, **options)
        ),
    )
    with pytest.warns(CacheWarning, match="No space left on device"):
        first = ask()
    assert n_trainings(tmp_path) == 0
    assert ask().history == first.history


def test_a_memory_where_there_can_be_no_folder_is_named(ask, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.warns(CacheWarning, match="file"):
        assert len(ask(str(tmp_path / "file" / "cache")).history) == 1


def test_a_folder_that_can_only_be_read_gives_what_it_has(ask, entry, monkeypatch):
    shutil.rmtree(entry.parents[1] / "locks")
    monkeypatch.setattr(Path, "mkdir", full)
    monkeypatch.setattr(caching, "FileLock", full)
    before = sorted(entry.parents[2].rglob("*"))
    assert len(ask().history) == 1
    assert sorted(entry.parents[2].rglob("*")) == before


def test_locks_do_not_pile_up(ask, entry, tmp_path, make_recipe, data):
    with pytest.raises(KeyError):
        remember(str(tmp_path), make_recipe(n_epochs=2), data, lambda: {}["failed"])
    ask()
    assert not list((entry.parents[1] / "locks").iterdir())


def test_joblib_can_still_make_room(ask, entry, tmp_path):
    joblib.Memory(tmp_path, verbose=0).reduce_size(bytes_limit=0)
    assert not entry.exists()
    assert len(ask().history) == 1


def test_features_that_were_kept_are_whole_or_read_again(rows, tmp_path):
    reader = skvae.LayerExtractor(
        nn.Sequential(nn.Linear(12, 2)), layer="0", memory=str(tmp_path)
    )
    expected = reader.fit(rows).transform(rows)
    np.testing.assert_array_equal(reader.transform(rows), expected)
    (path,) = tmp_path.rglob("output.pkl")
    path.write_bytes(flipped(path.read_bytes()))
    with pytest.warns(CacheWarning, match=str(path)):
        np.testing.assert_array_equal(reader.transform(rows), expected)
    np.testing.assert_array_equal(reader.transform(rows), expected)
