"""Hostile and damaged files: none is loaded, nothing is run, little memory is taken."""

import io
import json
import os
import pickle
import time
import tracemalloc

import joblib
import numpy as np
import pytest
import torch
from forged_models import described, forge, opened, small_model, with_header

import skvae
from skvae.saving.known_parts import ESTIMATORS
from skvae.tensor_file import canonical_json

MARK = "ran"
MOST_SECONDS = 1.0
MOST_MEMORY = 50 << 20


class Evil:
    """What a pickle can do: anything, when it is loaded."""

    def __reduce__(self):
        return os.mkdir, (MARK,)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.skvae"
    skvae.save(small_model()[0], path)
    return path


def npy_of_objects():
    stream = io.BytesIO()
    np.save(stream, np.array([Evil()], dtype=object), allow_pickle=True)
    return stream.getvalue()


def by(dump):
    stream = io.BytesIO()
    dump(Evil(), stream)
    return stream.getvalue()


EMPTY = canonical_json({"arrays": {}, "format": "skvae model", "schema": 1})
ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
NOTHING = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
DEEP = "[" * 200_000 + "]" * 200_000

BYTES = {
    "a pickle": lambda: pickle.dumps(Evil()),
    "a joblib file": lambda: by(joblib.dump),
    "a file of torch": lambda: by(torch.save),
    "an npy file of objects": npy_of_objects,
    "nothing": lambda: b"",
    "seven bytes": lambda: b"\x00" * 7,
    "a header of no length": lambda: with_header("{}", length=0),
    "a header longer than all": lambda: with_header("{}", length=2**63),
    "a header longer than the file": lambda: with_header("{}", length=1000),
    "a header above the cap": lambda: with_header(b" " * (5 << 20)),
    "no JSON": lambda: with_header("{]"),
    "deep JSON": lambda: with_header(DEEP),
    "deep JSON within the cap": lambda: with_header("[" * 100_000 + "]" * 100_000),
    "a deep description": lambda: described("[" * 100_000 + "]" * 100_000, {}),
    "no metadata": lambda: with_header(json.dumps({"a": ENTRY}), b"\0" * 8),
    "metadata of others": lambda: with_header('{"__metadata__":{"format":"pt"}}'),
    "no hash": lambda: with_header('{"__metadata__":{"skvae":"{}"}}'),
    "another hash": lambda: with_header(
        json.dumps({"__metadata__": {"skvae": f"{'0' * 64} {EMPTY}"}})
    ),
    "300,000 arrays": lambda: described(EMPTY, {f"a{i}": NOTHING for i in range(300_000)}),
    "an array that is not described": lambda: described(EMPTY, {"a": ENTRY}, b"\0" * 8),
    "trailing bytes": lambda: described(EMPTY, {}, b"\0" * 8),
    "a description of two readings": lambda: described(
        '{"arrays":{},"format":"skvae model","schema":2,"schema":1}', {}
    ),
    "a description with NaN": lambda: described('{"arrays":{},"schema":NaN}', {}),
    "a list": lambda: described("[]", {}),
}


def arrays_of(listed, offsets, payload):
    """Return the bytes of a file whose arrays lie as they should not."""
    text = canonical_json({"arrays": listed, "format": "skvae model", "schema": 1})
    entries = {
        name: {"dtype": dtype, "shape": shape, "data_offsets": offsets[name]}
        for name, (dtype, shape, _) in listed.items()
    }
    return described(text, entries, payload)


TWO = {"a": ["F32", [2], "0" * 64], "b": ["F32", [2], "0" * 64]}
BYTES |= {
    "an overlap": lambda: arrays_of(TWO, {"a": [0, 8], "b": [4, 12]}, b"\0" * 12),
    "a hole": lambda: arrays_of(TWO, {"a": [0, 8], "b": [12, 20]}, b"\0" * 20),
    "arrays in another order": lambda: arrays_of(
        TWO, {"a": [8, 16], "b": [0, 8]}, b"\0" * 16
    ),
    "fewer bytes": lambda: arrays_of(TWO, {"a": [0, 8], "b": [8, 16]}, b"\0" * 9),
    "a product that is too large": lambda: arrays_of(
        {"a": ["F32", [2**40] * 32, "0" * 64]}, {"a": [0, 8]}, b"\0" * 8
    ),
    "an axis that is too large": lambda: arrays_of(
        {"a": ["F32", [0, 2**63], "0" * 64]}, {"a": [0, 0]}, b""
    ),
    "a negative axis": lambda: arrays_of(
        {"a": ["F32", [-2, -1], "0" * 64]}, {"a": [0, 8]}, b"\0" * 8
    ),
    "an axis that is no number": lambda: arrays_of(
        {"a": ["F32", ["2"], "0" * 64]}, {"a": [0, 8]}, b"\0" * 8
    ),
    "numbers of an unknown kind": lambda: arrays_of(
        {"a": ["object", [1], "0" * 64]}, {"a": [0, 8]}, b"\0" * 8
    ),
}


