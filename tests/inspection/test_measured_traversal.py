import numpy as np
import pandas as pd
import pytest
from contract import small

from skvae import Autoencoder
from skvae.inspection import closed_loop


@pytest.fixture
def linear(rows):
    """A linear autoencoder, whose decoded rows can be computed by hand."""
    return small(Autoencoder, n_components=2, hidden_layer_sizes=()).fit(rows)


def measured_by(matrix):
    return lambda rows: rows @ matrix


def test_against_a_linear_decoder_by_hand(linear, rows):
    matrix = np.random.default_rng(0).normal(size=(12, 3))
    table = closed_loop(linear, rows, measured_by(matrix), units=[1, 0, 1])
    codes = linear.transform(rows).astype(np.float64)
    spans = np.ptp(np.quantile(codes, [0.02, 0.98], axis=0), axis=0)
    real = np.ptp(np.quantile(rows @ matrix, [0.02, 0.98], axis=0), axis=0)
    slopes = matrix.T @ linear.network_.state["to_rows.weight"]
    for k, unit in enumerate([1, 0, 1]):
        change = np.abs(slopes[:, unit]) * spans[unit] / real
        others = [j for j in range(3) if j != k]
        most = max(others, key=lambda j: change[j])
        row = table.loc[k]
        assert row["attribute"] == str(k)
        assert row["unit"] == unit
        assert row["spearman"] == pytest.approx(np.sign(slopes[k, unit]))
        assert row["on_target"] == pytest.approx(change[k], rel=1e-4)
        assert row["off_target"] == pytest.approx(change[most], rel=1e-4)
        assert row["off_target_attribute"] == str(most)
        assert row["n_measured"] == 21


def test_the_real_range_may_be_given(linear, rows):
    matrix = np.eye(12)[:, :2]
    found = closed_loop(linear, rows, measured_by(matrix), units=[0, 1])
    known = pd.DataFrame(10 * rows @ matrix, columns=["width", "height"])
    given = closed_loop(linear, rows, measured_by(matrix), attributes=known, units=[0, 1])
    np.testing.assert_allclose(given["on_target"], found["on_target"] / 10, rtol=1e-5)
    assert list(given["attribute"]) == ["width", "height"]


def test_what_cannot_be_measured_is_counted_and_left_out(linear, rows):
    def measure(decoded):
        value = decoded[:, :1].astype(np.float64)
        value[3] = np.nan
        return np.hstack([value, np.full_like(value, np.nan) if len(value) == 9 else value])

    table = closed_loop(linear, rows, measure, units=[0, 1], n_steps=9)
    assert list(table["n_measured"]) == [8, 0]
    assert abs(table.loc[0, "spearman"]) == pytest.approx(1)
    assert table.loc[1, "spearman"] == 0
    assert np.isnan(table.loc[1, "on_target"])


def test_a_single_attribute_has_no_other(linear, rows):
    table = closed_loop(linear, rows, measured_by(np.eye(12)[:, :1]), units=[0])
    assert np.isnan(table.loc[0, "off_target"])
    assert table.loc[0, "off_target_attribute"] is None


def test_an_attribute_that_does_not_move_has_spearman_zero(linear, rows):
    matrix = np.eye(12)[:, :1]

    def measure(decoded):
        return decoded @ matrix if len(decoded) == len(rows) else np.ones((len(decoded), 1))

    table = closed_loop(linear, rows, measure, units=[0])
    assert table.loc[0, "spearman"] == 0
    assert table.loc[0, "on_target"] == 0


def test_units_follow_the_attributes_of_the_fit(digits):
    def measure(images):
        columns = np.arange(8) - 3.5
        ink = images.sum(axis=(1, 2, 3))
        return np.column_stack([ink, (images * columns).sum(axis=(1, 2, 3))])

    table = closed_loop(digits.vae, digits.X, measure)
    assert list(table["attribute"]) == ["ink", "slant"]
    assert list(table["unit"]) == [0, 1]
    explicit = closed_loop(digits.vae, digits.X, measure, units=[0, 1])
    pd.testing.assert_frame_equal(explicit, table)


def test_a_unit_that_knows_the_ink_of_digits_changes_the_ink(digits):
    def measure(images):
        return images.mean(axis=(1, 2, 3))

    codes = digits.vae.transform(digits.X)
    r = [np.corrcoef(code, measure(digits.X))[0, 1] for code in codes.T]
    unit = int(np.abs(r).argmax())
    row = closed_loop(digits.vae, digits.X, measure, units=[unit]).loc[0]
    assert row["spearman"] * np.sign(r[unit]) > 0.9


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "Got no units, but Autoencoder was fitted with the attributes"),
        ({"units": [0]}, r"Got units=\[0\], but there are 2 attributes"),
        ({"units": [0, 2]}, "Got unit=2, but Autoencoder has the units 0 to 1"),
        ({"units": [0, 1], "attributes": np.ones((60, 2))}, "a constant '0'"),
        ({"units": [0], "attributes": np.arange(60)}, r"shape \(21, 2\) .* \(21, 1\)"),
    ],
)
def test_what_cannot_be_closed(linear, rows, parameters, message):
    with pytest.raises(ValueError, match=message):
        closed_loop(linear, rows, measured_by(np.eye(12)[:, :2]), **parameters)
