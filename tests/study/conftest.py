"""Small cohorts and arms that the tests of the study share."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


@pytest.fixture(scope="session")
def cohort():
    """Return 120 rows of 50 patients, of which the first column tells the class."""
    rng = np.random.default_rng(0)
    groups = np.concatenate([np.arange(50), rng.integers(0, 50, 70)])
    y = groups % 2
    X = rng.normal(size=(120, 8))
    X[:, 0] += 2.0 * y
    return X, y, np.array([f"P{g:03d}" for g in groups])


@pytest.fixture
def arms():
    """Return two quick arms, one of them searched."""
    pca = make_pipeline(StandardScaler(), PCA(2, random_state=0), LogisticRegression())
    raw = make_pipeline(StandardScaler(), LogisticRegression())
    return {"pca": (pca, {"pca__n_components": [1, 3]}), "raw": raw}
