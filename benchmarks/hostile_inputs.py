"""What is said of bad inputs: whether each message names the argument that is bad.

    python benchmarks/hostile_inputs.py [--list]

Every public kind gets bad values for each argument that its methods take, one at a time.
Printed are the numbers of inputs, of those that were taken, and of those whose error does
not name the argument; with --list, each of the latter.
"""

import argparse
import inspect
import re
import sys
import warnings
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy import sparse

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import contract

N = 20
ARGUMENTS = ("X", "y", "groups", "sample_weight", "attributes")
METHODS = ("transform", "predict", "predict_proba", "reconstruct", "score_samples", "score")


class Wild:
    """An object that is nothing."""


def of_any_argument():
    """Return values that no argument of rows can have."""
    records = np.zeros(N, dtype=[("a", int), ("b", float)])
    return {
        "number": 3,
        "text": "text",
        "bytes": b"bytes",
        "object": Wild(),
        "0-d": np.array(1.0),
        "empty list": [],
        "empty": np.zeros((0,)),
        "set": {1, 2, 3},
        "dict": {"a": [1.0, 2.0]},
        "generator": (i for i in range(N)),
        "ragged": [[1.0, 2.0], [3.0]] * (N // 2),
        "dates": np.arange(N).astype("M8[D]"),
        "durations": np.arange(N).astype("m8[s]"),
        "complex": np.arange(N) * 1j,
        "records": records,
        "dicts": np.array([{}] * N, dtype=object),
        "nested lists": np.array([[1]] * N + [None], dtype=object)[:N],
        "type": float,
        "function": len,
        "complex tensor": torch.zeros(N, dtype=torch.complex64),
        "meta tensor": torch.zeros(N, device="meta"),
        "short": np.arange(N - 1) % 2,
        "four axes of nothing": np.zeros((N, 0, 2, 2)),
    }


def of(argument, good):
    """Return bad values of an argument, by their names."""
    good = np.asarray(good)
    found = of_any_argument()
    if argument == "X":
        late = good.astype(float).copy()
        late.flat[-1] = np.nan
        dated = pd.DataFrame({"a": pd.date_range("2020", periods=N), "b": 1.0})
        found |= {
            "None": None,
            "NaN": late,
            "infinite": np.where(np.isnan(late), np.inf, late),
            "too large": np.where(np.isnan(late), 1e300, late),
            "text entries": good.astype(str).astype(object).reshape(N, -1) + "a",
            "masked": np.ma.masked_greater(good, 0.9),
            "one axis": good.reshape(N, -1)[:, 0],
            "seven axes": good.reshape(N, -1, 1, 1, 1, 1, 1),
            "complex rows": good + 1j,
            "dates in a table": dated,
            "text in a table": pd.DataFrame({"a": ["x"] * N, "b": 1.0}),
            "no columns": np.zeros((N, 0)),
            "one row": good[:1],
            "no rows": good[:0],
            "sparse NaN": sparse.csr_matrix(np.full((N, 3), np.nan)),
            "sparse complex": sparse.csr_matrix(np.full((N, 3), 1j)),
            "coo of text": np.full((N, 3), "x"),
            "booleans and None": np.array([[True, None]] * N, dtype=object),
            "bytes entries": np.full((N, 3), b"x"),
            "huge integers": np.array([[10**400, 1]] * N, dtype=object),
        }
    else:
        found |= {
            "negative": -np.arange(1.0, N + 1),
            "NaN": np.full(N, np.nan),
            "infinite": np.where(np.arange(N) == 3, np.inf, 1.0),
            "too large": np.full(N, 1e300),
            "text entries": np.array(["a", "b"] * (N // 2)),
            "all None": np.array([None] * N, dtype=object),
            "mixed": np.array([1, "a", None, 2.5] * (N // 4), dtype=object),
            "masked": np.ma.masked_equal(np.arange(N) % 2, 1),
            "three axes": np.zeros((N, 2, 3)),
            "two columns": np.arange(2 * N).reshape(N, 2),
            "sparse": sparse.csr_matrix(np.arange(N)[:, None]),
            "zero": np.zeros(N),
            "fractions": np.linspace(0, 1, N),
            "long": np.arange(2 * N) % 2,
            "other index": pd.Series(np.arange(N) % 2, index=np.arange(N) + 5),
            "huge integers": np.array([10**400] * N, dtype=object),
        }
    return found


def good_inputs(kind):
    """Return X and what the kind learns from, all as they should be."""
    X = contract.given(kind, "images" if "rnn" in kind().get_params() else "rows")[:N]
    rows = X.reshape(N, -1)
    segments = "ignore_label" in kind().get_params() or hasattr(kind, "predict_masks")
    if segments:
        X = contract.given(kind, "images")[:N]
        rows = (X[:, 0] > 0.5).astype(int)
    y = rows if segments else np.arange(N) % 2
    given = {"X": X, "y": y, "groups": np.arange(N) // 2, "sample_weight": np.ones(N)}
    given["attributes"] = X.reshape(N, -1)[:, :2].astype(float)
    return given


def named(argument, error):
    """Whether an error names the argument."""
    # An attribute is one of the attributes.
    word = f"{argument[:-1]}s?" if argument.endswith("s") else argument
    return re.search(rf"\b{word}\b", str(error)) is not None


def bad(argument, given, right, call, name):
    """Yield the calls in which one argument is bad."""
    for what, value in of(argument, given[argument]).items():
        changed = right | {argument: value}
        yield f"{name} {argument} {what}", argument, partial(call, **changed)


def calls(kind):
    """Yield name, argument and how to call, for each bad input."""
    given = good_inputs(kind)
    known = inspect.signature(kind.fit).parameters
    needs_y = "y" in known and hasattr(kind, "predict")
    usual = {name: given[name] for name in ("X", "y") if name == "X" or needs_y}
    ignored = set() if needs_y else {"y"}
    for argument in [name for name in ARGUMENTS if name in set(known) - ignored]:
        yield from bad(argument, given, usual, partial(fitted, kind), "fit")
    estimator = fitted(kind, **usual)
    for method in [name for name in METHODS if hasattr(estimator, name)]:
        call = getattr(estimator, method)
        known = inspect.signature(call).parameters
        taken = [name for name in ARGUMENTS if name in set(known) - ignored]
        right = {name: usual[name] for name in usual if name in taken}
        for argument in taken:
            yield from bad(argument, given, right, call, method)


def fitted(kind, **columns):
    return contract.one_step(kind, N).fit(**columns)


def outcome(argument, call):
    """Return what becomes of a call, and what it says."""
    try:
        call()
    except Exception as error:
        line = f"{type(error).__name__}: {' '.join(str(error).split())[:110]}"
        return ("named" if named(argument, error) else "unnamed"), line
    return "taken", ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    counts = Counter()
    for kind in contract.KINDS:
        for name, argument, call in calls(kind):
            found, line = outcome(argument, call)
            counts[found] += 1
            if arguments.list and found == "unnamed":
                print(f"{kind.__name__} {name}: {line}")
    print(f"{counts.total()} inputs:", ", ".join(f"{n} {k}" for k, n in counts.items()))


if __name__ == "__main__":
    main()
