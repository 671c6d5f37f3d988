"""Sparse matrices in place of rows: the same results, and never dense as a whole."""

import inspect

import numpy as np
import pandas as pd
import pytest
from contract import KINDS, fitted, labels, small
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils import get_tags

from skvae import Autoencoder, AutoencoderClassifier, UNetSegmenter
from skvae.inspection import layer_probe
from skvae.training.data import BLOCK_BYTES, Data
from skvae.training.sparse_rows import SparseRows

pytestmark = [
    pytest.mark.filterwarnings(f"ignore::skvae.exceptions.{name}")
    for name in ("PosteriorCollapseWarning", "EmptyOrganWarning")
]
DENSE = [kind for kind in KINDS if not get_tags(small(kind)).input_tags.sparse]
SPARSE = [kind for kind in KINDS if kind not in DENSE]
each_sparse = pytest.mark.parametrize("kind", SPARSE, ids=lambda kind: kind.__name__)
RNG = np.random.default_rng(0)
X = np.where(RNG.random((40, 12)) < 0.6, 0, RNG.random((40, 12)))
METHODS = ("transform", "predict", "score_samples", "reconstruct")


def read(estimator, X):
    return [getattr(estimator, name)(X) for name in METHODS if hasattr(estimator, name)]


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@each_sparse
def test_sparse_rows_give_what_dense_ones_do(kind):
    weight = np.linspace(0, 1, 40)
    weighted = "sample_weight" in inspect.signature(kind.fit).parameters
    columns = {"sample_weight": weight} if weighted else {}
    y = labels(kind, X)
    held_out = {"early_stopping": True} if weighted else {}
    fitted = small(kind, **held_out).fit(X, y, **columns)
    for form in (sparse.csr_matrix, sparse.csc_array, sparse.coo_array):
        given = form(X)
        found = small(kind, **held_out).fit(given, y, **columns)
        assert_same(read(found, given), read(fitted, X))
    if hasattr(fitted, "score"):
        assert fitted.score(given, y) == fitted.score(X, y)
    if hasattr(fitted, "partial_fit"):
        learns = "y" in inspect.signature(kind._data).parameters
        one, other = (
            small(kind).partial_fit(rows, y if learns else None) for rows in (given, X)
        )
        assert_same(read(one, given), read(other, X))
    if hasattr(fitted, "inverse_transform"):
        codes = fitted.transform(X)
        found = fitted.inverse_transform(sparse.csc_array(codes))
        np.testing.assert_array_equal(found, fitted.inverse_transform(codes))
    if hasattr(fitted, "list_layers"):
        assert small(kind).list_layers(given) == small(kind).list_layers(X)


def test_segmenters_say_that_they_need_dense_rows():
    assert UNetSegmenter in DENSE
    for kind in DENSE:
        with pytest.raises(TypeError, match="dense data is required"):
            small(kind).fit(sparse.csr_array(X), labels(kind, X))


@pytest.mark.parametrize(
    "parameters",
    [{"likelihood": "bernoulli"}, {"solver": "lbfgs"}, {"image_shape": (1, 3, 4)}],
    ids=str,
)
def test_settings_that_look_at_all_rows_or_make_images_of_them(parameters):
    given = sparse.csr_array(X)
    found, expected = (small(Autoencoder, **parameters).fit(rows) for rows in (given, X))
    assert_same(read(found, given), read(expected, X))


def test_bad_entries_of_sparse_rows_are_refused():
    for value, message in (
        (np.nan, "NaN"),
        (np.inf, "infinity"),
        (1e300, "infinity|large"),
    ):
        bad = sparse.csr_array(np.where(X > 0.9, value, X))
        with pytest.raises(ValueError, match=message):
            small(Autoencoder).fit(bad)
        with pytest.raises(ValueError, match=message):
            small(Autoencoder).fit(X).transform(bad)
    with pytest.raises(ValueError, match=r"entries from -1 to 0\."):
        small(Autoencoder, likelihood="bernoulli").fit(sparse.csr_array(-1.0 * (X > 0.5)))


def test_unlabelled_sparse_rows_are_pretrained_on():
    y = np.where(np.arange(40) < 10, np.nan, np.arange(40) % 2)
    given = sparse.csr_array(X)
    found, expected = (small(AutoencoderClassifier).fit(each, y) for each in (given, X))
    assert_same(read(found, given), read(expected, X))
    assert found.phases_ == expected.phases_


def test_one_hot_columns_come_through_a_pipeline():
    table = pd.DataFrame({"site": list("abcd") * 10, "scanner": list("xyxyz") * 8})
    encoder = make_column_transformer((OneHotEncoder(), ["site", "scanner"]))
    pipeline = make_pipeline(encoder, small(Autoencoder)).fit(table)
    assert sparse.issparse(encoder.fit_transform(table))
    dense = pd.get_dummies(table).to_numpy(np.float32)
    expected = small(Autoencoder).fit_transform(dense)
    np.testing.assert_array_equal(pipeline.transform(table), expected)
    columns = pd.DataFrame.sparse.from_spmatrix(sparse.csr_matrix(dense))
    np.testing.assert_array_equal(small(Autoencoder).fit_transform(columns), expected)


def test_sparse_rows_are_never_dense_as_a_whole(monkeypatch):
    made = []
    to_dense = SparseRows.__array__

    def counted(self, *args, **kwargs):
        made.append(self.nbytes)
        return to_dense(self, *args, **kwargs)

    monkeypatch.setattr(SparseRows, "__array__", counted)
    large = sparse.random_array((2**13, 2**12), density=1e-3, rng=0, format="csr")
    parameters = {"max_iter": 1, "batch_size": 512, "hidden_layer_sizes": ()}
    fitted = small(Autoencoder, **parameters, likelihood="bernoulli").fit(large)
    fitted.score_samples(large)
    assert max(made) <= BLOCK_BYTES < large.shape[0] * large.shape[1] * 4


def test_a_fit_is_remembered_by_its_values(tmp_path):
    rows = X.astype(np.float32)
    matrix = SparseRows(sparse.csr_array(rows), (12,))
    assert Data(matrix).digest() == Data(rows).digest()
    small(Autoencoder, memory=str(tmp_path)).fit(X)
    found = small(Autoencoder, memory=str(tmp_path)).fit(sparse.csr_array(X))
    (log,) = tmp_path.rglob("trainings.log")
    assert len(log.read_text().splitlines()) == 1
    np.testing.assert_array_equal(found.transform(X), found.transform(sparse.csr_array(X)))


def test_layers_are_probed_on_sparse_rows():
    y, probed = np.arange(40) % 2, small(Autoencoder)
    found, expected = (
        layer_probe(probed, rows, y, cv=2).folds() for rows in (sparse.csr_array(X), X)
    )
    pd.testing.assert_frame_equal(found, expected)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("shape", [(7,), (6, 2, 3, 3)])
def test_sparse_arrays_of_other_axes_are_no_rows(kind, shape):
    """They were read as rows of their second axis."""
    images = sparse.coo_array(np.ones(shape))
    with pytest.raises((TypeError, ValueError), match=r"\bX\b"):
        small(kind).fit(images, np.zeros(shape[0], int))
    name = "transform" if hasattr(kind, "transform") else "predict"
    with pytest.raises((TypeError, ValueError), match=r"\bX\b"):
        getattr(fitted(kind, "images"), name)(images)
