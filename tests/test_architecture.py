"""The rules of the house that linters do not know."""

import ast
import dataclasses
import inspect
import io
import subprocess
import sys
import textwrap
import tokenize
from collections import Counter
from pathlib import Path

import pytest
from contract import KINDS

import skvae

FILES = sorted(Path(skvae.__file__).parent.rglob("*.py"))
NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}
DRAWERS = {"utils", "helpers", "common", "misc"}


def code_lines(path):
    """Return the number of lines with code: docstrings, comments and blanks are none."""
    source = path.read_text()
    docstrings = set()
    for node in ast.walk(ast.parse(source)):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            text = body[0].value
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                docstrings |= set(range(text.lineno, text.end_lineno + 1))
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in NO_CODE:
            lines |= set(range(token.start[0], token.end[0] + 1))
    return len(lines - docstrings)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_files_are_short_and_no_drawers(path):
    assert code_lines(path) <= 300
    assert path.stem.strip("_") not in DRAWERS


def test_no_two_files_have_one_name():
    names = Counter(path.name for path in FILES if path.name != "__init__.py")
    assert max(names.values()) == 1


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_few_classes_stand_above_a_kind(kind):
    own = [c for c in kind.__mro__[1:] if c.__module__.startswith("skvae.")]
    assert len(own) <= 5


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_file_prints_seeds_globally_or_hooks(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in {"torch.manual_seed", "np.random.seed"}
            assert called != "print" or path.name in {"cli.py", "manifest_command.py"}
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


# What is imported stays: a process that goes from light to heavy serves several.
LIGHT = [
    ("import skvae", ["torch", "sklearn", "pandas", "matplotlib", "skorch"]),
    ("import skvae.inspection", ["torch", "sklearn", "pandas", "matplotlib"]),
    ("import skvae.cli", ["torch", "pandas", "matplotlib"]),
    ("import skvae.datasets", ["torch", "skorch"]),
    ("from skvae import MaskStratifiedKFold, cross_val_predict_masks", ["torch"]),
    ("from skvae import VAEFeatureExtractor", ["torchvision", "matplotlib", "monai"]),
]
WITHOUT_SCIKIT_LEARN = [
    ("import skvae.networks.dense, skvae.objectives.elbo", ["sklearn", "skorch"])
]


@pytest.mark.parametrize("imports", [LIGHT, WITHOUT_SCIKIT_LEARN], ids=["all", "floor 0"])
def test_imports_stay_light(imports):
    code = "import sys\n" + "".join(
        f"{statement}\nprint({statement!r}, [m for m in {absent} if m in sys.modules])\n"
        for statement, absent in imports
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert out.stdout.splitlines() == [f"{statement} []" for statement, _ in imports]
