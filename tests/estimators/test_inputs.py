import contextlib
import datetime
import re
from functools import cache

import numpy as np
import pandas as pd
import polars as pl
import pytest
from contract import KINDS, TRAINED, one_step, small
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.utils.validation import validate_data

from skvae import Autoencoder
from skvae.estimators import inputs

pytestmark = pytest.mark.filterwarnings("ignore::skvae.exceptions.PosteriorCollapseWarning")

# Of sequences, X has one axis more; masks follow X. Both have tests of their own.
OTHERS = {"rnn", "ignore_label"}
PLAIN = [kind for kind in KINDS if not OTHERS & set(kind().get_params())]
each_kind = pytest.mark.parametrize("kind", PLAIN, ids=lambda kind: kind.__name__)
PLAIN_TRAINED = [kind for kind in PLAIN if kind in TRAINED]
each_trained = pytest.mark.parametrize(
    "kind", PLAIN_TRAINED, ids=lambda kind: kind.__name__
)
RNG = np.random.default_rng(0)
ROWS = RNG.random((20, 12), dtype=np.float32)

BAD = {
    "strings": (np.where(ROWS > 0.9, "n/a", ROWS.astype(str)), "the entry 'n/a'"),
    "bytes": (np.full((20, 12), b"x"), "the entry b'x'"),
    "dates": (np.full((20, 12), "2020-01-01", "datetime64[s]"), "dtype datetime64"),
    "durations": (np.full((20, 12), 3, "timedelta64[s]"), "dtype timedelta64"),
    "masked": (np.ma.masked_array(ROWS, ROWS > 0.5), "masked array"),
    "strings as objects": (
        np.where(ROWS > 0.9, "n/a", ROWS.astype(object)),
        "the entry 'n/a', .* expects numbers",
    ),
    "empty strings": (np.where(ROWS > 0.9, "", ROWS.astype(object)), "the entry ''"),
    "dates as objects": (np.full((20, 12), datetime.date(2020, 1, 1)), "expects numbers"),
    "a column of strings": (pd.DataFrame(ROWS).assign(site="A"), "column 'site'"),
    "a column of categories": (
        pd.DataFrame(ROWS).assign(site=pd.Categorical(["A", "1"] * 10)),
        "'A' in the column 'site' of dtype category",
    ),
    "a column of objects": (
        pd.DataFrame(ROWS).assign(site=np.array(["1.5", "low"] * 10, dtype=object)),
        "'low' in the column 'site' of dtype",
    ),
    "a column of text that is none": (
        pl.DataFrame(ROWS).with_columns(site=pl.lit("low")),
        "'low' in the column 'site' of dtype String",
    ),
    "dates in a column of objects": (
        pd.DataFrame(ROWS).assign(day=pd.Series([datetime.date(2020, 1, 1)] * 20)),
        "date.* in the column 'day'",
    ),
    "a column of dates": (
        pl.DataFrame(ROWS).with_columns(day=pl.lit(datetime.date(2020, 1, 1))),
        "column 'day'",
    ),
    "a NaN": (np.where(ROWS > 0.99, np.nan, ROWS), "NaN"),
    "infinity": (np.where(ROWS > 0.99, np.inf, ROWS), "infinity"),
    "more than float32 holds": (ROWS.astype(float) * 1e300, "too large|infinity"),
    "one sample": (ROWS[:1], "minimum of 2"),
    "one axis": (ROWS[0], "Expected 2D array"),
    "images without a channel axis": (RNG.random((20, 8, 9)), r"X\[:, None\]"),
    "volumes without a channel axis": (
        RNG.random((20, 8, 9, 7)),
        r"image_shape=\(8, 9, 7\)",
    ),
    "images of channels that are last": (
        RNG.integers(0, 256, (20, 28, 28, 3), dtype=np.uint8),
        r"image_shape=\(28, 28, 3\), for channels that are last np.moveaxis\(X, -1, 1\)",
    ),
    "volumes of channels that are last": (
        RNG.random((20, 8, 9, 7, 1)),
        r"image_shape=\(8, 9, 7, 1\), for channels that are last np.moveaxis\(X, -1, 1\)",
    ),
    "signals of channels that are last": (
        RNG.random((20, 30, 2)),
        r"for channels that are last np.moveaxis\(X, -1, 1\) with image_shape",
    ),
    "four spatial axes": (RNG.random((4, 1, 2, 2, 2, 2)), "at most three spatial axes"),
    "complex": (ROWS + 1j, "Complex data"),
}


