"""Where skvae could run what a file brings: in the places that are named here, alone."""

import ast
from pathlib import Path

import pytest

import skvae

ROOT = Path(skvae.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

# Of the last part of what is called, and of the part before it where that matters.
RUNS = {
    *("pickle.load", "pickle.loads", "pickle.Unpickler", "cloudpickle.load"),
    *("joblib.load", "torch.load", "torch.hub.load", "torch.jit.load", "dill.load"),
    *("sio.load", "skops.io.load", "marshal.loads", "shelve.open", "read_pickle"),
    *("eval", "exec", "compile", "__import__", "yaml.load", "yaml.unsafe_load"),
}
# Each with its reason.
KNOWN = {
    # The folder of a memory must be trusted, as its docs say; the hash finds damage.
    ("training/cache_entries.py", "joblib.load"),
    ("training/cache_entries.py", "pickle.loads"),
    # weights_only=True, which the test below asks for.
    ("training/transfer.py", "torch.load"),
}


def calls(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), {k.arg: k.value for k in node.keywords}


def found(path):
    for name, keywords in calls(path):
        if name in RUNS:
            yield name
        pickles = keywords.get("allow_pickle")
        if pickles is not None and not (
            isinstance(pickles, ast.Constant) and pickles.value is False
        ):
            yield f"{name}(allow_pickle={ast.unparse(pickles)})"


def test_nothing_else_runs_what_a_file_brings():
    places = {
        (str(path.relative_to(ROOT).as_posix()), name)
        for path in FILES
        for name in found(path)
    }
    assert places == KNOWN


def test_weights_are_loaded_as_weights_alone():
    for path in FILES:
        for name, keywords in calls(path):
            if name == "torch.load":
                assert ast.unparse(keywords["weights_only"]) == "True"


READING = ["architecture.py", "decoding.py", "known_parts.py", "model_files.py"]


@pytest.mark.parametrize("name", READING)
def test_what_reads_a_model_finds_nothing_by_its_name(name):
    called = {found.rpartition(".")[2] for found, _ in calls(ROOT / "saving" / name)}
    assert not called & {"import_module", "find_spec", "locate", "getattr", "globals"}
