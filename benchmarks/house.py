"""The structure of the code in figures, for one checkout or several side by side.

    python benchmarks/house.py [[LABEL=]ROOT ...]

A **code line** of skvae/ bears a token that is neither a comment nor part of a docstring.
A **repeated run** is a pair of places with the same six or more lines in a row, stripped
and without blank ones, which goes on in neither direction; docstrings count, since a
copied docstring is a copy. So n copies are n (n - 1) / 2 runs, while the lines within
them count once each. A module has a **single importer** if only one other module imports
it, wherever in it, and no ``__init__`` publishes it. **Own classes above** a kind are
those of skvae in its MRO, but itself.

Only the last and the length of ``help()`` need the checkout to run, in a process of its
own; all else is read from its files.
"""

import ast
import io
import json
import os
import subprocess
import sys
import tokenize
from collections import Counter, defaultdict
from itertools import combinations
from pathlib import Path

SHORTEST_RUN = 6
LONG_FILE = 300
NO_CODE = {
    tokenize.COMMENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
    tokenize.INDENT,
    tokenize.NEWLINE,
    tokenize.NL,
}
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
LIVE = """
import inspect, json, pydoc, skvae
from sklearn.base import BaseEstimator
from sklearn.neural_network import MLPClassifier

def length_of_help(kind):
    return len(pydoc.render_doc(kind, renderer=pydoc.plaintext).splitlines())

def own(kind):
    return sum(base.__module__.startswith("skvae.") for base in kind.__mro__[1:])

public = {name: getattr(skvae, name) for name in skvae.__all__}
kinds = {
    name: kind for name, kind in sorted(public.items())
    if inspect.isclass(kind) and issubclass(kind, BaseEstimator)
}
helped = (skvae.AttriVAE, skvae.VAEFeatureExtractor, MLPClassifier)
print(json.dumps(
    {f"help() of {kind.__name__}, lines": length_of_help(kind) for kind in helped}
    | {f"own classes above {name}": own(kind) for name, kind in kinds.items()}
))
"""


def sources(root):
    """Return the text of each file of skvae/, by its path below it."""
    package = root / "skvae"
    paths = sorted(package.rglob("*.py"))
    return {path.relative_to(package).as_posix(): path.read_text() for path in paths}


def code_lines(text):
    """Return the numbers of the lines that are code."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    numbers = {
        number
        for token in tokens
        if token.type not in NO_CODE
        for number in range(token.start[0], token.end[0] + 1)
    }
    blank = {i for i, line in enumerate(text.split("\n"), 1) if not line.strip()}
    return numbers - blank - docstring_lines(text)


def docstring_lines(text):
    """Return the numbers of the lines of docstrings."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node) is not None:
            found |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return found


def repeated_runs(texts):
    """Return the places of both copies of each run: file, first line, number of lines."""
    stripped = {
        name: [line.strip() for line in text.split("\n") if line.strip()]
        for name, text in texts.items()
    }
    places = defaultdict(list)
    for name, lines in stripped.items():
        for i in range(len(lines) - SHORTEST_RUN + 1):
            places[tuple(lines[i : i + SHORTEST_RUN])].append((name, i))
    runs = []
    for alike in places.values():
        for one, other in combinations(alike, 2):
            if is_first(stripped, one, other):
                length = common_length(stripped, one, other)
                runs.append(((*one, length), (*other, length)))
    return runs


def is_first(lines, one, other):
    """Whether the lines before two places differ, or one has none."""
    (name, i), (other_name, j) = one, other
    return not (i and j) or lines[name][i - 1] != lines[other_name][j - 1]


def common_length(lines, one, other):
    """Return for how many lines two places are alike."""
    tails = (lines[name][i:] for name, i in (one, other))
    alike = [a == b for a, b in zip(*tails, strict=False)]
    return alike.index(False) if False in alike else len(alike)


def lines_within(runs):
    """Return the number of lines that are in some run."""
    places = {place for run in runs for place in run}
    return len({(name, i + k) for name, i, n in places for k in range(n)})


def module_name(path):
    """Return the name under which a file is imported."""
    parts = ["skvae", *Path(path).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(text):
    """Return all names that a file may import: modules, and what it takes from them."""
    names = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module} | {f"{node.module}.{a.name}" for a in node.names}
    return names


def single_importers(texts):
    """Return the files that a single other file imports, and no ``__init__``."""
    importers = defaultdict(list)
    for path, text in texts.items():
        for name in imported(text):
            importers[name].append(path)
    modules = {path: importers[module_name(path)] for path in texts}
    return [
        path
        for path, others in modules.items()
        if len(others) == 1 and "__init__.py" not in (Path(path).name, Path(*others).name)
    ]


def repeated_names(texts):
    """Return the file names that occur in several folders."""
    counts = Counter(Path(path).name for path in texts)
    return [name for name, n in counts.items() if n > 1 and name != "__init__.py"]


def live_figures(root):
    """Return what takes an import of the checkout."""
    environment = os.environ | {"PYTHONPATH": str(root), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-c", LIVE],
        cwd=root,  # "-c" looks there first
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout)


def figures(root):
    """Return all figures of a checkout, and what is behind those that count files."""
    texts = sources(root)
    sizes = {path: len(code_lines(text)) for path, text in texts.items()}
    runs = repeated_runs(texts)
    lists = {
        f"files over {LONG_FILE} code lines": [p for p in sizes if sizes[p] > LONG_FILE],
        "modules with a single importer": single_importers(texts),
        "file names that occur twice": repeated_names(texts),
    }
    counts = {
        "code lines": sum(sizes.values()),
        "files": len(texts),
        "code lines of the largest file": max(sizes.values()),
        "repeated runs": len(runs),
        "lines within repeated runs": lines_within(runs),
    } | {name: len(found) for name, found in lists.items()}
    largest = {"largest file": [max(sizes, key=sizes.get)]}
    return counts | live_figures(root), largest | lists


def labelled(argument):
    """Return label and folder of ``LABEL=ROOT``, or of a folder alone."""
    label, _, root = argument.rpartition("=")
    root = Path(root).resolve()
    return label or root.name, root


def main():
    here = Path(__file__).resolve().parents[1]
    roots = dict(map(labelled, sys.argv[1:] or [str(here)]))
    measured = {label: figures(root) for label, root in roots.items()}
    names = dict.fromkeys(name for counts, _ in measured.values() for name in counts)
    width, columns = max(map(len, names)), [max(8, len(label)) for label in roots]
    rows = [["", *roots]] + [
        [name, *(counts.get(name, "-") for counts, _ in measured.values())]
        for name in names
    ]
    for name, *cells in rows:
        aligned = (f"{c!s:>{n}}" for c, n in zip(cells, columns, strict=True))
        print(f"{name:{width}}", *aligned)
    for label, (_, lists) in measured.items():
        for name, found in lists.items():
            print(f"\n{label}, {name}:", *found or ["none"], sep="\n  ")


if __name__ == "__main__":
    main()
