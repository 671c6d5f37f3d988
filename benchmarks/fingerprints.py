"""What skvae computes, as a hash for each result: `same_bits.py` compares two of these.

    python benchmarks/fingerprints.py

Every public kind is fitted on a few small samples, and read by all of its public
methods; data, folds, scores and a small study follow. Only public names are used, so that
the same file runs whatever the code is made of. An error is a result as well: its type,
with a hash of its message.
"""

import hashlib
import traceback
import warnings
from collections.abc import Mapping
from functools import partial
from numbers import Number
from pathlib import Path

import numpy as np
import torch
from cases.autoencoders import attributes, autoencoders, own_ways
from cases.composites import extractors, predictors, sequences
from cases.inspection import inspected
from cases.masks import cascades, masks, segmenters
from cases.refusals import refusals
from cases.samples import fitted_names
from cases.studies import data, studies
from sklearn.base import BaseEstimator

import skvae


def bits(value):
    """Return bytes that are equal for equal results alone, or None for what has none."""
    value = taken_apart(value)
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}".encode() + value.tobytes()
    if isinstance(value, list | tuple):
        parts = [bits(part) or b"" for part in value]
        return repr([hashlib.sha256(part).hexdigest() for part in parts]).encode()
    if value is None or isinstance(value, str | Number | np.generic):
        return repr(value).encode()
    return None


def taken_apart(value):
    """Return tensors as arrays; tables, estimators and mappings as lists of their parts."""
    if isinstance(value, torch.Tensor):
        return value.detach().numpy()
    if hasattr(value, "to_numpy"):
        value = [list(getattr(value, "columns", ())), value.to_numpy()]
    if isinstance(value, np.ndarray) and value.dtype == object:
        return [value.shape, *value.ravel()]
    if isinstance(value, BaseEstimator):
        found = [(name, getattr(value, name)) for name in fitted_names(value)]
        return [type(value).__name__, found]
    return list(value.items()) if isinstance(value, Mapping) else value


def short(data):
    """Return the first digits of a hash."""
    return hashlib.sha256(data).hexdigest()[:16]


def hashed(compute):
    """Return the hash of a result, or what went wrong; None of what has no bits."""
    try:
        found = bits(compute())
    except Exception as error:
        return f"{type(error).__name__}:{short(str(error).encode())}"
    return None if found is None else short(found)


def show(name, results):
    """Print the hash of each result of a case, and of what it warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = {}
        try:
            for result, compute in results:
                found[result] = hashed(compute)
        except Exception as error:
            found["error"] = f"{type(error).__name__}:{short(str(error).encode())}"
    found["warnings"] = short(
        repr(sorted({f"{w.category.__name__}: {w.message}" for w in caught})).encode()
    )
    for result, value in found.items():
        if value is not None:
            print(name, result, value, flush=True)


def throw(error):
    raise error


def main():
    torch.set_num_threads(1)
    print("root", Path(skvae.__file__).parents[1], flush=True)
    for cases in (
        autoencoders,
        own_ways,
        attributes,
        predictors,
        sequences,
        segmenters,
        cascades,
        extractors,
        refusals,
        data,
        masks,
        inspected,
        studies,
    ):
        try:
            for name, results in cases():
                show(name, results)
        except Exception as error:
            print(cases.__name__, "cases", hashed(partial(throw, error)), flush=True)
            traceback.print_exc()


if __name__ == "__main__":
    main()
