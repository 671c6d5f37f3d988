"""Whatever comes in: right features, or an error that says of what; nothing is changed.

Right are the features of the same values as float64 in C order. What comes in are arrays of
all dtypes, layouts and containers, with and without bad entries, of good and bad shapes;
the bad arguments of ``benchmarks/hostile_inputs.py``; and parameters of any value.
"""

import importlib.util
import inspect
import re
import warnings
from decimal import Decimal
from functools import cache
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from contract import KINDS, given, one_step
from hypothesis import HealthCheck, Phase, settings
from hypothesis import given as hypothesis_given
from hypothesis import strategies as st
from scipy import sparse

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "hostile_inputs.py"

DTYPES = [
    *("f2", "f4", "f8", "g", ">f4", ">f8", "i1", "i2", "i4", "i8", ">i2", "u1", "u2", "u4"),
    *("u8", "?", "c8", "c16", "M8[s]", "m8[h]", "U5", "S5", "O"),
]
BAD_ENTRIES = [np.nan, np.inf, -np.inf, 1e39, 1e300, None, "text", "", 1j, 10**400]
SHAPES = {
    "rows": st.tuples(st.integers(0, 9), st.integers(0, 5)),
    "images": st.tuples(
        st.integers(0, 6), st.integers(1, 4), st.integers(1, 8), st.integers(1, 8)
    ),
    "any": st.lists(st.integers(0, 5), max_size=6).map(tuple),
}


def in_fortran_order(x):
    return np.asfortranarray(x)


def strided(x):
    return np.repeat(x, 2, axis=0)[::2] if x.ndim else x


def backwards(x):
    return x[::-1].copy()[::-1] if x.ndim else x


def transposed(x):
    return x.T.copy().T


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


LAYOUTS = [
    np.ascontiguousarray,
    in_fortran_order,
    strided,
    backwards,
    transposed,
    read_only,
]


def as_is(x):
    return x


def tensor(x):
    return torch.from_numpy(np.ascontiguousarray(x))


def of_decimals(x):
    return [[Decimal(str(v)) for v in row] for row in x.tolist()]


CONTAINERS = [
    as_is,
    np.ndarray.tolist,
    tuple,
    pd.DataFrame,
    tensor,
    sparse.csr_matrix,
    sparse.csc_array,
    sparse.coo_array,
    np.ma.masked_invalid,
    np.asmatrix,
    of_decimals,
]

ANY_VALUES = [
    *(None, True, False, "", "text", b"text", -1, 0, 1, 2, 3, -1.0, 0.0, 0.5, 1.0, 2.5),
    *(1e-30, 1e30, float("nan"), float("inf"), 1j, (), (0,), (2,), (2, 3), (-1,), (0.5,)),
    *(("text",), [], [2], [[2]], {}, {"a": 1}, {1, 2}, object, len, np.float32(0.5)),
    *(np.int64(2), np.bool_(True), np.array(2), np.array([1.0, 2.0]), Decimal(1), 10**30),
]
# Of these, a number that is large asks for much work, and text for a folder.
LEFT_ALONE = {"memory", "checkpoint"}