@pytest.fixture
def empty_folder(tmp_path, monkeypatch):
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def refuse(path, folder, match=r"^Got path="):
    """Load what must not be loaded; count seconds, memory and files."""
    # Twice: where a machine is busy, or memory is traced, one of them may take long.
    seconds, message = zip(*(refusal(path, match) for _ in range(2)), strict=True)
    assert min(seconds) < MOST_SECONDS
    assert list(folder.iterdir()) == []
    assert len(message[0]) < 600
    return message[0]


def refusal(path, match):
    """Return CPU seconds and message of a file that is refused."""
    tracemalloc.start()
    begin = time.process_time()
    with pytest.raises(ValueError, match=match) as caught:
        skvae.load(path)
    seconds = time.process_time() - begin
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MOST_MEMORY
    return seconds, str(caught.value)


@pytest.mark.parametrize("case", BYTES)
def test_no_other_bytes_are_taken_for_a_model(case, tmp_path, empty_folder):
    path = tmp_path / "model.skvae"
    path.write_bytes(BYTES[case]())
    refuse(path, empty_folder)


def node(description, *keys):
    found = description["model"]
    for key in keys:
        found = found[key]
    return found


def network(description):
    return node(description, "fitted", "network_", "fitted_network")


def set_to(*keys, value):
    def change(description, arrays):
        *before, last = keys
        node(description, *before)[last] = value

    return change


def weight(change):
    def changed(description, arrays):
        name = next(name for name in arrays if name.endswith(".weight"))
        arrays[name] = change(arrays[name])

    return changed


def poison(value):
    def change(array):
        array = array.copy()
        array.flat[0] = value
        return array

    return weight(change)


def options(name, value):
    def change(description, arrays):
        network(description)["builder"]["options"][name] = value

    return change


def schema(value):
    def change(description, arrays):
        description["schema"] = value

    return change


def rename(description, arrays):
    name = next(iter(arrays))
    pairs = network(description)["state"]["dict"]
    for pair in pairs:
        if pair[1]["array"] == name:
            pair[1]["array"] = "../../etc/passwd"
    arrays["../../etc/passwd"] = arrays.pop(name)


def one_more(description, arrays):
    arrays["z"] = np.zeros(3)


def shape_of_samples(*shape):
    def change(description, arrays):
        network(description)["sample_shape"] = {"tuple": list(shape)}

    return change


def deep(description, arrays):
    value = 0
    for _ in range(400):
        value = [value]
    node(description, "fitted")["history_"] = value


def network_of(name, **given):
    def change(description, arrays):
        network(description)["builder"] = {"network": name, "options": given}

    return change


TEXTS = {"texts": ["a"] * 1000, "dtype": "<U1000000", "shape": [1000]}
FORGED = {
    "a class that is none": (set_to("estimator", value="os.system"), "no 'os.system'"),
    "a class of Python": (set_to("estimator", value="__import__"), "no '__import__'"),
    "a class by its place": (set_to("estimator", value="..Autoencoder"), "no '..Auto"),
    "a function of Python": (
        set_to("parameters", "augment", value={"named": "eval"}),
        "no 'eval'",
    ),
    "an unknown parameter": (set_to("parameters", "x", value=1), "has no 'x'"),
    "a value that a parameter has not": (
        set_to("parameters", "batch_size", value=-1),
        "batch_size",
    ),
    "an attribute of Python": (
        set_to("fitted", "__class__", value=1),
        "no fitted attribute '__class__'",
    ),
    "a method as an attribute": (
        set_to("fitted", "transform", value=1),
        "no fitted attribute 'transform'",
    ),
    "a parameter as an attribute": (set_to("fitted", "layer", value="code"), "'layer' is"),
    "an attribute that is a path": (set_to("fitted", "../x", value=1), "attribute '../x'"),
    "a field of a network": (
        set_to("fitted", "network_", "fitted_network", "read", value=1),
        "has no 'read'",
    ),
    "an unknown kind of value": (
        set_to("fitted", "history_", value={"pickle": "gASVA"}),
        "nothing that skvae writes",
    ),
    "weights of NaN": (poison(np.nan), "NaN or infinite"),
    "weights of infinity": (poison(np.inf), "NaN or infinite"),
    "weights of another kind": (weight(lambda a: a.astype(np.float64)), "is F64 of shape"),
    "weights of another shape": (weight(lambda a: a[:, :1].copy()), "of shape"),
    "weights transposed": (weight(lambda a: np.ascontiguousarray(a.T)), "of shape"),
    "a code of 10^9": (options("n_components", 10**9), "where the network has"),
    "10^9 features": (options("n_features", 10**9), "where the network has"),
    "another number of layers": (
        options("hidden_layer_sizes", {"tuple": [3] * 10_000}),
        "larger than its arrays",
    ),
    "a network that is none": (network_of("system"), "no 'system'"),
    "a network of 10^9 levels": (
        network_of("UNet", n_channels=1, n_outputs=1, depth=10**9, width=1),
        "",
    ),
    "samples of 10^12 values": (shape_of_samples(2**20, 2**20), "samples of shape"),
    "samples of no shape": (shape_of_samples("a"), "samples of shape"),
    "an array by another name": (rename, "is called '../../etc/passwd'"),
    "an array that nothing needs": (one_more, "not of one estimator"),
    "too deep": (deep, "too deep"),
    "texts of 4 GB": (set_to("fitted", "history_", value=TEXTS), "of dtype"),
    "no estimator": (set_to("estimator", value="Builder"), "no 'Builder'"),
    "a newer schema": (schema(99), "schema 99, .* up to 1: update skvae"),
    "no schema": (schema(0), "no model file of skvae"),
    "a schema that is no number": (schema(True), "no model file of skvae"),
}