def y_of(X):
    """Return labels, which kinds that learn without them ignore."""
    return np.arange(len(X)) % 2


def features(estimator, X, y=None):
    """Return what a new fit makes of X."""
    return estimator.fit_transform(X, y_of(X) if y is None else y)


def brief(kind, **parameters):
    """Return an instance that is trained for a step, of all rows."""
    return one_step(kind, len(ROWS), **parameters)


@cache
def fitted(kind):
    """Return an instance that was fitted to the rows, for all who leave it as it is."""
    return small(kind).fit(ROWS, y_of(ROWS))


@each_trained
@pytest.mark.parametrize(("X", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_refused_and_changes_nothing(kind, X, message):
    estimator = fitted(kind)
    before = estimator.__dict__.copy()
    with pytest.raises((ValueError, TypeError), match=message):
        estimator.fit(X, y_of(X))
    assert estimator.__dict__ == before
    with pytest.raises((ValueError, TypeError), match=message):
        small(kind).fit(X, y_of(X))


WRONG = [
    (
        {"image_shape": (1, 5, 5)},
        r"image_shape=\(1, 5, 5\), which has 25 .* 12 columns",
    ),
    ({"image_shape": (12,)}, "expected .channels, .spatial."),
    ({"n_components": 0}, "n_components"),
    ({"n_components": 2.5}, "n_components"),
    ({"hidden_layer_sizes": (8, 0)}, r"hidden_layer_sizes=\(8, 0\)"),
    (
        {"image_shape": (1, 3, 4), "channels": (), "hidden_layer_sizes": ()},
        r"channels=\(\)",
    ),
    ({"image_shape": (1, 3, 4), "channels": (4, -1)}, r"channels=\(4, -1\)"),
    ({"layer": []}, r"layer=\[\]"),
    ({"pool": "mean"}, "pool"),
    ({"activation": "swish"}, "activation"),
    ({"device": "gpu"}, "device='gpu'"),
    ({"batch_size": 1, "normalization": "batch"}, "batch_size=1"),
    ({"dropout": 0.5, "solver": "lbfgs"}, "solver='lbfgs'"),
    ({"early_stopping": True, "validation_fraction": 0.99}, "validation_fraction=0.99"),
    ({"precision": "float16"}, "precision"),
    ({"memory": 3}, "memory"),
]


def has(kind, *names):
    """Whether a kind has such parameters."""
    return set(names) <= set(kind().get_params())


@pytest.mark.parametrize(
    ("kind", "parameters", "message"),
    [(k, p, m) for k in PLAIN_TRAINED for p, m in WRONG if has(k, *p)],
)
def test_bad_parameters_are_named(kind, parameters, message):
    with pytest.raises(ValueError, match=message):
        small(kind, **parameters).fit(ROWS, y_of(ROWS))


@each_trained
def test_a_wrong_layer_is_named_beside_all_there_are(kind):
    layers = [layer.name for layer in small(kind).list_layers(ROWS, y_of(ROWS))]
    listed = f"{kind.__name__} has the layers {', '.join(layers)}."
    with pytest.raises(ValueError, match=re.escape(f"layer='cod', but {listed}")):
        small(kind, layer="cod").fit(ROWS, y_of(ROWS))
    with pytest.raises(ValueError, match="names a layer twice"):
        small(kind, layer=[layers[0], layers[0]]).fit(ROWS, y_of(ROWS))


@pytest.mark.parametrize("kind", [k for k in PLAIN_TRAINED if has(k, "likelihood")])
def test_bernoulli_wants_the_unit_interval(kind):
    with pytest.raises(ValueError, match=r"X in \[0, 1\], but X has entries from -1 to 1"):
        features(small(kind, likelihood="bernoulli"), np.where(ROWS > 0.5, 1, -1))


@each_kind
def test_samples_of_another_shape_are_refused(kind):
    images = small(kind).fit(RNG.random((20, 1, 3, 4)), y_of(ROWS))
    with pytest.raises(ValueError, match=r"samples of shape \(1, 4, 3\)"):
        images.transform(RNG.random((20, 1, 4, 3)))
    with pytest.raises(ValueError, match="11 columns"):
        images.transform(ROWS[:, :11])
    table = small(kind).fit(ROWS, y_of(ROWS))
    with pytest.raises(ValueError, match=r"fitted on samples of shape \(12,\)"):
        table.transform(RNG.random((20, 1, 3, 4)))


@each_kind
@pytest.mark.filterwarnings("ignore::skvae.exceptions.ConstantCodeWarning")
def test_what_is_allowed(kind):
    constant = ROWS.copy()
    constant[:, 3] = 7
    assert np.isfinite(features(small(kind), constant)).all()
    assert np.isfinite(features(small(kind), np.zeros((20, 4)))).all()
    expected = features(brief(kind), ROWS)
    for same in (
        ROWS.astype(object),
        np.asfortranarray(ROWS),
        ROWS[::-1][::-1],
        ROWS.tolist(),
    ):
        np.testing.assert_array_equal(features(brief(kind), same), expected)
    images = RNG.random((20, 3, 4))
    first = features(brief(kind, image_shape=(1, 3, 4)), images)
    np.testing.assert_array_equal(features(brief(kind), images[:, None]), first)


@each_kind
@pytest.mark.parametrize("gathered", [list, pd.Series], ids=["list", "series"])
@pytest.mark.parametrize("sizes", [((1, 9, 8), (1, 12, 8)), ((9,), (12,))], ids=str)
def test_samples_of_unequal_shapes_are_told_what_to_do(kind, gathered, sizes):
    X = gathered([np.zeros(sizes[i % 2]) for i in range(6)])
    shapes = re.escape(f"{sizes[0]} and {sizes[1]}")
    with pytest.raises(ValueError, match=f"such as {shapes}, .* crop or pad"):
        small(kind).fit(X, y_of(X))
    if sizes[0] == (1, 9, 8):
        one = small(kind).fit(np.random.default_rng(0).random((6, 1, 9, 8)), y_of(X))
        with pytest.raises(ValueError, match=f"such as {shapes}, .* crop or pad"):
            one.transform(X)


@each_kind
def test_text_and_categories_of_numbers_are_numbers(kind):
    X = (10 * ROWS).round(1)
    expected = features(brief(kind), X)
    texts = X.astype(str)
    for same in (texts, texts.astype(object), texts.astype("S"), pl.DataFrame(texts)):
        np.testing.assert_array_equal(features(brief(kind), same), expected)
    table = pd.DataFrame(X, columns=[f"x{i}" for i in range(12)])
    table = table.astype({"x1": "category", "x2": "str", "x3": object})
    np.testing.assert_array_equal(features(brief(kind), table), expected)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("X", [None, 3.0, {"a": [1.0, 2.0]}], ids=str)
def test_what_has_no_rows_is_refused_as_by_scikit_learn(kind, X):
    with pytest.raises((ValueError, TypeError), match=r"2D array|number, not 'dict'"):
        small(kind).fit(X, [0, 1])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_images_in_any_memory_are_the_same(kind):
    X = RNG.integers(0, 9, (20, 1, 7, 6)).astype(np.float32)
    X = X[:, np.newaxis] if "rnn" in kind().get_params() else X
    y = np.where(X[:, 0] > 4, 1, 0) if "ignore_label" in kind().get_params() else y_of(X)
    read_only = X.copy()
    read_only.flags.writeable = False
    expected = features(brief(kind), X, y)
    for same in (
        np.asfortranarray(X),
        read_only,
        X[::-1, ..., ::-1].copy()[::-1, ..., ::-1],
        X.astype(">f8"),
        X.astype(np.float16),
        X.astype(np.uint8),
    ):
        np.testing.assert_array_equal(features(brief(kind), same, y), expected)


@pytest.mark.parametrize(
    "change",
    [np.float32, np.float64, np.float16, np.longdouble, np.int16, np.uint8, bool, "F", "-"],
    ids=str,
)
def test_rows_that_need_no_validation_are_those_of_scikit_learn(change, monkeypatch):
    """Arrays of plain numbers pass by its validation once an estimator is fitted."""
    X = 9 * ROWS - 3
    X = {"F": np.asfortranarray(X), "-": X[::-1, ::-1]}.get(change, X)
    X = X if isinstance(change, str) else X.astype(change)
    fitted = Autoencoder(2, max_iter=1, random_state=0).fit(X)
    called = []

    def validated(*args, **options):
        called.append(args)
        return validate_data(*args, **options)

    monkeypatch.setattr(inputs, "validate_data", validated)
    found = inputs.check_rows(fitted, X, reset=False)
    assert not called
    monkeypatch.setattr(inputs, "_stands_every_check", lambda *_: False)
    expected = inputs.check_rows(fitted, X, reset=False)
    assert called
    np.testing.assert_array_equal(found, expected, strict=True)
    assert found.flags.c_contiguous == expected.flags.c_contiguous
    assert np.shares_memory(found, X) == np.shares_memory(expected, X)


@pytest.mark.parametrize(
    "X", [ROWS[:, :5], ROWS[:0], ROWS + 1j, pd.DataFrame(ROWS), ROWS.astype(object)]
)
def test_other_rows_are_validated(X, monkeypatch):
    fitted = Autoencoder(2, max_iter=1, random_state=0).fit(ROWS)
    called = []
    monkeypatch.setattr(inputs, "validate_data", lambda *args, **_: called.append(args))
    with contextlib.suppress(Exception):
        inputs.check_rows(fitted, X, reset=False)
    assert called


def test_channels_may_be_many_in_volumes_and_are_moved_as_advised():
    rng = np.random.default_rng(1)
    many = small(Autoencoder).fit(rng.random((4, 6, 5, 8, 9)))
    assert many.sample_shape_ == (6, 5, 8, 9)
    few = small(Autoencoder).fit(np.moveaxis(rng.random((4, 8, 9, 7, 1)), -1, 1))
    assert few.sample_shape_ == (1, 8, 9, 7)
    with pytest.raises(ValueError, match=r"last pass np.moveaxis\(X, -1, 1\)"):
        few.transform(rng.random((4, 8, 9, 7, 1)))


@pytest.mark.parametrize("kind", [k for k in PLAIN_TRAINED if has(k, "normalization")])
@pytest.mark.parametrize("n_samples", [2, 3, 17])
def test_batch_norm_never_meets_a_single_row(kind, n_samples):
    estimator = small(kind, normalization="batch", batch_size=2)
    assert np.isfinite(features(estimator, ROWS[:n_samples])).all()


@pytest.mark.parametrize("shape", [[[2]], (("a",),), (1, 3.5, 4), (1, 0, 4), (12,), ()])
def test_an_image_shape_that_is_none_is_named(shape):
    with pytest.raises(ValueError, match=r"^Got image_shape=.*whole numbers of at least 1"):
        small(Autoencoder, image_shape=shape).fit(ROWS)


@settings(suppress_health_check=list(HealthCheck))
@given(
    X=st.one_of(
        hnp.arrays(
            dtype=st.one_of(
                hnp.scalar_dtypes(),
                hnp.byte_string_dtypes(),
                hnp.unicode_string_dtypes(),
            ),
            shape=hnp.array_shapes(min_dims=0, max_dims=4, max_side=5),
        ),
    )
)
@pytest.mark.filterwarnings("ignore")
def test_any_array_gives_finite_features_or_a_clear_error(X):
    found = None
    # pytest.raises cannot say "may": either outcome is right, a third is not.
    with contextlib.suppress(ValueError, TypeError):
        found = small(Autoencoder, max_iter=1).fit_transform(X)
    if found is not None:
        assert X.dtype.kind in "biufSU"
        assert np.isfinite(found).all()


def test_a_read_only_memory_map_is_read_and_never_written(tmp_path):
    path = tmp_path / "X.npy"
    np.save(path, ROWS)
    before = path.read_bytes()
    mapped = np.load(path, mmap_mode="r")
    for kind in PLAIN:
        expected = features(brief(kind), ROWS)
        np.testing.assert_array_equal(features(brief(kind), mapped), expected)
    assert path.read_bytes() == before
