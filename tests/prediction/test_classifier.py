import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import (
    KFold,
    cross_val_predict,
    cross_val_score,
    train_test_split,
)

from skvae import AttriVAE, Autoencoder, AutoencoderClassifier
from skvae.datasets import load_medmnist

X, Y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)
QUIET = {"device": "cpu", "n_threads": 1, "random_state": 0}


def classifier(**parameters):
    autoencoder = Autoencoder(16, hidden_layer_sizes=(32,), max_iter=5)
    given = {"autoencoder": autoencoder, "head_max_iter": 5, "finetune_max_iter": 3}
    return AutoencoderClassifier(**QUIET | given | parameters)


@pytest.mark.parametrize(
    ("n_rows", "n_seeds"), [(400, 2), pytest.param(1250, 10, marks=pytest.mark.nightly)]
)
def test_few_labels_and_many_images(n_rows, n_seeds, tmp_path, record_property):
    """Five labels a class beside many rows without: the defaults make use of these."""
    baselines = {
        "frozen": {"finetune_max_iter": 0},
        "fine-tuned": {},
        "scratch": {"pretrain": False},
    }
    accuracy = {name: [] for name in baselines}
    for seed in range(n_seeds):
        train, test, y, y_test = train_test_split(
            X, Y, train_size=n_rows, random_state=seed, stratify=Y
        )
        some = np.full(len(y), -1)
        for label in range(10):
            chosen = np.flatnonzero(y == label)[:5]
            some[chosen] = label
        for name, baseline in baselines.items():
            fitted = AutoencoderClassifier(
                **QUIET | baseline | {"random_state": seed, "memory": str(tmp_path)}
            ).fit(train, some)
            accuracy[name].append(fitted.score(test, y_test))
    frozen, tuned, scratch = (np.mean(accuracy[name]) for name in baselines)
    for name, scores in accuracy.items():
        record_property(name, f"{np.mean(scores):.3f}")
    assert tuned >= frozen + 0.02
    assert tuned >= scratch + 0.01


@pytest.mark.parametrize(
    "missing",
    [
        lambda y: np.where(np.arange(len(y)) % 2, -1, y),
        lambda y: np.where(np.arange(len(y)) % 2, np.nan, y),
        lambda y: np.array([None if i % 2 else label for i, label in enumerate(y)]),
    ],
    ids=["minus one", "nan", "none"],
)
def test_rows_without_a_label_are_pretrained_on_and_no_more(missing):
    x, y = X[:300], Y[:300]
    fitted = classifier().fit(x, missing(y))
    np.testing.assert_array_equal(fitted.classes_, np.arange(10))
    assert fitted.predict(x).dtype.kind in "if"
    # Whatever the rows without a label are, the head never sees them ...
    frozen = {"finetune_max_iter": 0, "pretrain": False, "head_max_iter": 3}
    some = classifier(**frozen).fit(x, missing(y))
    labelled = np.arange(300) % 2 == 0
    alone = classifier(**frozen).fit(x[labelled], y[labelled])
    np.testing.assert_array_equal(some.transform(x), alone.transform(x))
    # ... but the autoencoder does.
    alone = classifier().fit(x[labelled], y[labelled])
    assert not np.allclose(alone.transform(x), fitted.transform(x))


def test_minus_one_is_a_class_of_two():
    y = np.where(Y[:300] < 5, -1, 1)
    fitted = classifier().fit(X[:300], y)
    np.testing.assert_array_equal(fitted.classes_, [-1, 1])
    assert set(fitted.predict(X[:300])) == {-1, 1}


@pytest.mark.parametrize("names", [["benign", "malignant"], ["a", "b", "c"]])
def test_probabilities_scores_and_classes_agree(names):
    labels = np.array(names)[Y[:300] % len(names)]
    fitted = classifier(finetune_max_iter=10).fit(X[:300], labels)
    score, p = fitted.decision_function(X[:300]), fitted.predict_proba(X[:300])
    assert p.dtype == np.float64
    if len(names) == 2:
        np.testing.assert_allclose(p[:, 1], expit(score), atol=1e-6)
        np.testing.assert_array_equal(fitted.predict(X[:300]) == names[1], score > 0)
    else:
        np.testing.assert_allclose(p, softmax(score, axis=1), atol=1e-6)
    np.testing.assert_array_equal(fitted.predict(X[:300]), fitted.classes_[p.argmax(1)])
    logits = fitted.set_params(layer="logits").transform(X[:300])
    np.testing.assert_array_equal(np.squeeze(logits), score)
    expected = accuracy_score(labels, fitted.predict(X[:300]))
    assert fitted.score(X[:300], labels) == expected > 0.7


def test_a_row_without_weight_is_no_row_to_the_head():
    frozen = {"pretrain": False, "head_max_iter": 4, "batch_size": 100}
    x, y = X[:100], Y[:100]
    weight = np.where(np.arange(100) < 60, 2.0, 0.0)
    wrong = np.where(weight > 0, y, 0)
    first = classifier(**frozen, head_normalization=None)
    one = first.fit(x, y, sample_weight=weight).predict_proba(x)
    other = first.fit(x, wrong, sample_weight=weight).predict_proba(x)
    np.testing.assert_allclose(one, other, atol=1e-6)
    assert not np.allclose(first.fit(x, wrong).predict_proba(x), one)


