import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from skvae.features.monotone import MonotoneMap


def test_a_monotone_relation_is_found_exactly():
    unit = np.random.default_rng(0).normal(size=200)
    attribute = np.exp(unit)
    fitted = MonotoneMap.fit(unit, attribute)
    np.testing.assert_allclose(fitted.to_attribute(unit), attribute)
    np.testing.assert_allclose(fitted.to_unit(attribute), unit)


@given(seed=st.integers(0, 200), noise=st.sampled_from([0.0, 0.3, 3.0]))
def test_there_and_back_increases_and_stays_in_the_range(seed, noise):
    rng = np.random.default_rng(seed)
    unit = rng.normal(size=50)
    attribute = 2 * unit + noise * rng.normal(size=50) + 7
    fitted = MonotoneMap.fit(unit, attribute)
    grid = np.linspace(-5, 5, 101)
    values = fitted.to_attribute(grid)
    assert (np.diff(values) >= 0).all()
    assert values.min() >= attribute.min() - 1e-9
    assert values.max() <= attribute.max() + 1e-9
    inner = np.linspace(fitted.values[0], fitted.values[-1], 31)
    np.testing.assert_allclose(fitted.to_attribute(fitted.to_unit(inner)), inner)


def test_noise_is_averaged_as_isotonic_regression_does():
    rng = np.random.default_rng(0)
    unit = rng.normal(size=2000)
    attribute = unit**3 + rng.normal(size=2000)
    fitted = MonotoneMap.fit(unit, attribute)
    steps = IsotonicRegression().fit(unit, attribute).predict(unit)
    inner = np.abs(unit) < 1.5
    difference = np.abs(fitted.to_attribute(unit) - steps)[inner]
    assert difference.mean() < 0.1
    assert np.abs(fitted.to_attribute(1.0) - 1.0) < 0.25


def test_the_unit_of_a_level_is_in_the_middle_of_it():
    unit = np.linspace(0, 3, 301)
    fitted = MonotoneMap.fit(unit, np.floor(unit.clip(max=2.99)))
    np.testing.assert_allclose(fitted.to_unit([0, 1, 2]), [0.5, 1.5, 2.5], atol=0.02)


def test_missing_attributes_are_left_out():
    unit = np.arange(5.0)
    fitted = MonotoneMap.fit(unit, np.array([0.0, np.nan, 4.0, np.nan, 8.0]))
    assert fitted.to_attribute(3.0) == pytest.approx(6.0)
    assert (fitted.lowest, fitted.highest) == (0.0, 8.0)


def test_an_attribute_that_a_unit_does_not_follow_has_one_value():
    fitted = MonotoneMap.fit(np.arange(4.0), np.arange(4.0)[::-1])
    np.testing.assert_allclose(fitted.to_attribute([-1.0, 9.0]), 1.5)
