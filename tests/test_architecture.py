"""The rules of the house that linters do not know."""

import ast
import dataclasses
import inspect
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from contract import KINDS

import skvae

FILES = sorted(Path(skvae.__file__).parent.rglob("*.py"))
DRAWERS = {"utils", "helpers", "common", "misc"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_files_are_short_and_no_drawers(path):
    assert len(path.read_text().splitlines()) <= 400
    assert path.stem.strip("_") not in DRAWERS


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_file_prints_seeds_globally_or_hooks(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in {"torch.manual_seed", "np.random.seed"}
            assert called != "print" or path.name == "cli.py"
            # On private copies of networks of others alone: see networks/taps.py.
            assert "register_forward_" not in called or path.name == "taps.py"
            assert "torchvision" not in called


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_kind_is_a_keyword_dataclass_without_an_init_of_its_own(kind):
    assert dataclasses.is_dataclass(kind)
    source = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    assert not any(
        isinstance(n, ast.FunctionDef) and n.name == "__init__" for n in ast.walk(source)
    )


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import skvae", ["torch", "sklearn", "pandas", "matplotlib", "skorch"]),
        ("import skvae.cli", ["torch", "pandas", "matplotlib"]),
        ("import skvae.datasets", ["torch", "skorch"]),
        ("from skvae import MaskStratifiedKFold, cross_val_predict_masks", ["torch"]),
        ("import skvae.inspection", ["torch", "sklearn", "pandas", "matplotlib"]),
        ("import skvae.networks.dense, skvae.objectives.elbo", ["sklearn", "skorch"]),
        ("from skvae import VAEFeatureExtractor", ["torchvision", "matplotlib", "monai"]),
    ],
)
def test_imports_stay_light(statement, absent):
    code = f"{statement}; import sys; print([m for m in {absent} if m in sys.modules])"
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == "[]"
