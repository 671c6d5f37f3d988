import json
import os
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file

from skvae.exceptions import CacheWarning
from skvae.objectives.elbo import BetaELBO
from skvae.training import checkpointing
from skvae.training.checkpointing import (
    checkpoint_folder,
    checkpoint_of,
    removed_at_the_end,
)
from skvae.training.data import Data
from skvae.training.fitting import epochs, train
from skvae.training.recipe import Phase
from skvae.training.state_files import read_state, write_state


def noisy(batch, generator):
    noise = torch.randn(batch.x.shape, generator=generator)
    return batch._replace(x=batch.x + noise)


PHASES = (
    Phase(3, 1e-2, frozen=("hidden", "bottleneck"), name="head"),
    Phase(3, 1e-2, rates=(("hidden", 0.1),), annealed=True, name="finetune"),
)
RECIPES = {
    "plain": {"code": "plain"},
    "dropout": {"network": {"dropout": 0.3, "normalization": "batch"}},
    "augmentation": {"augment": noisy},
    "warm-up": {"objective": BetaELBO(2.0, kl_warmup=0.7)},
    "early stopping": {
        "n_epochs": 40,
        "rate": 0.1,
        "validation_fraction": 0.5,
        "n_iter_no_change": 3,
        "tol": 0.0,
    },
    "phases": {"phases": PHASES},
    "phases that stop early": {
        "phases": tuple(replace(phase, n_epochs=9, learning_rate=0.2) for phase in PHASES),
        "validation_fraction": 0.3,
        "n_iter_no_change": 1,
        "tol": 0.1,
    },
    "lbfgs": {"code": "plain", "solver": "lbfgs"},
    "bfloat16": {"precision": "bfloat16"},
    "clipped": {"max_grad_norm": 0.5, "weight_decay": 0.1},
}


@pytest.fixture
def checkpoint(make_recipe, data, tmp_path):
    """Return a function that makes the checkpoint of a recipe in a folder."""

    def make(recipe=None, rows=data, start=None):
        return checkpoint_of(tmp_path, recipe or make_recipe(n_epochs=5), rows, start)

    return make


def stopped(recipe, data, checkpoint, after, start=None):
    """Train for some epochs and leave what is kept behind them."""
    for n_done, _ in enumerate(epochs(recipe, data, start, checkpoint), 1):
        if n_done == after:
            return
    raise AssertionError(f"it had {n_done} epochs only")


def trained(recipe, data, checkpoint, start=None):
    """Return what training comes to, and how many epochs it took, the restored one too."""
    *_, handle = handles = list(epochs(recipe, data, start, checkpoint))
    return handle.fitted(), len(handles)


@pytest.mark.parametrize("name", RECIPES)
def test_a_training_goes_on_from_every_epoch_bit_for_bit(
    make_recipe, x, same_bits, checkpoint, name
):
    recipe = make_recipe(**{"n_epochs": 5} | RECIPES[name])
    data = Data(x[:16] if name == "early stopping" else x)
    whole = train(recipe, data)
    n_epochs = len(whole.history)
    for after in range(1, n_epochs + 1):
        kept = checkpoint(recipe, data)
        stopped(recipe, data, kept, after)
        found, n_trained = trained(recipe, data, checkpoint(recipe, data))
        assert n_trained == 1 + n_epochs - after
        assert same_bits(found.state, whole.state)
        assert (found.history, found.phases) == (whole.history, whole.phases)
        kept.remove()
    if "stop" in name:
        assert 2 < n_epochs < recipe.n_epochs


def test_a_training_that_stops_at_each_epoch_comes_to_the_same(
    make_recipe, data, same_bits, checkpoint
):
    recipe = make_recipe(n_epochs=4, network={"dropout": 0.3})
    stopped(recipe, data, checkpoint(recipe), 1)
    for _ in range(3):  # each goes on from the one before, and trains one epoch
        stopped(recipe, data, checkpoint(recipe), 2)
    found, n_trained = trained(recipe, data, checkpoint(recipe))
    assert n_trained == 1
    assert same_bits(found.state, train(recipe, data).state)


def test_a_warm_start_goes_on_from_its_own_checkpoint(
    make_recipe, data, same_bits, checkpoint
):
    recipe = make_recipe(n_epochs=3)
    *_, handle = epochs(recipe, data)
    starts = handle.fitted(resumable=True), replace(handle.fitted(), history=[])
    for start in starts:
        *_, last = epochs(recipe, data, start)
        stopped(recipe, data, checkpoint(recipe, start=start), 2, start)
        found, n_trained = trained(recipe, data, checkpoint(recipe, start=start), start)
        assert n_trained == 2
        assert same_bits(found.state, last.fitted().state)
        assert found.history == last.fitted().history
    paths = {checkpoint(recipe, start=start).path for start in (None, *starts)}
    assert len(paths) == 3


