"""Calls by the hundred, at the same time or one after another, and what they leave."""

import gc
import inspect
import os
import random
import signal
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from contract import KINDS, LAYERED, fitted, given, labels, small
from threadpoolctl import threadpool_info

import skvae

pytestmark = pytest.mark.filterwarnings(
    "ignore::skvae.exceptions.PosteriorCollapseWarning",
    "ignore::skvae.exceptions.ConstantCodeWarning",
    "ignore::skvae.exceptions.EmptyOrganWarning",
    "ignore::skvae.exceptions.PretrainingLostWarning",
)

STATUS = Path("/proc/self/status")


def readers(kind):
    """Return the fitted small instance, reading each of its layers, and what it reads."""
    estimator, X = fitted(kind, "images"), given(kind, "images")[:6]
    found = []
    for layer in estimator.list_layers():
        reader = copy(estimator).set_params(layer=layer.name)  # of the same network
        found.append((reader, X, reader.transform(X)))
    return found


def read_at_once(n_calls):
    """Count the transforms, of all kinds and layers in eight threads, that differ."""
    expected = [reader for kind in LAYERED for reader in readers(kind)]
    order = np.random.default_rng(0).integers(len(expected), size=n_calls)
    together = threading.Barrier(8)

    def read(part):
        together.wait()
        return sum(
            not np.array_equal(reader.transform(X), features)
            for reader, X, features in (expected[i] for i in part)
        )

    with ThreadPoolExecutor(8) as pool:
        return sum(pool.map(read, np.array_split(order, 8)))


def test_transforms_at_the_same_time_are_those_of_one_thread():
    assert read_at_once(400) == 0


@pytest.mark.nightly
def test_ten_thousand_transforms_at_the_same_time_are_those_of_one_thread():
    assert read_at_once(10_000) == 0


def resources():
    """Return megabytes, threads and open files of this process."""
    gc.collect()
    status = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
    megabytes = int(status["VmRSS"].split()[0]) / 1024
    return megabytes, int(status["Threads"]), len(os.listdir("/proc/self/fd"))


def growth(kinds, n_fits, name="rows", **parameters):
    """Fit and read kinds in turn; return how megabytes, threads and files grow."""
    inputs = {kind: (X := given(kind, name), labels(kind, X)) for kind in kinds}

    def fit(i):
        kind = kinds[i % len(kinds)]
        X, y = inputs[kind]
        small(kind, random_state=i, **parameters).fit(X, y).transform(X)

    for i in range(2 * len(kinds)):  # what is kept from the first time on
        fit(i)
    before = resources()
    for i in range(n_fits):
        fit(i)
    return np.subtract(resources(), before)


@pytest.mark.skipif(not STATUS.exists(), reason="the system does not say")
def test_two_hundred_fits_leave_nothing_behind():
    megabytes, n_threads, n_files = growth([skvae.VAEFeatureExtractor], 200, max_iter=1)
    assert megabytes < 50
    assert n_threads <= 0
    assert n_files <= 0


@pytest.mark.nightly
@pytest.mark.skipif(not STATUS.exists(), reason="the system does not say")
def test_two_hundred_fits_of_images_by_all_kinds_leave_nothing_behind():
    kinds = [kind for kind in LAYERED if hasattr(kind, "transform")]
    megabytes, n_threads, n_files = growth(kinds, 200, "images")
    assert megabytes < 50
    assert n_threads <= 0
    assert n_files <= 0


def global_states():
    """Return all that a whole process has one of, and that a caller may have set."""
    name, keys, *place = np.random.get_state()  # noqa: NPY002
    return {
        "numpy's generator": (name, keys.tobytes(), *place),
        "torch's generator": torch.get_rng_state().numpy().tobytes(),
        "Python's generator": random.getstate(),
        "threads of torch": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "threads of BLAS": [(p["filepath"], p["num_threads"]) for p in threadpool_info()],
        "filters of warnings": list(warnings.filters),
        "show of warnings": warnings.showwarning,
        "errors of numpy": np.geterr(),
        "printing of numpy": np.get_printoptions(),
        "default dtype": torch.get_default_dtype(),
        "default device": torch.get_default_device(),
        "gradients": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        "anomaly detection": torch.is_anomaly_enabled(),
        "autocast": (torch.is_autocast_enabled("cpu"), torch.is_autocast_cache_enabled()),
        "exactness": torch.get_float32_matmul_precision(),
        "determinism": torch.are_deterministic_algorithms_enabled(),
        "environment": dict(os.environ),
        "Ctrl-C": signal.getsignal(signal.SIGINT),
        "folder": os.getcwd(),
    }


def public_calls(estimator, X, y):
    """Yield name, method and arguments of each public method of an estimator."""
    groups = np.arange(len(X)) // 2
    known = {"X": X, "y": y, "sample_weight": np.ones(len(X)), "groups": groups}
    known |= {"n_samples": 3, "random_state": 0, "layer": getattr(estimator, "layer", "")}
    names = {name for name in dir(type(estimator)) if not name.startswith(("_", "set_"))}
    for name in ["fit", *sorted(names - estimator.get_params(deep=False).keys())]:
        method = getattr(estimator, name, None)
        if not callable(method):
            continue
        given = {k: known[k] for k in inspect.signature(method).parameters if k in known}
        if name == "inverse_transform":
            given["X"] = estimator.transform(X)
        yield name, method, given


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_no_public_call_touches_what_the_process_shares(kind):
    X = given(kind, "images")
    estimator = small(kind)
    fitted(kind, "images")  # sympy, which torch then imports, adds a filter of warnings
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    before, n_done = global_states(), 0
    for name, method, arguments in public_calls(estimator, X, labels(kind, X)):
        try:
            method(**arguments)
            n_done += 1
        except (TypeError, ValueError):  # such as scores without y: states stay as well
            pass
        after = global_states()
        for what, value in before.items():
            assert after[what] == value, f"{name} changes {what}"
    assert n_done >= 5