@pytest.mark.parametrize("case", FORGED)
def test_no_forged_file_is_loaded(case, model, tmp_path, empty_folder):
    change, match = FORGED[case]
    path = tmp_path / "forged.skvae"
    forge(path, model, change)
    refuse(path, empty_folder, f"^Got path=.*{match}")


def test_without_a_change_the_forger_writes_the_file_that_was_there(model, tmp_path):
    forge(tmp_path / "same.skvae", model, lambda description, arrays: None)
    assert (tmp_path / "same.skvae").read_bytes() == model.read_bytes()


def test_a_plain_value_is_no_model(model, tmp_path, empty_folder):
    def change(description, arrays):
        description["model"] = {"dict": []}
        arrays.clear()

    forge(tmp_path / "forged.skvae", model, change)
    refuse(tmp_path / "forged.skvae", empty_folder, "not of one estimator")


def test_only_regular_files_are_read(tmp_path, empty_folder):
    os.mkfifo(tmp_path / "pipe.skvae")
    (tmp_path / "passwd.skvae").symlink_to("/etc/passwd")
    refuse(tmp_path / "pipe.skvae", empty_folder, "not a regular file")
    refuse("/dev/zero", empty_folder, "not a regular file")
    refuse(tmp_path, empty_folder, "not a regular file")
    refuse(tmp_path / "passwd.skvae", empty_folder)
    with pytest.raises(FileNotFoundError):
        skvae.load(tmp_path / "nowhere.skvae")


def test_saving_over_a_link_leaves_what_it_points_to(tmp_path):
    target, link = tmp_path / "target", tmp_path / "model.skvae"
    target.write_text("mine")
    link.symlink_to(target)
    skvae.save(small_model()[0], link)
    assert target.read_text() == "mine"
    assert not link.is_symlink()


def test_only_the_hash_of_a_file_tells_a_forged_one(model, tmp_path):
    digest = skvae.save(skvae.load(model), tmp_path / "again.skvae")
    assert skvae.load(model, sha256=digest.upper())
    forged = tmp_path / "forged.skvae"
    forge(forged, model, weight(lambda array: array + 1))
    assert skvae.load(forged)
    with pytest.raises(ValueError, match=f"Got sha256='{digest}', but .* was changed"):
        skvae.load(forged, sha256=digest)


def test_an_older_schema_is_brought_up_to_date(model, tmp_path, monkeypatch):
    from skvae.saving import model_files

    def to_second(description):
        description["model"] = description.pop("estimator")
        return description

    def older(description, arrays):
        description["estimator"] = description.pop("model")

    forge(tmp_path / "older.skvae", model, older)
    monkeypatch.setattr(model_files, "SCHEMA", 2)
    monkeypatch.setitem(model_files.MIGRATIONS, 1, to_second)
    estimator, X = small_model()
    found = skvae.load(tmp_path / "older.skvae").transform(X)
    np.testing.assert_array_equal(found, estimator.transform(X))


def test_other_versions_warn(model, tmp_path):
    def change(description, arrays):
        description["versions"] |= {"torch": "1.0", "numpy": "1.0"}

    forge(tmp_path / "other.skvae", model, change)
    with pytest.warns(
        skvae.exceptions.ModelFileWarning, match=r"torch 1\.0 \(here "
    ) as found:
        skvae.load(tmp_path / "other.skvae")
    assert found[0].filename == __file__


def test_no_class_has_a_fitted_attribute_that_would_be_refused(model):
    # Else a file could be written that cannot be read.
    description, _ = opened(model)
    found = description["model"]
    assert not [k for k in found["fitted"] if hasattr(ESTIMATORS["Autoencoder"].cls, k)]