def test_streamed_rows_go_on_in_their_order(
    make_recipe, x, same_bits, checkpoint, map_file, stream_maps
):
    recipe, data = make_recipe(n_epochs=3), Data(map_file(x, name="rows.npy"))
    stopped(recipe, data, checkpoint(recipe, data), 1)
    found, _ = trained(recipe, data, checkpoint(recipe, data))
    assert same_bits(found.state, train(recipe, data).state)


def test_a_checkpoint_is_numbers_and_json(make_recipe, data, checkpoint, same_bits):
    recipe = make_recipe(n_epochs=5)
    kept = checkpoint()
    stopped(recipe, data, kept, 3)
    arrays = load_file(kept.path)
    weights = {k.removeprefix("/weights/"): v for k, v in arrays.items() if "weights" in k}
    assert same_bits(weights, train(make_recipe(n_epochs=3), data).state)
    with safe_open(kept.path, "np") as file:
        metadata = file.metadata()
    assert list(metadata) == ["skvae"]
    _, _, text = metadata["skvae"].partition(" ")
    told = json.loads(text)
    assert told["versions"]["torch"] == torch.__version__
    assert {"X", "seed", "phases", "builder"} <= told["identity"].keys()
    before = kept.path.read_bytes()
    state = kept.read()
    assert [row["epoch"] for row in state["history"]] == [1, 2, 3]
    kept.keep(state)
    assert kept.path.read_bytes() == before


DAMAGE = {
    "flipped": lambda whole: whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:],
    "flipped in the text": lambda whole: whole.replace(b'"seed', b'"sead', 1),
    "truncated": lambda whole: whole[:-1],
    "header alone": lambda whole: whole[:200],
    "empty": lambda whole: b"",
    "longer": lambda whole: whole + b"0",
    "a pickle": lambda whole: b"\x80\x04N.",
    "a long header": lambda whole: b"\xff" * 7 + whole[7:],
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_checkpoint_is_named_and_training_begins_anew(
    make_recipe, data, checkpoint, same_bits, damage
):
    recipe = make_recipe(n_epochs=5)
    kept = checkpoint()
    stopped(recipe, data, kept, 3)
    whole = kept.path.read_bytes()
    damaged = DAMAGE[damage](whole)
    assert damaged != whole
    kept.path.write_bytes(damaged)
    with pytest.warns(CacheWarning, match=rf"{kept.path} is damaged.*begins anew"):
        found, n_trained = trained(recipe, data, kept)
    assert n_trained == 5
    assert same_bits(found.state, train(recipe, data).state)


def test_every_single_flipped_bit_of_a_file_is_found(tmp_path):
    path = tmp_path / "a.safetensors"
    state = {"a": torch.arange(3.0), "b": [torch.ones(2, 2, dtype=torch.bool), 0.1]}
    write_state(path, state, epoch=3)
    whole = path.read_bytes()
    for place in range(len(whole)):
        for bit in (1, 32):
            path.write_bytes(
                whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :]
            )
            with pytest.raises(ValueError, match="Got path="):
                read_state(path)
    path.write_bytes(whole)
    found, told = read_state(path)
    assert told == {"epoch": 3}
    assert found["a"].tolist() == [0, 1, 2]
    assert found["b"][1] == 0.1


def test_arrays_of_any_order_and_values_of_any_kind_come_back(tmp_path):
    rng = np.random.default_rng(0)
    value = {
        "strided": torch.from_numpy(rng.random((6, 4))).T[:, ::2],
        "fortran": np.asfortranarray(rng.random((3, 5), dtype=np.float32)),
        "nothing": torch.empty(0, 3),
        "number": torch.tensor(2.5, dtype=torch.float64),
        "bytes": torch.arange(5, dtype=torch.uint8),
        "state": {0: {"step": torch.tensor(1.0), "lr": 0.1 + 0.2}, 1: {}},
        "betas": (0.9, 0.999),
        "dirs": [torch.ones(2), None],
        "text": "ä",
        "losses": [float("inf"), -float("inf"), 1e-320, 1 / 3, True, 10**20],
    }
    write_state(tmp_path / "a.safetensors", value)
    found, _ = read_state(tmp_path / "a.safetensors")
    assert list(found) == list(value)
    for name in ("strided", "fortran", "nothing", "number", "bytes"):
        np.testing.assert_array_equal(found[name], value[name])
        assert found[name].dtype == torch.as_tensor(value[name]).dtype
        assert found[name].shape == value[name].shape
    assert found["state"] == value["state"]
    assert found["betas"] == value["betas"]
    assert found["dirs"][0].tolist() == [1, 1]
    assert found["dirs"][1] is None
    assert found["text"] == "ä"
    assert found["losses"] == value["losses"]
    found["number"] += 1  # they are its own


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 1}, "seed"),
        ({"n_epochs": 6}, "phases"),
        ({"batch_size": 4}, "batch_size"),
        ({"network": {"dropout": 0.1}}, "builder"),
        ({"objective": BetaELBO(2.0)}, "objective"),
    ],
)
def test_a_checkpoint_of_another_fit_is_refused_by_name(
    make_recipe, data, checkpoint, change, named
):
    recipe = make_recipe(n_epochs=5)
    kept = checkpoint()
    stopped(recipe, data, kept, 2)
    other = checkpoint(make_recipe(**{"n_epochs": 5} | change))
    assert other.path != kept.path
    assert other.read() is None
    kept.path.rename(other.path)
    with pytest.raises(ValueError, match=rf"checkpoint=.*another fit: {named} differ"):
        other.read()


