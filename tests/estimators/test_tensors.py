"""Tensors of torch, and arrays of other libraries, in place of arrays."""

import inspect

import numpy as np
import pytest
import sklearn
import torch
from contract import KINDS, given, labels, small
from sklearn.utils import get_tags

from skvae import Autoencoder, SequenceClassifier, VAEFeatureExtractor
from skvae.training.host import on_host

pytestmark = [
    pytest.mark.filterwarnings(f"ignore::skvae.exceptions.{name}")
    for name in ("PosteriorCollapseWarning", "EmptyOrganWarning")
]
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)

CASTS = {
    "bfloat16": lambda x: x.bfloat16(),
    "half, with gradients": lambda x: x.half().requires_grad_(),
}
METHODS = (
    "transform",
    "predict",
    "predict_proba",
    "decision_function",
    "score_samples",
    "reconstruct",
    "transform_pixels",
)


def read(estimator, X):
    """Return what each method that takes X alone makes of it."""
    return {name: getattr(estimator, name)(X) for name in METHODS if has(estimator, name)}


def has(estimator, name):
    """Whether a fitted estimator has a method; features of pixels are those of images."""
    images = len(estimator.sample_shape_) > 1
    return hasattr(estimator, name) and (images or name != "transform_pixels")


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, values in found.items():
        assert isinstance(values, np.ndarray)
        np.testing.assert_array_equal(values, expected[name], err_msg=name)


@each_kind
@pytest.mark.parametrize("cast", CASTS.values(), ids=CASTS)
def test_a_tensor_of_any_precision_is_what_its_floats_are(kind, cast):
    X = given(kind, "rows")
    tensor = cast(torch.from_numpy(X))
    floats, y = tensor.detach().float().numpy(), labels(kind, X)
    fitted = small(kind).fit(tensor, y)
    assert_same(read(fitted, tensor), read(small(kind).fit(floats, y), floats))


@each_kind
def test_all_that_is_given_may_be_tensors_that_scikit_learn_would_compute_with(kind):
    X = given(kind, "images")
    y, rng = labels(kind, X), np.random.default_rng(0)
    columns = {
        "sample_weight": rng.random(40, dtype=np.float32),
        "groups": np.arange(40) // 2,
        "attributes": rng.random((40, 2)),
    }
    known = inspect.signature(kind.fit).parameters
    columns = {name: column for name, column in columns.items() if name in known}
    as_tensors = {name: torch.from_numpy(column) for name, column in columns.items()}
    expected = small(kind).fit(X, y, **columns)
    tensor, of_y = torch.from_numpy(X).requires_grad_(), torch.from_numpy(y)
    with sklearn.config_context(array_api_dispatch=True):
        fitted = small(kind).fit(tensor, of_y, **as_tensors)
        assert_same(read(fitted, tensor), read(expected, X))
        if hasattr(fitted, "score"):
            weight = columns["sample_weight"]
            found = fitted.score(tensor, of_y, sample_weight=torch.from_numpy(weight))
            assert found == expected.score(X, y, sample_weight=weight)


def test_codes_may_be_a_tensor():
    X = given(Autoencoder, "images")
    fitted = small(VAEFeatureExtractor).fit(X)
    codes = torch.from_numpy(fitted.transform(X)).requires_grad_()
    expected = fitted.inverse_transform(codes.detach().numpy())
    np.testing.assert_array_equal(fitted.inverse_transform(codes), expected)
    with sklearn.config_context(array_api_dispatch=True):
        np.testing.assert_array_equal(fitted.inverse_transform(codes), expected)


def test_a_list_may_have_tensors():
    X = given(Autoencoder, "images")
    tensors = [torch.from_numpy(x).requires_grad_() for x in X]
    found, expected = (small(Autoencoder).fit_transform(each) for each in (tensors, X))
    np.testing.assert_array_equal(found, expected)
    sequences = [torch.rand(n, 6).bfloat16() for n in (3, 4, 5, 6)]
    arrays = [sequence.float().numpy() for sequence in sequences]
    y = torch.tensor([0, 1, 0, 1])
    found = small(SequenceClassifier).fit(sequences, list(y)).predict_proba(sequences)
    expected = small(SequenceClassifier).fit(arrays, y.numpy()).predict_proba(arrays)
    np.testing.assert_array_equal(found, expected)


class Exported:
    """An array that others can read by DLPack alone."""

    def __init__(self, array):
        self.array = array
        self.shape = array.shape

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


def test_what_is_read_on_the_host():
    values = np.arange(6.0)
    np.testing.assert_array_equal(on_host(Exported(values)), values)
    conjugate = torch.tensor([1 + 2j]).conj()
    np.testing.assert_array_equal(on_host(conjugate), [1 - 2j])
    shared = torch.zeros(3)
    on_host(shared)[0] = 1
    assert shared[0] == 1
    table = [[1, 2], [3, 4]]
    assert on_host(table) is table
    assert on_host(torch.ones(2, dtype=torch.float8_e5m2)).dtype == np.float32


@each_kind
def test_tags_can_be_asked_for(kind):
    assert get_tags(small(kind)).transformer_tags is not None or not hasattr(
        kind, "transform"
    )
