import contextlib
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Barrier

import numpy as np
import pytest
import torch
from contract import TRAINED, columns, given, one_step
from torch import nn

import skvae
from skvae.networks.staged import modules_behind
from skvae.torch_settings import own_settings
from skvae.training.caching import n_trainings


@contextlib.contextmanager
def set_to(read, write, value):
    before = read()
    write(value)
    try:
        yield
    finally:
        write(before)


def default_dtype():
    return set_to(torch.get_default_dtype, torch.set_default_dtype, torch.float64)


def matmul_precision():
    read = torch.get_float32_matmul_precision
    return set_to(read, torch.set_float32_matmul_precision, "medium")


CALLERS = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "float64": default_dtype,
    "matmul": matmul_precision,
    "device": lambda: torch.device("meta"),
}


def settings():
    """Return what the caller may have set."""
    return (
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.get_default_dtype(),
        torch.get_float32_matmul_precision(),
        torch.get_default_device(),
    )


def fitted(kind, **parameters):
    X = given(kind, "images")
    y = {name: column[:20] for name, column in columns(kind, X).items()}
    return one_step(kind, 20, **parameters).fit(X[:20], **y)


def results(estimator):
    """Return what a fitted estimator makes of X, by each of its methods."""
    X = given(type(estimator), "images")[:5]
    names = ("transform", "predict", "predict_proba", "reconstruct", "score_samples")
    found = {
        name: getattr(estimator, name)(X) for name in names if hasattr(estimator, name)
    }
    if hasattr(estimator, "sample"):
        found["sample"] = estimator.sample(3, random_state=0)
    if getattr(estimator, "layer", "") in ("code", "mean"):
        found["decoded"] = estimator.inverse_transform(found["transform"])
    return found


@cache
def usual(kind):
    estimator = fitted(kind)
    return estimator, results(estimator)


COLLAPSED = "ignore::skvae.exceptions.PosteriorCollapseWarning"


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.filterwarnings(COLLAPSED)
@pytest.mark.parametrize("kind", TRAINED, ids=lambda kind: kind.__name__)
def test_what_the_caller_has_set_changes_no_bit(kind, caller):
    estimator, expected = usual(kind)
    with CALLERS[caller]():
        before = settings()
        found, read = results(fitted(kind)), results(estimator)
        assert settings() == before
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)
        np.testing.assert_array_equal(read[name], values, err_msg=name)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.filterwarnings(COLLAPSED)
def test_bfloat16_rounds_the_weights_of_each_step(caller, rows):
    vae = skvae.VAEFeatureExtractor(2, max_iter=2, precision="bfloat16", random_state=0)
    expected = vae.fit_transform(rows)
    with CALLERS[caller]():
        np.testing.assert_array_equal(vae.fit_transform(rows), expected)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.filterwarnings(COLLAPSED)
def test_a_memory_has_one_network_for_all_settings(caller, rows, tmp_path):
    vae = skvae.VAEFeatureExtractor(2, max_iter=2, random_state=0, memory=str(tmp_path))
    with CALLERS[caller]():
        inside = vae.fit_transform(rows)
    np.testing.assert_array_equal(vae.fit_transform(rows), inside)
    assert n_trainings(tmp_path) == 1
    np.testing.assert_array_equal(vae.set_params(memory=None).fit_transform(rows), inside)


@pytest.mark.parametrize("caller", CALLERS)
def test_what_was_found_under_other_settings_is_right_later(caller):
    with CALLERS[caller]():
        autoencoder = skvae.Autoencoder(2, hidden_layer_sizes=(3,), max_iter=1)
        autoencoder.fit(np.eye(7, dtype=np.float32))
        modules_behind.cache_clear()
        inside = modules_behind(autoencoder.network_.builder, (7,), ("code",))
    modules_behind.cache_clear()
    assert inside == modules_behind(autoencoder.network_.builder, (7,), ("code",))
    assert not next(autoencoder.network_.module.parameters()).is_inference()


def test_a_borrowed_network_is_read_alike(rows):
    def factory():
        return nn.Sequential(nn.Linear(12, 4), nn.Tanh())

    def features():
        reader = skvae.LayerExtractor(factory, layer="1", random_state=0)
        return reader.fit(rows).transform(rows)

    expected = features()
    for caller in CALLERS.values():
        with caller():
            np.testing.assert_array_equal(features(), expected)


def test_settings_come_back_after_an_error():
    with torch.no_grad(), default_dtype():
        before = settings()
        with pytest.raises(KeyError, match="inside"), own_settings():
            raise KeyError("inside")
        assert settings() == before
    assert torch.get_default_dtype() == torch.float32


def test_what_the_process_shares_comes_back_when_the_last_thread_has_left():
    together = Barrier(4)

    def inside(_):
        together.wait()
        for _ in range(50):
            with own_settings():
                assert torch.get_default_dtype() == torch.float32
                assert torch.get_float32_matmul_precision() == "highest"

    with default_dtype(), matmul_precision():
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(inside, range(4)))
        assert torch.get_default_dtype() == torch.float64
        assert torch.get_float32_matmul_precision() == "medium"


def test_it_nests():
    with default_dtype(), own_settings():
        with own_settings():
            pass
        assert torch.get_default_dtype() == torch.float32
