"""Estimators of several networks are the networks one by one, read together."""

from contextlib import contextmanager

import numpy as np
import pytest
from contract import small
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler

import skvae
from skvae import AttriVAE, Autoencoder, AutoencoderClassifier, VAEFeatureExtractor
from skvae.estimators import trained
from skvae.exceptions import NonFiniteLossError
from skvae.search import fill_cache
from skvae.training.caching import n_trainings
from skvae.training_counts import counted_trainings

X = StandardScaler().fit_transform(load_breast_cancer().data)[:90]
KINDS = [
    skvae.Autoencoder,
    skvae.DenoisingAutoencoder,
    skvae.SparseAutoencoder,
    skvae.VAEFeatureExtractor,
]


def each_alone(several):
    """Fit each network of an estimator by itself, with the seed that it has there."""
    seed = np.random.RandomState(several.random_state).randint(2**31 - 1)
    seeds = np.random.RandomState(seed).randint(2**31 - 1, size=several.n_networks - 1)

    alone = []
    for found in (seed, *seeds):
        one = several.__class__(**several.get_params()).set_params(
            n_networks=1, random_state=Known(int(found))
        )
        alone.append(one.fit(X))
    return alone


class Known(np.random.RandomState):
    """A random state that draws one number."""

    def __init__(self, number):
        super().__init__(0)
        self.number = number

    def randint(self, *_, **__):
        return self.number


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_networks", [2, 5])  # one after the other, and stacked
def test_layers_are_those_of_each_network_side_by_side(kind, n_networks):
    several = small(kind, n_networks=n_networks).fit(X)
    alone = each_alone(several)
    layers = [layer.name for layer in several.list_layers()][:2]
    for layer in {*layers, several.layer} - {"corrupted"}:
        found = several.set_params(layer=layer).transform(X)
        expected = [one.set_params(layer=layer).transform(X) for one in alone]
        np.testing.assert_array_equal(found, np.concatenate(expected, axis=1))
        names = several.get_feature_names_out()
        assert list(names) == [f"{layer}_{i}" for i in range(found.shape[1])]
    rows = np.mean([one.reconstruct(X) for one in alone], axis=0)
    np.testing.assert_allclose(several.reconstruct(X), rows, atol=1e-6)
    kept = [[row["loss"] for row in one.history_] for one in alone]
    for number, losses in enumerate(kept):
        mine = [row for row in several.history_ if row["network"] == number]
        assert [row["loss"] for row in mine] == losses


@pytest.mark.parametrize("kind", KINDS)
def test_decoding_the_codes_is_the_mean_reconstruction(kind):
    several = small(kind, n_networks=3).fit(X)
    decoded = several.inverse_transform(several.transform(X))
    np.testing.assert_allclose(decoded, several.reconstruct(X), atol=1e-5)


def test_layers_are_listed_before_fit_as_behind_it():
    several = small(VAEFeatureExtractor, n_networks=3)
    assert several.list_layers(X) == several.fit(X).list_layers()
    assert {layer.name: layer.shape for layer in several.list_layers()}["mean"] == (9,)
    assert several.kl_per_component_.shape == (9,)


def test_averaged_codes_are_near_to_each_network_and_decode():
    several = small(Autoencoder, n_networks=4, max_iter=60, learning_rate_init=1e-2).fit(X)
    codes = several.transform(X)
    averaged = several.set_params(combine="average").transform(X)
    assert averaged.shape == (90, 3)
    assert several.list_layers()[1].n_features == 3
    first = codes[:, :3]
    r2 = 1 - np.square(averaged - first).sum() / np.square(first - first.mean(0)).sum()
    unturned = codes.reshape(90, 4, 3).mean(axis=1)
    worse = 1 - np.square(unturned - first).sum() / np.square(first - first.mean(0)).sum()
    assert r2 > 0.7 > worse
    decoded = several.inverse_transform(averaged)
    assert (
        np.square(decoded - X).mean() < 1.2 * np.square(several.reconstruct(X) - X).mean()
    )
    with pytest.raises(ValueError, match="combine='average' with layer='decoded_1'"):
        several.set_params(layer="decoded_1").transform(X)


