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


def test_a_weight_counts_as_copies_would():
    rng = np.random.default_rng(0)
    unit, weight = rng.normal(size=40), rng.integers(0, 4, size=40)
    attribute = unit + rng.normal(size=40)
    weight[attribute.argmax()] = 0
    fitted = MonotoneMap.fit(unit, attribute, weight)
    copies = MonotoneMap.fit(np.repeat(unit, weight), np.repeat(attribute, weight))
    np.testing.assert_allclose(fitted.values, copies.values)
    np.testing.assert_allclose(fitted.units, copies.units)
    assert (fitted.lowest, fitted.highest) == (copies.lowest, copies.highest)
    assert fitted.highest < attribute.max()


@given(seed=st.integers(0, 50), offset=st.sampled_from([0.1, 1e9, -3e14]))
def test_no_value_is_beyond_those_given(seed, offset):
    rng = np.random.default_rng(seed)
    attribute = offset + rng.integers(0, 3, size=30) / 7
    fitted = MonotoneMap.fit(rng.normal(size=30), attribute)
    assert fitted.lowest == attribute.min() <= fitted.values.min()
    assert fitted.values.max() <= attribute.max() == fitted.highest
