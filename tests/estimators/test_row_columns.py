import datetime
import inspect

import numpy as np
import pandas as pd
import pytest
from contract import KINDS, inputs, labels, small

from skvae import AttriVAE, Autoencoder, AutoencoderClassifier, AutoencoderRegressor
from skvae.estimators.row_columns import check_groups, check_weight, is_missing

ROWS = inputs()["rows"]
NAMES = [f"P{i}" for i in range(40)]
X = pd.DataFrame(ROWS, NAMES).add_prefix("f")
COLUMNS = {
    "y": np.arange(40) % 2,
    "sample_weight": np.ones(40),
    "attributes": ROWS[:, :1].astype(np.float64),
    "groups": np.arange(40) // 2,
}


def takes(kind, method):
    """Return the arguments of a method that have an entry for each row."""
    given = inspect.signature(getattr(kind, method)).parameters
    learns = inspect.signature(kind.fit).parameters["y"].default is inspect.Parameter.empty
    names = set(given) if learns or kind is AttriVAE else set(given) - {"y"}
    return [name for name in COLUMNS if name in names]


CASES = [
    pytest.param(kind, method, name, id=f"{kind.__name__}-{method}-{name}")
    for kind in KINDS
    for method in ("fit", "partial_fit", "score")
    if hasattr(kind, method)
    for name in takes(kind, method)
]


def call(kind, method, X, **changed):
    estimator = small(kind)
    names = takes(kind, method)
    columns = COLUMNS | {"y": labels(kind, ROWS)} | changed
    if method == "score":
        estimator.fit(ROWS, labels(kind, ROWS))
    return getattr(estimator, method)(X, **{name: columns[name] for name in names})


def of(kind, name):
    return labels(kind, ROWS) if name == "y" else COLUMNS[name]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("kind", "method", "name"), CASES)
def test_no_mask_is_dropped(kind, method, name):
    """Masked targets of -9999 would be learned, and a mean of -5165 predicted."""
    masked = np.ma.masked_array(of(kind, name))
    with pytest.raises(ValueError, match=rf"masked array as {name}.* {name}\.filled\("):
        call(kind, method, ROWS, **{name: masked})


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("kind", "method", "name"), CASES)
def test_no_index_is_ignored(kind, method, name):
    column = pd.DataFrame(of(kind, name), NAMES)
    column = column.squeeze() if name != "attributes" else column
    message = rf"Got {name} with the index of X in another order \('P39' in row 0, where"
    with pytest.raises(ValueError, match=message):
        call(kind, method, X, **{name: column[::-1]})


def test_an_index_of_other_rows_is_refused_and_one_that_counts_is_not():
    y = pd.Series(COLUMNS["y"], [f"Q{i}" for i in range(40)])
    model = small(AutoencoderClassifier)
    with pytest.raises(ValueError, match=r"y with another index than X \('Q0' in row 0"):
        model.fit(X, y)
    expected = model.fit(X, COLUMNS["y"]).predict_proba(X)
    for same in (y.reset_index(drop=True), y.set_axis(X.index), list(y)):
        np.testing.assert_array_equal(model.fit(X, same).predict_proba(X), expected)
    counted = X.reset_index(drop=True)
    np.testing.assert_array_equal(model.fit(counted, y).predict_proba(counted), expected)


@pytest.mark.filterwarnings("ignore::skvae.exceptions.PosteriorCollapseWarning")
@pytest.mark.parametrize("unit", ["datetime64[ns]", "timedelta64[D]"])
@pytest.mark.parametrize("name", ["y", "attributes", "sample_weight"])
def test_dates_are_no_numbers(unit, name):
    dates = np.arange(18000, 18040).astype(unit)
    model = small(AttriVAE, task="regression")
    for given in (dates, pd.Series(dates), dates.astype(object)):
        if given.dtype == object and not isinstance(
            given[0], datetime.date | datetime.timedelta
        ):
            continue  # nanoseconds become integers here
        with pytest.raises(ValueError, match=f"Got {name}.*AttriVAE expects numbers"):
            model.fit(ROWS, **{"y": COLUMNS["sample_weight"], name: given})


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (np.zeros((40, 2)), r"groups of shape \(40, 2\), but Autoencoder expects one pat"),
        ([("a", 1)] * 40, r"groups of shape \(40, 2\)"),
        (np.where(np.arange(40) == 3, np.nan, 1.0), "groups with nan in row 3"),
        ([*["a"] * 7, None, *["b"] * 32], "groups with None in row 7"),
        (pd.Series([1, pd.NA] * 20, dtype="Int64"), r"groups with (nan|<NA>) in row 1"),
        (np.arange(39), "inconsistent numbers of samples"),
    ],
)
def test_every_row_has_one_group(groups, message):
    for early_stopping in (False, True):
        model = small(Autoencoder, early_stopping=early_stopping)
        with pytest.raises(ValueError, match=message):
            model.fit(ROWS, groups=groups)


def test_groups_may_be_anything_that_has_a_name():
    for groups in (["a", "b"], [1, 2], pd.to_datetime(["2020-01-01", "2020-01-02"])):
        assert len(check_groups(groups, ROWS[:2], "A")) == 2


def test_weights():
    np.testing.assert_array_equal(check_weight([1, 0, 2], ROWS[:3], "A"), [1.0, 0.0, 2.0])
    with pytest.raises(ValueError, match="sample_weight of dtype <U1, but A expects num"):
        check_weight(["1", "2"], ROWS[:2], "A")


@pytest.mark.parametrize(
    ("column", "missing"),
    [
        ([1.0, np.nan], [False, True]),
        (np.array([1, pd.NA], dtype=object), [False, True]),
        (np.array([None, "a"], dtype=object), [True, False]),
        (np.array(["NaT", "2020"], dtype="M8[D]"), [True, False]),
        ([[1.0, np.nan], [2.0, 3.0]], [[False, True], [False, False]]),
        (np.array([[1, None]], dtype=object), [[False, True]]),
        (["nan", "b"], [False, False]),
    ],
)
def test_what_is_missing(column, missing):
    np.testing.assert_array_equal(is_missing(np.asarray(column)), missing)


@pytest.mark.parametrize("kind", ["records", "tuples", "continuous"])
def test_what_are_no_classes_is_refused_as_by_scikit_learn(kind):
    time = np.arange(40.0) + 0.1
    records = np.array(
        list(zip(time > 9, time, strict=True)), dtype=[("e", "?"), ("t", "f8")]
    )
    y = {"records": records, "tuples": records.astype(object), "continuous": time}[kind]
    for model in (small(AttriVAE), small(AutoencoderClassifier)):
        name = type(model).__name__
        with pytest.raises(ValueError, match=f"that {name} cannot.* Unknown label type: "):
            model.fit(ROWS, y)
    if kind == "records":
        with pytest.raises(ValueError, match=r"y of dtype \[\('e'"):
            small(AutoencoderRegressor).fit(ROWS, y)
