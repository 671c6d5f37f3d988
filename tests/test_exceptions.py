import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import skvae
from skvae.exceptions import PosteriorCollapseWarning, listed_briefly, said_once
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


def test_a_loop_says_each_kind_of_warning_once():
    def loop():
        with said_once():
            for i in range(900):
                warnings.warn(f"score {i} of [nan 0.{i}] is undefined", stacklevel=1)
                warnings.warn("too few epochs", ConvergenceWarning, stacklevel=1)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        loop()
    assert [(w.category, str(w.message)) for w in caught] == [
        (UserWarning, "score 0 of [nan 0.0] is undefined (and 899 more alike)"),
        (ConvergenceWarning, "too few epochs (and 899 more alike)"),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="score 0"):
            loop()


def test_a_list_that_is_long_ends_with_a_number():
    assert listed_briefly(["a", "b"]) == "a, b"
    assert listed_briefly(list("abcde")) == "a, b, c, and 2 more"
