"""What every public estimator promises: scikit-learn's contract, and our own."""

import pickle
from copy import deepcopy
from functools import cache

import joblib
import numpy as np
import pytest
import torch
from contract import (
    FILLING,
    KINDS,
    LAYERED,
    OTHER,
    TRAINED,
    checked,
    columns,
    fitted,
    given,
    hasty,
    inputs,
    labels,
    one_step,
    small,
)
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, clone
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from skvae.networks.pooling import pooled_size
from skvae.training.caching import cache_key

# Networks this small, trained for three epochs, may well collapse,
# and need not find an organ.
pytestmark = [
    pytest.mark.filterwarnings(f"ignore::skvae.exceptions.{name}")
    for name in (
        "ConstantCodeWarning",
        "PosteriorCollapseWarning",
        "EmptyOrganWarning",
    )
]

INPUTS = inputs()
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
each_layered = pytest.mark.parametrize("kind", LAYERED, ids=lambda kind: kind.__name__)
each_input = pytest.mark.parametrize("name", INPUTS)


@pytest.fixture
def X(kind, name):  # noqa: N802
    return given(kind, name)


# Minibatch training cannot see a weight of k as k copies of a row in other batches.
CANNOT_PASS = {
    "check_sample_weight_equivalence_on_dense_data": "minibatches",
    "check_sample_weight_equivalence_on_sparse_data": "minibatches",
}

NOT_YIELDED = (
    estimator_checks.check_dataframe_column_names_consistency,
    estimator_checks.check_transformer_get_feature_names_out,
    estimator_checks.check_transformer_get_feature_names_out_pandas,
    estimator_checks.check_get_feature_names_out_error,
    estimator_checks.check_param_validation,
    estimator_checks.check_set_output_transform,
    estimator_checks.check_set_output_transform_pandas,
    estimator_checks.check_set_output_transform_polars,
    estimator_checks.check_global_output_transform_pandas,
    estimator_checks.check_global_set_output_transform_polars,
    estimator_checks.check_inplace_ensure_writeable,
)


# Checks that hold what was learned to a mark, or what several batches make of weights.
LEARNED = {
    "check_class_weight_classifiers",
    "check_classifiers_train",
    "check_regressors_train",
    *CANNOT_PASS,
}
# Where one of them sets a thousand epochs, so many large steps reach its mark.
EPOCHS = 100


@parametrize_with_checks(
    [
        *map(hasty, KINDS),
        *(hasty(kind).set_params(missing="mask") for kind in FILLING),
    ],
    expected_failed_checks=lambda estimator: CANNOT_PASS,
    xfail_strict=True,
)
def test_scikit_learn_contract(estimator, check, monkeypatch):
    if check.func.__name__ in LEARNED:
        given = {k: v for k, v in estimator.get_params().items() if k == "missing"}
        estimator = checked(type(estimator)).set_params(**given)
        monkeypatch.setattr(type(estimator), "set_params", of_few_epochs)
    check(estimator)


def of_few_epochs(estimator, **params):
    if "max_iter" in params:
        params["max_iter"] = min(params["max_iter"], EPOCHS)
    return BaseEstimator.set_params(estimator, **params)


@pytest.mark.filterwarnings("ignore:X (does not have valid|has) feature names")
@each_kind
@pytest.mark.parametrize("check", NOT_YIELDED, ids=lambda check: check.__name__)
def test_checks_that_are_not_yielded(kind, check):
    estimator = hasty(kind)
    if hasattr(estimator, "stage1_for_training"):  # by folds would be four more networks
        estimator.set_params(stage1_for_training="truth")
    check(kind.__name__, estimator)


@cache
def fitted_again(kind, name):
    """Fit a clone; return it, its features and what global generators draw behind it."""
    X, again = given(kind, name), clone(fitted(kind, name))
    torch.manual_seed(3)
    np.random.seed(3)  # noqa: NPY002
    features = again.fit_transform(X, labels(kind, X))
    return again, features, (torch.rand(2), np.random.rand(2))  # noqa: NPY002


@each_kind
@each_input
def test_same_seed_same_bits_and_clones_are_equal(kind, name, X):
    first = fitted(kind, name).transform(X)
    again, features, _ = fitted_again(kind, name)
    np.testing.assert_array_equal(features, first)
    np.testing.assert_array_equal(again.transform(X), first)
    other = small(kind, random_state=1).fit_transform(X, labels(kind, X))
    assert not np.allclose(other, first)


@each_kind
@each_input
def test_pickle_and_hash(kind, name, X):
    estimator, _, _ = fitted_again(kind, name)
    digest = joblib.hash(estimator)
    features = estimator.transform(X)
    copied = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(copied.transform(X), features)
    assert joblib.hash(estimator) == digest
    assert joblib.hash(copied) == digest
    assert joblib.hash(fitted(kind, name)) == digest
    assert joblib.hash(deepcopy(estimator)) == digest


@each_kind
def test_a_pickle_holds_numpy_arrays_and_no_tensors(kind):
    pickled = pickle.dumps(fitted(kind, "rows"))
    assert b"torch._utils" not in pickled
    assert b"_rebuild_tensor" not in pickled


@each_kind
def test_a_fitted_kind_is_made_of_states_that_formats_of_text_can_hold(kind):
    """Of dictionaries with keys of text or numbers, all the way down."""
    pending = [fitted(kind, "rows")]
    met = []
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            assert {type(key) for key in value} <= {str, int}
            pending += value.values()
        elif isinstance(value, list | tuple):
            pending += value
        elif type(value).__module__.startswith("skvae."):
            met.append(type(value).__name__)
            state = value.__getstate__()
            assert isinstance(state, dict | None), f"{value!r} has slots"
            pending.append(state or {})
    assert {"FittedNetwork", "ForeignNetwork"} & set(met)


