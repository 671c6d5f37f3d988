"""Predictors of several networks predict the mean of what each of them does."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import cross_val_predict

import skvae
from skvae import AutoencoderClassifier, AutoencoderRegressor, DenoisingAutoencoder
from skvae.estimators.several_fits import one_by_one
from skvae.networks.side_by_side import logits_of_mean
from skvae.training_counts import counted_trainings

X, DIGIT = load_digits(return_X_y=True)
X = X[:150].astype(np.float32) / 16
IMAGES = X.reshape(-1, 1, 8, 8)
SHORT = {"head_max_iter": 1, "finetune_max_iter": 2, "batch_size": 64, "random_state": 0}
ROWS = {"autoencoder": skvae.Autoencoder(5, max_iter=2), **SHORT}
MAPS = {"autoencoder": DenoisingAutoencoder(4, channels=(3, 5), max_iter=1), **SHORT}
TARGETS = {"digit": DIGIT[:150], "even": DIGIT[:150] % 2, "few": DIGIT[:150] % 3 - 1}


def softmax(logits):
    logits = np.atleast_2d(logits.T).T.astype(np.float64)
    if logits.shape[1] == 1:
        logits = np.hstack([np.zeros_like(logits), logits])
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(("samples", "options"), [(X, ROWS), (IMAGES, MAPS)])
@pytest.mark.parametrize("target", TARGETS)
def test_probabilities_are_the_mean_of_those_of_each(samples, options, target):
    y = TARGETS[target]  # of -1, 0, 1 the first is a missing label
    several = AutoencoderClassifier(n_networks=3, **options)
    alone = [one.fit(samples, y) for one in one_by_one(several)]
    several.fit(samples, y)
    each = [one.decision_function(samples) for one in alone]
    expected = np.mean([softmax(logits) for logits in each], axis=0)
    np.testing.assert_allclose(several.predict_proba(samples), expected, atol=1e-6)
    assert list(several.classes_) == [c for c in np.unique(y) if c >= 0]
    np.testing.assert_array_equal(
        several.predict(samples), several.classes_[expected.argmax(axis=1)]
    )
    np.testing.assert_allclose(
        softmax(several.decision_function(samples)), expected, atol=1e-6
    )
    features = [one.transform(samples) for one in alone]
    np.testing.assert_array_equal(several.transform(samples), np.hstack(features))
    first = AutoencoderClassifier(**options).fit(samples, y)
    np.testing.assert_array_equal(first.transform(samples), features[0])
    assert not np.allclose(features[1], features[0])
    for name in ("history_", "phases_"):
        rows = [row for row in getattr(several, name) if row["network"] == 2]
        assert rows == [{"network": 2} | row for row in getattr(alone[2], name)]


def test_numbers_are_averaged():
    y = np.column_stack([X.sum(axis=1), X[:, 20]])
    several = AutoencoderRegressor(n_networks=2, **ROWS)
    each = [one.fit(X, y).predict(X) for one in one_by_one(several)]
    np.testing.assert_allclose(
        several.fit(X, y).predict(X), np.mean(each, axis=0), atol=1e-4
    )


def test_sure_networks_have_finite_logits():
    logits = torch.tensor([[[200.0], [-3.0]], [[190.0], [1.0]]])
    found = logits_of_mean(logits)[:, 0]
    p = (1 / (1 + np.exp(3)) + 1 / (1 + np.exp(-1))) / 2
    assert found[0] == pytest.approx(
        np.log(2 / (np.exp(-200.0) + np.exp(-190.0))), rel=1e-5
    )
    assert found[1] == pytest.approx(np.log(p / (1 - p)), rel=1e-5)


def test_what_is_known_is_not_trained_again(tmp_path):
    kinds = {
        n: AutoencoderClassifier(n_networks=n, memory=str(tmp_path), **ROWS) for n in (2, 3)
    }
    with counted_trainings() as first:
        kinds[2].fit(X, DIGIT[:150])
    with counted_trainings() as then:
        kinds[3].fit(X, DIGIT[:150])
    assert (first.n, then.n) == (4, 2)  # an autoencoder and a predictor for each


def test_an_interrupted_fit_keeps_what_is_whole(monkeypatch):
    several = AutoencoderClassifier(n_networks=3, **ROWS)
    fit = AutoencoderClassifier._fit
    seeds = []

    def stopped_at_the_third(self, *args, **kwargs):
        seeds.append(self.random_state)
        if len(seeds) == 3:
            raise KeyboardInterrupt
        return fit(self, *args, **kwargs)

    monkeypatch.setattr(AutoencoderClassifier, "_fit", stopped_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        several.fit(X, DIGIT[:150])
    assert several.transform(X).shape == (150, 2 * 5)
    assert several.predict_proba(X).shape == (150, 10)
    assert several.n_networks == 3


def test_without_a_seed_each_draws_its_own():
    several = AutoencoderClassifier(n_networks=2, **ROWS | {"random_state": None})
    assert [one.random_state for one in one_by_one(several)] == [None, None]
    rng = np.random.RandomState(3)
    drawn = AutoencoderClassifier(n_networks=3, **ROWS | {"random_state": rng})
    first, *others = one_by_one(drawn)
    assert first.random_state.randint(2**31 - 1) == np.random.RandomState(3).randint(
        2**31 - 1
    )
    assert len({one.random_state for one in others}) == 2


def test_it_is_saved_and_searched(tmp_path):
    several = AutoencoderClassifier(n_networks=2, **ROWS).fit(X, DIGIT[:150])
    skvae.save(several, tmp_path / "model.skvae")
    loaded = skvae.load(tmp_path / "model.skvae")
    np.testing.assert_array_equal(loaded.predict_proba(X), several.predict_proba(X))
    assert loaded.get_params()["n_networks"] == 2
    found = cross_val_predict(several, X, DIGIT[:150], cv=2, method="predict_proba")
    assert found.shape == (150, 10)