@cache
def hostile():
    spec = importlib.util.spec_from_file_location("hostile_inputs", BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    good = np.random.default_rng(0).random((module.N, 12), dtype=np.float32)
    return module.of("X", good)


@st.composite
def arrays(draw, sample_shape=None):
    """An array of some values, dtype, layout and container; and the values as float64."""
    shape = draw(SHAPES[draw(st.sampled_from(list(SHAPES)))])
    if sample_shape is not None and draw(st.integers(0, 3)):
        shape = (draw(st.integers(1, 6)), *sample_shape)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = draw(st.sampled_from([1, 1, 1, 1, 100, 1e-3, 1e-30, 1e20]))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        values = np.asarray(rng.random(shape) * scale).astype(draw(st.sampled_from(DTYPES)))
        if draw(st.integers(0, 5)) == 0 and values.size:
            bad = draw(st.sampled_from(BAD_ENTRIES))
            try:
                values.flat[rng.integers(values.size)] = bad
            except (TypeError, ValueError, OverflowError):
                values = values.astype(object)
                values.flat[rng.integers(values.size)] = bad
        values = draw(st.sampled_from(LAYOUTS))(values)
        try:
            X = draw(st.sampled_from(CONTAINERS))(values)
            if np.shape(X) != values.shape:
                X = values
        except Exception:  # such as a table of three axes
            X = values
    return X, plain(values)


def plain(values):
    """Return values as float64 in C order, or None where they are no numbers."""
    if values.dtype.kind not in "fiub":
        return None
    return np.array(values, dtype=np.float64, order="C")


@st.composite
def cases(draw):
    """A kind, what is done with it, and what is bad or strange."""
    kind = draw(st.sampled_from(KINDS))
    what = draw(st.sampled_from(["fit", "read", "read", "hostile", "parameter"]))
    if what == "parameter":
        known = sorted(kind().get_params(deep=False).keys() - LEFT_ALONE)
        return kind, what, (draw(st.sampled_from(known)), draw(st.sampled_from(ANY_VALUES)))
    if what == "hostile":
        X = hostile()[draw(st.sampled_from(sorted(hostile())))]
        return kind, draw(st.sampled_from(["fit", "read"])), (X, None)
    shape = ready(kind).sample_shape_ if what == "read" else None
    return kind, what, draw(arrays(shape))


def targets(kind, X):
    """Return a y that fits X, as far as X has rows at all."""
    if not hasattr(kind, "predict"):
        return {}
    shape = np.shape(X) if isinstance(X, np.ndarray) else getattr(X, "shape", (20, 12))
    n = shape[0] if len(shape) else 20
    if "ignore_label" in kind().get_params() or hasattr(kind, "predict_masks"):
        spatial = shape[2:] if len(shape) > 2 else ()
        size = (n, *spatial)
        return {"y": np.arange(int(np.prod(size))).reshape(size) % 2}
    return {"y": np.arange(n) % 2}


@cache
def ready(kind):
    """Return an estimator that is fitted to rows or images."""
    X = given(kind, "images" if "rnn" in kind().get_params() else "rows")
    if "ignore_label" in kind().get_params() or hasattr(kind, "predict_masks"):
        X = given(kind, "images")
    return one_step(kind, len(X)).fit(X, **targets(kind, X))


def output(estimator, X):
    """Return features, or what stands for them, checked for being some at all."""
    if not hasattr(estimator, "transform"):
        return np.asarray(estimator.predict(X), dtype=float)
    found = estimator.transform(X)
    n_features = len(estimator.get_feature_names_out())
    assert isinstance(found, np.ndarray)
    assert found.shape[1:] == (n_features,), (found.shape, n_features)
    assert np.isfinite(found).all(), "features that are not finite"
    return found


def result(kind, what, X, **parameters):
    """Return features, or the error that says why there are none."""
    if what == "read":
        return attempt(ready(kind), lambda estimator: output(estimator, X), X)
    n = np.shape(X)[0] if isinstance(X, np.ndarray) and X.ndim else 20
    try:
        estimator = one_step(kind, max(1, n), **parameters)
    except Exception as error:
        return error  # what `set_params` of a held estimator that is none says
    found = attempt(estimator, lambda each: each.fit(X, **targets(kind, X)), X)
    if isinstance(found, Exception):
        return found
    return attempt(estimator, lambda each: output(each, X), X)


def attempt(estimator, call, X):
    """Return what a call does; check that X, and after an error the estimator, are kept."""
    before, hashed = dict(vars(estimator)), fingerprint(X)
    try:
        return call(estimator)
    except (TypeError, ValueError) as error:
        now = vars(estimator)
        assert now.keys() == before.keys(), "the estimator has changed"
        assert all(now[name] is value for name, value in before.items())
        return error
    finally:
        assert fingerprint(X) == hashed, "X has changed"


def fingerprint(X):
    if sparse.issparse(X):  # it notes by and by whether its entries are sorted
        X = X.tocoo()
        return joblib.hash((X.data, X.coords, X.shape))
    try:
        return joblib.hash(X)
    except Exception:  # generators, functions of a module that is none
        return None


def check(case):
    """Check one case; raise where there is nonsense without a word."""
    kind, what, (first, second) = case
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        if what == "parameter":
            check_parameter(kind, first, second)
            return
        found = result(kind, what, first)
        if isinstance(found, Exception):
            known = ready(kind).get_params()
            words = ["X", "y", *(name.rpartition("__")[2] for name in known)]
            pattern = rf"\b({'|'.join(words)})\b"
            assert re.search(pattern, str(found)), f"{found!r} names nothing"
            return
        if second is None:
            return
        expected = result(kind, what, second)
        assert isinstance(expected, np.ndarray), f"{expected!r} of the same as float64"
        np.testing.assert_array_equal(found, expected)


def check_parameter(kind, name, value):
    X = given(kind, "images")[:20]
    found = result(kind, "fit", X, **{name: value})
    if isinstance(found, Exception):
        assert re.search(rf"\b{name}\b", str(found)), f"{name}={value!r}: {found!r}"


def run(n_examples):
    checked = settings(
        max_examples=n_examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )(hypothesis_given(case=cases())(check))
    checked()


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_two_hundred_inputs():
    run(200)


@pytest.mark.nightly
def test_ten_thousand_inputs():
    run(10_000)


def test_most_of_what_is_drawn_is_taken_or_refused_by_fit():
    """The strategy draws both what is right and what is wrong."""
    taken = []

    @settings(max_examples=60, derandomize=True, database=None, deadline=None)
    @hypothesis_given(arrays())
    def draw(case):
        X, _ = case
        kind = next(kind for kind in KINDS if kind.__name__ == "Autoencoder")
        taken.append(not isinstance(result(kind, "fit", X), Exception))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        draw()
    assert 6 < sum(taken) < 54
    assert inspect.isgenerator(hostile()["generator"])