def test_images_and_holes():
    images = np.random.default_rng(0).random((20, 1, 6, 6), dtype=np.float32)
    several = small(Autoencoder, n_networks=2, layer=["conv_1", "code"]).fit(images)
    assert several.transform(images).shape == (20, 2 * 2 + 2 * 3)
    gone = np.where(np.random.default_rng(1).random(X.shape) < 0.2, np.nan, X)
    holes = small(VAEFeatureExtractor, n_networks=2, missing="mask").fit(gone)
    filled = holes.impute(gone)
    np.testing.assert_array_equal(filled[~np.isnan(gone)], gone[~np.isnan(gone)])
    assert np.isfinite(filled).all()


def test_a_memory_holds_each_network_once(tmp_path):
    three = small(Autoencoder, n_networks=3, memory=str(tmp_path)).fit(X)
    five = small(Autoencoder, n_networks=5, memory=str(tmp_path)).fit(X)
    assert n_trainings(str(tmp_path)) == 5
    np.testing.assert_array_equal(five.transform(X)[:, :9], three.transform(X))


def test_a_search_trains_all_of_them_ahead(tmp_path):
    several = small(Autoencoder, n_networks=3, memory=str(tmp_path))
    folds = KFold(3)
    assert fill_cache(several, X, cv=folds, param_grid={"layer": ["code"]}) == 9
    with counted_trainings() as count:
        for rows, _ in folds.split(X):
            several.fit(X[rows])
    assert count.n == 0


def test_checkpoints_of_all_go_when_the_fit_is_over(tmp_path):
    several = small(Autoencoder, n_networks=3, checkpoint=str(tmp_path)).fit(X)
    assert list(tmp_path.glob("*.skvae*")) == []
    without = small(Autoencoder, n_networks=3).fit(X)
    np.testing.assert_array_equal(several.transform(X), without.transform(X))


def test_a_saved_one_reads_the_same(tmp_path):
    several = small(VAEFeatureExtractor, n_networks=2, combine="average").fit(X)
    skvae.save(several, tmp_path / "several.skvae")
    loaded = skvae.load(tmp_path / "several.skvae")
    np.testing.assert_array_equal(loaded.transform(X), several.transform(X))


def test_of_an_interrupted_fit_the_last_network_is_kept(monkeypatch):
    heard = []

    @contextmanager
    def bar(*_):
        def move(*_):
            heard.append(1)
            if len(heard) == 5:  # in the second network, of three epochs each
                raise KeyboardInterrupt

        yield move

    monkeypatch.setattr(trained, "epoch_bar", bar)
    several = small(Autoencoder, n_networks=3, verbose=True)
    with pytest.raises(KeyboardInterrupt):
        several.fit(X)
    assert several.transform(X).shape == (90, 3)
    assert several.n_iter_ == 2
    assert several.set_params(combine="average").transform(X).shape == (90, 3)


def test_what_goes_with_one_network_alone_is_refused():
    with pytest.raises(ValueError, match="n_networks=2, but training goes on with one"):
        small(Autoencoder, n_networks=2).partial_fit(X)
    with pytest.raises(ValueError, match="n_networks=2, but AttriVAE"):
        small(AttriVAE, n_networks=2).fit(X, attributes=X[:, :2])
    classifier = AutoencoderClassifier(autoencoder=Autoencoder(2, n_networks=2))
    with pytest.raises(ValueError, match="expected an autoencoder with n_networks=1"):
        classifier.fit(X, X[:, 0] > 0)


def test_a_network_that_diverges_is_named_as_alone():
    with pytest.raises(NonFiniteLossError):
        small(Autoencoder, n_networks=5, learning_rate_init=1e30).fit(X)