def test_a_checkpoint_of_other_data_or_another_version_is_refused_by_name(
    make_recipe, data, x, checkpoint, monkeypatch
):
    recipe = make_recipe(n_epochs=5)
    kept = checkpoint()
    stopped(recipe, data, kept, 2)
    moved = x.copy()
    moved[-1, -1] += 1e-6
    weight = np.ones(40, np.float32)
    for rows, named in (
        (Data(moved), "X"),
        (Data(x, sample_weight=weight), "sample_weight"),
        (Data(moved, groups=weight), "X, groups"),
    ):
        other = checkpoint(rows=rows)
        other.path.write_bytes(kept.path.read_bytes())
        with pytest.raises(ValueError, match=f"another fit: {named} differ"):
            other.read()
        other.remove()
    monkeypatch.setattr(torch, "__version__", "2.99.0")
    with pytest.raises(ValueError, match=r"fit with torch .*\(torch 2\.99\.0, .*Delete"):
        checkpoint().read()
    monkeypatch.undo()
    monkeypatch.setattr(checkpointing, "SCHEMA", 99)
    with pytest.raises(ValueError, match=r"skvae's training 99"):
        checkpoint().read()


def test_what_does_not_pickle_cannot_be_told_from_another(make_recipe, checkpoint):
    with pytest.raises(ValueError, match=r"checkpoint= with augment=.*must pickle"):
        checkpoint(make_recipe(augment=lambda batch, generator: batch))


def test_a_full_disk_is_said_once_and_training_goes_on(
    make_recipe, data, checkpoint, same_bits, monkeypatch
):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    recipe = make_recipe(n_epochs=5)
    kept = checkpoint()
    stopped(recipe, data, kept, 2)
    before = kept.path.read_bytes()
    monkeypatch.setattr("skvae.tensor_file.os.fsync", full)
    with pytest.warns(CacheWarning, match="No space left") as found:
        fitted, _ = trained(recipe, data, kept)
    assert len(found) == 1
    assert same_bits(fitted.state, train(recipe, data).state)
    assert kept.path.read_bytes() == before
    assert [path.name for path in kept.path.parent.iterdir()] == [kept.path.name]


def test_what_killed_processes_left_goes_when_it_is_old(make_recipe, data, checkpoint):
    kept = checkpoint()
    stopped(make_recipe(n_epochs=5), data, kept, 1)
    old, new, other = (
        kept.path.with_name(f".{stem}-{name}.safetensors")
        for stem, name in (
            (kept.path.stem, "a"),
            (kept.path.stem, "b"),
            ("fit-" + "0" * 64, "a"),
        )
    )
    for path in (old, new, other):
        path.write_bytes(b"half of it")
    for path in (old, other):
        os.utime(path, (time.time() - 1000,) * 2)
    kept.remove()
    assert sorted(kept.path.parent.iterdir()) == sorted([new, other])
    kept.remove()  # nothing is there any more
    assert checkpoint_folder(kept.path.parent) == kept.path.parent


def test_files_go_when_the_whole_is_over(checkpoint, make_recipe, data):
    recipes = [make_recipe(n_epochs=2), make_recipe(n_epochs=3)]
    kept = [checkpoint(recipe) for recipe in recipes]

    def fit(i):
        trained(recipes[i], data, kept[i])
        kept[i].finish()

    with removed_at_the_end():
        with removed_at_the_end():
            fit(0)
        assert kept[0].path.exists()
        fit(1)
    assert not kept[0].path.exists()
    assert not kept[1].path.exists()

    @removed_at_the_end()
    def interrupted():
        fit(0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert kept[0].path.exists()
    fit(0)
    assert not kept[0].path.exists()


def test_a_folder_that_is_none_or_of_others_is_refused(tmp_path):
    made = checkpoint_folder(tmp_path / "a" / "b")
    assert made.is_dir()
    assert not list(made.iterdir())
    file = tmp_path / "file"
    file.write_text("mine")
    for path in (file, file / "below"):
        with pytest.raises(ValueError, match=r"checkpoint='.*file.*expected a folder"):
            checkpoint_folder(path)
    with pytest.raises(ValueError, match=r"holds other files, such as (a|file); expected"):
        checkpoint_folder(tmp_path)
    assert file.read_text() == "mine"


def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path, monkeypatch):
    def read_only(*args, **kwargs):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("skvae.files.tempfile.TemporaryFile", read_only)
    with pytest.raises(ValueError, match=r"checkpoint=.*Read-only file system"):
        checkpoint_folder(tmp_path)
