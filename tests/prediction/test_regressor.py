import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from sklearn.preprocessing import StandardScaler

from skvae import Autoencoder, AutoencoderRegressor

X, Y = load_diabetes(return_X_y=True)
X = StandardScaler().fit_transform(X).astype(np.float32)
TRAIN, TEST = slice(0, 300), slice(300, None)
QUIET = {"device": "cpu", "n_threads": 1, "random_state": 0}


def regressor(**parameters):
    autoencoder = Autoencoder(8, hidden_layer_sizes=(32,), max_iter=20)
    given = {"autoencoder": autoencoder, "finetune_max_iter": 5}
    return AutoencoderRegressor(**QUIET | given | parameters)


def test_it_predicts_about_as_well_as_a_linear_model():
    fitted = regressor().fit(X[TRAIN], Y[TRAIN])
    linear = LinearRegression().fit(X[TRAIN], Y[TRAIN]).score(X[TEST], Y[TEST])
    score = fitted.score(X[TEST], Y[TEST])
    assert score == pytest.approx(r2_score(Y[TEST], fitted.predict(X[TEST])))
    assert score > linear - 0.1


def test_the_unit_of_the_target_does_not_matter():
    fitted = regressor().fit(X[TRAIN], Y[TRAIN])
    other = regressor().fit(X[TRAIN], 1e4 * Y[TRAIN] - 5e5)
    expected = 1e4 * fitted.predict(X[TEST]) - 5e5
    np.testing.assert_allclose(other.predict(X[TEST]), expected, rtol=1e-3, atol=1e3)
    assert other.target_mean_ == pytest.approx(1e4 * Y[TRAIN].mean() - 5e5, rel=1e-5)
    prediction = other.set_params(layer="prediction").transform(X[TEST])[:, 0]
    in_units = prediction.astype(float) * other.target_scale_ + other.target_mean_
    np.testing.assert_allclose(other.predict(X[TEST]), in_units, rtol=1e-6)


def test_rows_without_a_target_are_pretrained_on_and_no_more():
    some = np.where(np.arange(300) % 2, np.nan, Y[TRAIN])
    labelled = ~np.isnan(some)
    scratch = {"pretrain": False, "head_max_iter": 3}
    one = regressor(**scratch).fit(X[TRAIN], some)
    other = regressor(**scratch).fit(X[TRAIN][labelled], Y[TRAIN][labelled])
    np.testing.assert_array_equal(one.predict(X), other.predict(X))
    assert one.target_mean_ == pytest.approx(np.nanmean(some), rel=1e-6)
    pretrained = regressor().fit(X[TRAIN], some)
    assert pretrained.score(X[TEST], Y[TEST]) > 0.2


def test_a_constant_target_is_predicted():
    fitted = regressor().fit(X[TRAIN], np.full(300, 7.0))
    np.testing.assert_allclose(fitted.predict(X), 7.0, atol=0.5)
    assert fitted.target_scale_ == 1.0


def test_missing_everywhere_is_refused():
    with pytest.raises(ValueError, match="without a single target, but Autoencoder"):
        regressor().fit(X[TRAIN], np.full(300, np.nan))


def test_what_has_no_target_does_not_count_in_a_score():
    fitted = regressor(pretrain=False).fit(X[TRAIN], Y[TRAIN])
    some = np.where(np.arange(len(Y)) % 3, Y, np.nan)
    there = ~np.isnan(some)
    expected = r2_score(Y[there], fitted.predict(X[there]))
    assert fitted.score(X, some) == pytest.approx(expected)


def test_targets_that_are_too_large_are_refused():
    with pytest.raises(ValueError, match="y with entries up to"):
        regressor().fit(X[TRAIN], Y[TRAIN] * 1e300)
