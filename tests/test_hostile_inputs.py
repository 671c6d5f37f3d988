"""Whatever is wrong with an input, the error names it and the estimator stays as it was.

`benchmarks/hostile_inputs.py` has more of them, and all methods.
"""

import inspect

import numpy as np
import pytest
import torch
from contract import KINDS, given, one_step

from skvae.arguments import naming

N = 20
COLUMNS = ("groups", "sample_weight", "attributes")
WORDS = {name: name for name in ("X", "y", *COLUMNS)} | {"attributes": "attributes?"}


class Wild:
    """An object that is nothing."""


HOSTILE = {
    "number": 3,
    "text": "text",
    "object": Wild(),
    "empty": np.zeros(0),
    "set": {1, 2},
    "generator": (i for i in range(N)),
    "ragged": [[1.0, 2.0], [3.0]] * (N // 2),
    "complex": np.arange(N) * 1j,
    "records": np.zeros(N, dtype=[("a", int), ("b", float)]),
    "dicts": np.array([{}] * N, dtype=object),
    "meta tensor": torch.zeros(N, device="meta"),
    "short": np.arange(N - 1) % 2,
    "four axes": np.zeros((N, 0, 2, 2)),
    "huge integers": np.array([[10**400, 1]] * N, dtype=object),
}
ONLY_X = {
    "none": None,
    "NaN": np.full((N, 3), np.nan),
    "infinite": np.full((N, 3), np.inf),
    "too large": np.full((N, 3), 1e300),
    "dates": np.zeros((N, 3), "M8[s]"),
    "one axis": np.zeros(N),
    "no columns": np.zeros((N, 0)),
}


# A number is a weight of all rows, and a group may be anything with a name.
FINE = {
    ("sample_weight", "number"),
    ("groups", "text"),
    ("groups", "huge integers"),
}


def inputs(kind):
    """Return inputs that a kind takes, and the names of all that it takes."""
    X = given(kind, "images")[:N]
    segments = "ignore_label" in kind().get_params()
    usual = {"X": X}
    if hasattr(kind, "predict"):
        usual["y"] = (X[:, 0] > 0.5).astype(int) if segments else np.arange(N) % 2
    known = inspect.signature(kind.fit).parameters
    names = ["X", "y"] if "y" in usual else ["X"]
    return usual, names + [name for name in COLUMNS if name in known]


def state(estimator):
    return {name: id(value) for name, value in vars(estimator).items()}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_bad_input_of_fit_is_named_and_changes_nothing(kind):
    usual, names = inputs(kind)
    for name in names:
        for what, value in (HOSTILE | (ONLY_X if name == "X" else {})).items():
            if (name, what) in FINE:
                continue
            estimator = one_step(kind, N)
            before = state(estimator)
            with pytest.raises((TypeError, ValueError), match=rf"\b{WORDS[name]}\b"):
                estimator.fit(**usual | {name: value})
            assert state(estimator) == before, (name, what)


def test_an_error_that_names_its_argument_stays_as_it_is():
    with pytest.raises(TypeError, match=r"^X is strange$"), naming("X"):
        raise TypeError("X is strange")
    with pytest.raises(ValueError, match=r"^Got X that cannot be taken\. 3$"), naming("X"):
        raise KeyError(3)
    with pytest.raises(ValueError, match="one attribute"), naming("attributes"):
        raise ValueError("one attribute")
    with pytest.raises(MemoryError), naming("X"):
        raise MemoryError
