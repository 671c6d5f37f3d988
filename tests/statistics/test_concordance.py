import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skvae.study import concordance_index, riley_sample_size

ROWS = st.lists(
    st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 4)), min_size=1, max_size=25
)


def by_pairs(rows):
    comparable = concordant = 0.0
    for event, time, risk in rows:
        if not event:
            continue
        for other_event, other_time, other_risk in rows:
            if time < other_time or (time == other_time and not other_event):
                comparable += 1
                concordant += (risk > other_risk) + (risk == other_risk) / 2
    return concordant / comparable if comparable else np.nan


@given(ROWS)
def test_it_counts_pairs(rows):
    event, time, risk = zip(*rows, strict=True)
    found = concordance_index(event, time, risk)
    assert found == pytest.approx(by_pairs(rows), nan_ok=True)


@given(ROWS)
def test_the_opposite_risk_has_the_opposite_concordance(rows):
    event, time, risk = map(np.array, zip(*rows, strict=True))
    both = concordance_index(event, time, risk) + concordance_index(event, time, -risk)
    assert np.isnan(both) or both == pytest.approx(1.0)


def test_many_rows_are_taken_in_parts(monkeypatch):
    rng = np.random.default_rng(0)
    event, time, risk = rng.random(200) < 0.6, rng.random(200), rng.random(200)
    whole = concordance_index(event, time, risk)
    monkeypatch.setattr("skvae.statistics.concordance._MOST_PAIRS_AT_ONCE", 1000)
    assert concordance_index(event, time, risk) == whole


@pytest.mark.parametrize(
    ("event", "time", "risk", "message"),
    [
        ([True], [1.0, 2.0], [1.0], "of shapes"),
        ([True, False], [1.0, np.nan], [1.0, 2.0], "not finite"),
    ],
)
def test_bad_columns(event, time, risk, message):
    with pytest.raises(ValueError, match=message):
        concordance_index(event, time, risk)


def test_riley_gives_the_published_example():
    """Riley et al. (2020), figure 4: 24 parameters, prevalence .174, Cox-Snell R2 .288."""
    prevalence = 0.174
    r2_max = 1 - (prevalence**prevalence * (1 - prevalence) ** (1 - prevalence)) ** 2
    found = riley_sample_size(24, prevalence, nagelkerke_r2=0.288 / r2_max)
    assert 620 <= found <= 670
