import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.exceptions import DataConversionWarning
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from sklearn.preprocessing import StandardScaler

from skvae import AttriVAE, Autoencoder, AutoencoderRegressor, SequenceRegressor

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


def test_several_targets_are_predicted_about_as_well_as_alone():
    two = np.column_stack([Y, 1e3 * X[:, 2] - 5e4])
    fitted = regressor().fit(X[TRAIN], two[TRAIN])
    predicted = fitted.predict(X[TEST])
    assert (predicted.shape, predicted.dtype) == ((142, 2), np.float64)
    assert fitted.score(X[TEST], two[TEST]) == pytest.approx(r2_score(two[TEST], predicted))
    linear = LinearRegression().fit(X[TRAIN], two[TRAIN]).predict(X[TEST])
    raw = {"multioutput": "raw_values"}
    expected = r2_score(two[TEST], linear, **raw) - 0.15
    assert (r2_score(two[TEST], predicted, **raw) > expected).all()
    np.testing.assert_allclose(fitted.target_mean_, two[TRAIN].mean(axis=0))
    np.testing.assert_allclose(fitted.target_scale_, two[TRAIN].std(axis=0))
    assert fitted.__sklearn_tags__().target_tags.multi_output


def test_a_target_may_be_missing_beside_another():
    """What is learned of one does not depend on what another is where it is missing."""
    two = np.column_stack([Y, Y])[TRAIN]
    two[::3, 1] = np.nan
    two[::9, 0] = np.nan
    some = {"pretrain": False, "head_max_iter": 2}
    fitted = regressor(**some).fit(X[TRAIN], two)
    labelled = ~np.isnan(two).all(axis=1)
    other = regressor(**some).fit(X[TRAIN][labelled], two[labelled])
    np.testing.assert_array_equal(fitted.predict(X), other.predict(X))


def test_one_column_is_no_second_axis():
    one = regressor(pretrain=False).fit(X[TRAIN], Y[TRAIN])
    with pytest.warns(DataConversionWarning, match="column-vector y was passed"):
        column = regressor(pretrain=False).fit(X[TRAIN], Y[TRAIN, None])
    np.testing.assert_array_equal(column.predict(X), one.predict(X))
    assert isinstance(column.target_mean_, float)


@pytest.mark.filterwarnings("ignore::skvae.exceptions.PosteriorCollapseWarning")
@pytest.mark.parametrize("kind", ["sequence", "attributes"])
def test_other_regressors_predict_several_targets(kind):
    two = np.column_stack([Y, -Y])[TRAIN]
    if kind == "sequence":
        model = SequenceRegressor(
            autoencoder=Autoencoder(3, max_iter=1),
            head_max_iter=2,
            finetune_max_iter=1,
            **QUIET,
        )
        X_ = X[TRAIN, None]
    else:
        model, X_ = AttriVAE(3, max_iter=2, task="regression", **QUIET), X[TRAIN]
    model.fit(X_, two)
    assert model.predict(X_).shape == (300, 2)
    assert model.score(X_, two) == pytest.approx(r2_score(two, model.predict(X_)))
    if kind == "attributes":
        with pytest.raises(ValueError, match="AttriVAE has learned 2 targets"):
            model.partial_fit(X_, Y[TRAIN])