def test_sample_weights_count_in_pretraining():
    weight = np.r_[np.full(150, 1.0), np.zeros(150)].astype(np.float32)
    expected = Autoencoder(16, hidden_layer_sizes=(32,), max_iter=5, **QUIET)
    expected.fit(X[:300], sample_weight=weight)
    given = Autoencoder(16, hidden_layer_sizes=(32,), max_iter=5, random_state=0)
    fitted = classifier(autoencoder=given, finetune_max_iter=0)
    fitted.fit(X[:300], Y[:300], sample_weight=weight)
    np.testing.assert_array_equal(fitted.transform(X), expected.transform(X))


def test_class_weights_are_sample_weights_of_the_classes():
    y = (Y[:200] == 0).astype(int)
    parameters = {"pretrain": False, "batch_size": 200, "head_max_iter": 2}
    usual = classifier(**parameters).fit(X[:200], y)
    heavy = classifier(**parameters, class_weight={0: 1.0, 1: 8.0}).fit(X[:200], y)
    balanced = classifier(**parameters, class_weight="balanced").fit(X[:200], y)
    assert heavy.predict_proba(X)[:, 1].mean() > usual.predict_proba(X)[:, 1].mean()
    assert balanced.predict_proba(X)[:, 1].mean() > usual.predict_proba(X)[:, 1].mean()
    loss = usual.history_[0]["prediction"]
    assert heavy.history_[0]["prediction"] > loss


def test_one_class_is_refused_and_the_estimator_stays_as_it_was():
    fitted = classifier().fit(X[:100], Y[:100] % 2)
    before = fitted.predict_proba(X[:100])
    with pytest.raises(ValueError, match="the class 3 alone, but AutoencoderClassifier"):
        fitted.fit(X[:100], np.full(100, 3))
    np.testing.assert_array_equal(fitted.classes_, [0, 1])
    np.testing.assert_array_equal(fitted.predict_proba(X[:100]), before)


@pytest.mark.filterwarnings("ignore::skvae.exceptions.PosteriorCollapseWarning")
def test_an_autoencoder_that_needs_labels_comes_fitted():
    attri_vae = AttriVAE(4, hidden_layer_sizes=(8,), max_iter=2, **QUIET)
    with pytest.raises(ValueError, match=r"(?s)autoencoder=AttriVAE.*FrozenEstimator"):
        classifier(autoencoder=attri_vae).fit(X[:100], Y[:100])
    attri_vae.fit(X[:100], Y[:100] > 4, attributes=X[:100].mean(axis=1))
    fitted = classifier(autoencoder=FrozenEstimator(attri_vae), finetune_max_iter=0)
    np.testing.assert_array_equal(
        fitted.fit(X[:100], Y[:100]).transform(X), attri_vae.transform(X)
    )


def test_before_fit_the_layers_are_those_for_two_classes():
    layers = {layer.name: layer for layer in classifier().list_layers(X[:1])}
    assert layers["logits"].shape == (1,)
    fitted = classifier(head_layer_sizes=(7,)).fit(X[:100], Y[:100])
    layers = {layer.name: layer for layer in fitted.list_layers()}
    assert layers["head_1"].shape == (7,)
    assert layers["logits"].shape == (10,)


def test_cross_validation_returns_a_probability_for_each_row():
    p = cross_val_predict(classifier(), X[:200], Y[:200], cv=2, method="predict_proba")
    assert p.shape == (200, 10)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-6)


def test_it_can_be_fitted_again_on_other_classes():
    fitted = classifier().fit(X[:100], Y[:100] % 2)
    fitted.fit(X[:200], Y[:200])
    assert fitted.predict_proba(X[:5]).shape == (5, 10)


def test_chest_x_rays_with_augmentation(real_data):
    path = real_data / "pneumoniamnist" / "pneumoniamnist.npz"
    images, y = load_medmnist(path, "train", return_X_y=True)
    images, y = images[:900].astype(np.float32) / 255, y[:900]
    fitted = AutoencoderClassifier(
        augment=True, head_max_iter=3, finetune_max_iter=6, **QUIET
    )
    fitted.set_params(autoencoder=Autoencoder(32, normalization="batch", max_iter=3))
    fitted.fit(images[:600], y[:600])
    assert roc_auc_score(y[600:], fitted.predict_proba(images[600:])[:, 1]) > 0.95


def test_cross_validation_scores_what_has_a_label():
    x, y = X[:300], Y[:300]
    whole, hidden = y % 3, np.arange(300) % 5 < 2
    as_nan = np.where(hidden, np.nan, whole)
    for some, cv in ((np.where(hidden, -1, whole), 2), (as_nan, KFold(2))):
        scores = cross_val_score(classifier(), x, some, cv=cv)
        assert scores.min() > 0.6
        fitted = classifier().fit(x, some)
        expected = accuracy_score(whole[~hidden], fitted.predict(x[~hidden]))
        assert fitted.score(x, some) == pytest.approx(expected)
        weight = np.arange(300.0)
        assert fitted.score(x, some, sample_weight=weight) == pytest.approx(
            accuracy_score(
                whole[~hidden], fitted.predict(x[~hidden]), sample_weight=weight[~hidden]
            )
        )
