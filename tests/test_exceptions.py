import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import skvae
from skvae.exceptions import PosteriorCollapseWarning
from skvae.inspection import spearman_correlation_score

X = np.random.default_rng(0).normal(size=(40, 3))


def collapsing(**parameters):
    return skvae.VAEFeatureExtractor(
        2, beta=1e4, max_iter=30, learning_rate_init=1e-2, random_state=0, **parameters
    )


@pytest.mark.parametrize(
    ("category", "call"),
    [
        (PosteriorCollapseWarning, lambda: collapsing().fit(X)),
        (PosteriorCollapseWarning, lambda: collapsing().fit_transform(X)),
        (PosteriorCollapseWarning, lambda: make_pipeline(collapsing()).fit(X)),
        (
            PosteriorCollapseWarning,
            lambda: GridSearchCV(collapsing(), {"pool": ["avg"]}, cv=2).fit(X),
        ),
        (
            UserWarning,
            lambda: skvae.AttriVAE(2, max_iter=1).fit(X, np.repeat([-1, 0], 20)),
        ),
        (UserWarning, lambda: spearman_correlation_score(X, np.ones(40))),
    ],
    ids=["fit", "fit_transform", "pipeline", "search", "labels", "score"],
)
def test_a_warning_names_the_line_of_the_user(category, call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    found = {Path(w.filename).name for w in caught if issubclass(w.category, category)}
    assert found == {Path(__file__).name}