@each_kind
@each_input
def test_global_random_state_is_untouched(kind, name):
    torch.manual_seed(3)
    np.random.seed(3)  # noqa: NPY002
    expected = torch.rand(2), np.random.rand(2)  # noqa: NPY002
    _, _, drawn = fitted_again(kind, name)
    assert torch.equal(drawn[0], expected[0])
    np.testing.assert_array_equal(drawn[1], expected[1])


@each_kind
@pytest.mark.parametrize(("backend", "n_fits"), [("loky", 2), ("threading", 4)])
def test_same_bits_in_processes_and_threads(kind, backend, n_fits):
    X = given(kind, "images")
    expected = fitted(kind, "images").transform(X)
    before = torch.get_num_threads()
    results = Parallel(n_jobs=2, backend=backend)(
        delayed(small(kind).fit_transform)(X, labels(kind, X)) for _ in range(n_fits)
    )
    for features in results:
        np.testing.assert_array_equal(features, expected)
    assert torch.get_num_threads() == before


@each_kind
def test_another_thread_count_agrees_after_one_step(kind):
    X = given(kind, "volumes")
    first = one_step(kind, len(X), n_threads=1).fit_transform(X, labels(kind, X))
    second = one_step(kind, len(X), n_threads=2).fit_transform(X, labels(kind, X))
    # Rounding goes with the size of a value: recurrent states vary little around theirs.
    assert np.abs(first - second).max() <= 1e-5 * np.abs(first).max()


@each_kind
@each_input
def test_reading_does_not_depend_on_the_grouping_of_rows(kind, name, X):
    estimator = fitted(kind, name)
    whole = estimator.transform(X)
    np.testing.assert_array_equal(estimator.transform(X.copy()), whole)
    for size in (1, 7, 39):
        parts = [estimator.transform(X[i : i + size]) for i in range(0, len(X), size)]
        np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-6, atol=1e-6)


@each_layered
@each_input
@pytest.mark.parametrize("pool", ["avg", "max", None])
def test_every_stage_has_the_size_that_list_layers_says(kind, name, X, pool):
    before = small(kind, pool=pool).list_layers(X, labels(kind, X))
    estimator = deepcopy(fitted(kind, name)).set_params(pool=pool)
    layers = estimator.list_layers()
    assert layers == before
    for layer in layers:
        features = estimator.set_params(layer=layer.name).transform(X)
        assert features.shape == (len(X), layer.n_features)
        assert layer.n_features == pooled_size(layer.shape, pool)
        assert features.dtype == np.float32
        names = estimator.get_feature_names_out()
        assert list(names) == [f"{layer.name}_{i}" for i in range(layer.n_features)]


@each_layered
def test_layers_are_concatenated_in_the_order_asked_for(kind):
    X = given(kind, "images")
    estimator = deepcopy(fitted(kind, "images"))
    first, code = estimator.list_layers()[0].name, estimator.layer
    parts = [estimator.set_params(layer=name).transform(X) for name in (first, code)]
    both = estimator.set_params(layer=[first, code]).transform(X)
    np.testing.assert_array_equal(both, np.hstack(parts))
    reverse = estimator.set_params(layer=[code, first]).transform(X)
    np.testing.assert_array_equal(reverse, np.hstack(parts[::-1]))


@each_kind
def test_flat_rows_with_an_image_shape_are_the_same_images(kind):
    X = given(kind, "images")
    flat, image_shape = X.reshape(len(X), -1), INPUTS["images"].shape[1:]
    images = fitted(kind, "images")
    rows = small(kind, image_shape=image_shape).fit(flat, labels(kind, X))
    np.testing.assert_array_equal(rows.transform(flat), images.transform(X))
    np.testing.assert_array_equal(images.transform(flat), images.transform(X))
    assert images.n_features_in_ == flat.shape[1]


@pytest.mark.parametrize("kind", TRAINED, ids=lambda kind: kind.__name__)
def test_every_parameter_is_in_the_cache_key_or_only_read(kind):
    X = INPUTS["images"].reshape(40, -1)

    # A parameter that only one choice of another uses is tried under that choice.
    under = {
        "k": {"sparsity": "topk", "k": 1},
        "block_size": {"corruption": "dropout_blocks"},
        "sparsity": {"k": 1},
        "revival_weight": {"sparsity": "topk", "k": 1},
        "freeze": {"encoder_weights": OTHER["encoder_weights"]},
        "n_patches": {"patch_size": 4},
        "foreground_fraction": {"patch_size": 4},
    }

    def key(**parameters):
        estimator = small(
            kind, **{"image_shape": (1, 7, 6), "early_stopping": True} | parameters
        )
        x = estimator._check(X, reset=True)
        given = columns(kind, x)
        if parameters.get("ignore_label", -1) is None:
            given["y"] = np.abs(given["y"])  # all of them count, and none may be below 0
        data, learned = estimator._data(x, None, **given)
        settled = learned, estimator.random_state, estimator._phases()
        recipe = estimator._recipe(x.shape[1:], *settled)
        borrows = hasattr(estimator, "encoder_weights")
        start = estimator._start(recipe, x, {}).fitted if borrows else None
        return cache_key(recipe, data, start)

    reference = key()
    read = kind._reading_parameters
    for name in kind().get_params():
        # Of several networks, each has a key of its own.
        if name in read or name == "n_networks":
            continue
        value = not OTHER[name] if name == "early_stopping" else OTHER[name]
        context = under.get(name, {})
        assert key(**context | {name: value}) != key(**context), name
    assert key() == reference
    for name in read:
        assert (
            key(**{name: {"layer": "hidden_1", "pool": "max"}.get(name, True)}) == reference
        )
