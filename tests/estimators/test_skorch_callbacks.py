import pickle

import numpy as np
import pytest
from contract import TRAINED, given, labels, small
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback, EarlyStopping, EpochTimer, LRScheduler

from skvae import Autoencoder, VAEFeatureExtractor
from skvae.training.caching import n_trainings

pytestmark = pytest.mark.filterwarnings(
    "ignore::skvae.exceptions.PosteriorCollapseWarning",
)


class Counting(Callback):
    """A user's own."""

    def __init__(self, step=1):
        self.step = step

    def initialize(self):
        self.n_ = 0
        return self

    def on_epoch_end(self, net, **kwargs):
        self.n_ += self.step
        net.history.record("counted", self.n_)


@pytest.mark.parametrize("kind", TRAINED, ids=lambda kind: kind.__name__)
def test_every_kind_takes_callbacks(kind):
    X = given(kind, "images")
    y = labels(kind, X)
    counting = Counting(step=2)
    fitted = small(kind, skorch_callbacks=[EpochTimer(), ("own", counting)]).fit(X, y)
    plain = small(kind).fit(X, y)
    np.testing.assert_array_equal(fitted.transform(X), plain.transform(X))
    counted = [row["counted"] for row in fitted.history_ if "counted" in row]
    assert counted == list(range(2, 2 * len(counted) + 1, 2))
    assert len(counted) == len(plain.history_) - ("autoencoder" in kind().get_params()) * 2
    assert not hasattr(counting, "n_")
    again = fitted.fit(X, y)
    assert counted == [row["counted"] for row in again.history_ if "counted" in row]


def test_such_fits_are_not_remembered(rows, tmp_path):
    memory = str(tmp_path)
    small(Autoencoder, memory=memory, skorch_callbacks=[Counting()]).fit(rows)
    assert n_trainings(memory) == 0
    for nothing in ([], None):
        small(Autoencoder, memory=memory, skorch_callbacks=nothing).fit(rows)
    assert n_trainings(memory) == 1


def test_a_search_clones_them(rows):
    callbacks = [LRScheduler("StepLR", step_size=1, gamma=0.5), EarlyStopping("train_loss")]
    estimator = small(VAEFeatureExtractor, skorch_callbacks=callbacks)
    grid = {"skorch_callbacks": [None, callbacks]}
    search = GridSearchCV(estimator, grid, cv=2, scoring=lambda e, *_: len(e.history_[0]))
    search.fit(rows)
    best = search.best_estimator_
    assert [row["event_lr"] for row in best.history_] == [1e-3, 5e-4, 2.5e-4]
    features = best.transform(rows)
    loaded = pickle.loads(pickle.dumps(best))
    np.testing.assert_array_equal(loaded.transform(rows), features)
    np.testing.assert_array_equal(clone(best).fit(rows).transform(rows), features)


def test_training_that_goes_on_is_another_training(rows):
    estimator = small(Autoencoder, skorch_callbacks=[Counting()], warm_start=True)
    estimator.fit(rows).fit(rows).partial_fit(rows)
    assert [row["counted"] for row in estimator.history_] == [1, 2, 3, 1, 2, 3, 1]


def test_what_is_no_callback_is_named_and_nothing_changes(rows, tmp_path):
    estimator = small(Autoencoder, skorch_callbacks=[print])
    with pytest.raises(ValueError, match=r"skorch_callbacks=.*expected a list of skorch"):
        estimator.fit(rows)
    assert not hasattr(estimator, "n_features_in_")
    with pytest.raises(ValueError, match="'skorch_callbacks' parameter"):
        small(Autoencoder, skorch_callbacks=EpochTimer()).fit(rows)
    with pytest.raises(ValueError, match=r"checkpoint=.*callbacks that could end"):
        small(
            Autoencoder, checkpoint=tmp_path / "new", skorch_callbacks=[EpochTimer()]
        ).fit(rows)
