"""What classifier and regressor share, shown on the classifier."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV

from skvae import (
    AttriVAE,
    Autoencoder,
    AutoencoderClassifier,
    AutoencoderRegressor,
    DenoisingAutoencoder,
    Phase,
    VAEFeatureExtractor,
)
from skvae.exceptions import PretrainingLostWarning
from skvae.prediction.diagnosis import relative_move
from skvae.training.caching import n_trainings
from skvae.training.net import ObjectiveNet

X, Y = load_digits(return_X_y=True)
X, Y = (X[:300] / 16).astype(np.float32), Y[:300]
IMAGES = X.reshape(-1, 1, 8, 8)
QUIET = {"device": "cpu", "n_threads": 1, "random_state": 0}
PHASES = ["pretrain", "head", "finetune"]


def encoder(kind=Autoencoder, **parameters):
    given = {"hidden_layer_sizes": (16,), "channels": (4, 8), "max_iter": 4}
    return kind(8, **given | parameters)


def classifier(**parameters):
    given = {"autoencoder": encoder(), "head_max_iter": 4, "finetune_max_iter": 3}
    return AutoencoderClassifier(**QUIET | given | parameters)


def encoder_state(fitted):
    state = fitted.network_.state
    return {k: v for k, v in state.items() if k.startswith("encoder.")}


def changed(one, other):
    return {k.removeprefix("encoder.") for k in one if not np.array_equal(one[k], other[k])}


@pytest.mark.parametrize("data", [X, IMAGES], ids=["rows", "images"])
def test_frozen_is_frozen_weights_and_normalisation_buffers(data):
    autoencoder = encoder(normalization="batch", **QUIET).fit(data)
    frozen = FrozenEstimator(autoencoder)
    head = classifier(autoencoder=frozen, finetune_max_iter=0).fit(data, Y)
    before = {f"encoder.{k}": v for k, v in autoencoder.network_.state.items()}
    assert any(name.endswith("running_var") for name in before)
    assert changed(before, encoder_state(head)) == set()
    (report,) = head.phases_
    assert report["encoder_before"] == report["encoder_after"]
    assert report["head_before"] != report["head_after"]

    tuned = classifier(autoencoder=frozen).fit(data, Y)
    moved = changed(before, encoder_state(tuned))
    assert any(name.endswith("running_var") for name in moved)
    assert any(name.endswith("weight") for name in moved)
    assert not any("decoded" in name or name.startswith(("up", "to_")) for name in moved)
    assert tuned.phases_[1]["encoder_before"] != tuned.phases_[1]["encoder_after"]


def test_the_phases_come_in_order_and_are_reported():
    fitted = classifier().fit(X, Y)
    phases = [row["phase"] for row in fitted.history_]
    assert phases == ["pretrain"] * 4 + ["head"] * 4 + ["finetune"] * 3
    assert [row["epoch"] for row in fitted.history_] == [*range(1, 5), *range(5, 12)]
    assert fitted.n_iter_ == 11
    assert [row["phase"] for row in fitted.phases_] == PHASES
    assert [row["n_epochs"] for row in fitted.phases_] == [4, 4, 3]
    pretrain, head, finetune = fitted.phases_
    assert pretrain["encoder_after"] == head["encoder_before"] == head["encoder_after"]
    assert head["encoder_after"] == finetune["encoder_before"] != finetune["encoder_after"]
    n_encoder, n_decoder = 64 * 16 + 16 + 16 * 8 + 8, 8 * 16 + 16 + 16 * 64 + 64
    n_head = 2 * 8 + 8 * 10 + 10
    assert pretrain["n_trainable"] == n_encoder + n_decoder
    assert head["n_trainable"] == n_head
    assert head["n_frozen"] == n_encoder + n_decoder
    assert finetune["n_trainable"] == n_encoder + n_head
    assert finetune["n_frozen"] == n_decoder


def test_pretraining_is_that_of_the_autoencoder_itself():
    vae = encoder(VAEFeatureExtractor, **QUIET | {"max_iter": 15})
    autoencoder = clone(vae).fit(X)
    inside = classifier(autoencoder=vae, finetune_max_iter=0).fit(X, Y)
    np.testing.assert_array_equal(inside.transform(X), autoencoder.transform(X))
    assert inside.list_layers()[-2].name == "features"
    assert "log_var" not in [layer.name for layer in inside.list_layers()]
    assert inside.history_[0]["reconstruction"] == autoencoder.history_[0]["reconstruction"]


def test_the_autoencoder_takes_what_it_does_not_say_itself():
    rows = X[:100]
    outer = {"image_shape": (1, 8, 8), "augment": True}
    autoencoder = encoder(**QUIET, **outer).fit(rows)
    inside = classifier(
        autoencoder=encoder(random_state=0), finetune_max_iter=0, **outer
    ).fit(rows, Y[:100])
    np.testing.assert_array_equal(inside.transform(rows), autoencoder.transform(rows))
    assert inside.autoencoder.get_params() == encoder(random_state=0).get_params()


@pytest.mark.parametrize(
    ("unfreeze_from", "moved"),
    [
        (None, {"down.0", "down.1", "dense.hidden", "dense.bottleneck"}),
        ("conv_1", {"down.0", "down.1", "dense.hidden", "dense.bottleneck"}),
        ("conv_2", {"down.1", "dense.hidden", "dense.bottleneck"}),
        ("code", {"dense.bottleneck"}),
    ],
)
def test_fine_tuning_begins_at_a_stage(unfreeze_from, moved):
    frozen = FrozenEstimator(encoder(normalization="batch", **QUIET).fit(IMAGES))
    before = classifier(autoencoder=frozen, finetune_max_iter=0).fit(IMAGES, Y)
    after = classifier(autoencoder=frozen, unfreeze_from=unfreeze_from).fit(IMAGES, Y)
    names = changed(encoder_state(before), encoder_state(after))
    assert {".".join(name.split(".")[:2]) for name in names} == moved


@pytest.mark.parametrize("pretrain", [True, False])
def test_an_unknown_stage_to_unfreeze_from_lists_those_there_are(pretrain):
    with pytest.raises(ValueError, match=r"'conv_9', but the stages of the encoder are "):
        classifier(unfreeze_from="conv_9", pretrain=pretrain).fit(X, Y)


def test_from_scratch_all_is_trained_wherever_fine_tuning_begins():
    scratch = classifier(pretrain=False).fit(IMAGES, Y)
    early = classifier(pretrain=False, unfreeze_from="code").fit(IMAGES, Y)
    assert early.phases_[0]["n_trainable"] == scratch.phases_[0]["n_trainable"]
    np.testing.assert_array_equal(early.transform(IMAGES), scratch.transform(IMAGES))


def test_the_encoder_learns_at_its_own_rate():
    one_step = {"finetune_max_iter": 1, "head_max_iter": 0, "batch_size": len(X)}
    frozen = FrozenEstimator(encoder(**QUIET).fit(X))
    start = {f"encoder.{k}": v for k, v in frozen.estimator.network_.state.items()}

    def step(name, **parameters):
        fitted = classifier(autoencoder=frozen, **one_step, **parameters).fit(X, Y)
        return np.abs(fitted.network_.state[name] - start[name]).max()

    for scale in (0.1, 0.5):
        # The first step of Adam is the learning rate.
        largest = step(
            "encoder.hidden.0.0.weight",
            encoder_learning_rate_scale=scale,
            finetune_learning_rate_init=2e-3,
        )
        assert largest == pytest.approx(scale * 2e-3, rel=1e-2)
    frozen_too = step("encoder.hidden.0.0.weight", encoder_learning_rate_scale=0.0)
    assert frozen_too == 0


def test_phases_for_experts():
    phases = (
        Phase(2, 1e-2, frozen=("encoder",), name="warm"),
        Phase(3, 1e-3, frozen=("encoder.hidden",), name="whole"),
    )
    fitted = classifier(phases=phases).fit(X, Y)
    assert [row["phase"] for row in fitted.phases_] == ["pretrain", "warm", "whole"]
    assert [row["n_epochs"] for row in fitted.phases_] == [4, 2, 3]
    assert fitted.phases_[2]["n_trainable"] == 16 * 8 + 8 + 2 * 8 + 8 * 10 + 10


def test_the_baselines_are_one_parameter_away():
    scratch = classifier(pretrain=False).fit(X, Y)
    assert [row["phase"] for row in scratch.history_] == ["scratch"] * 7
    n_encoder, n_head = 64 * 16 + 16 + 16 * 8 + 8, 2 * 8 + 8 * 10 + 10
    assert scratch.phases_[0]["n_trainable"] == n_encoder + n_head
    frozen = classifier(finetune_max_iter=0).fit(X, Y)
    assert {row["phase"] for row in frozen.history_} == {"pretrain", "head"}
    with pytest.raises(ValueError, match="expected at least one epoch to train the head"):
        classifier(head_max_iter=0, finetune_max_iter=0).fit(X, Y)


def test_a_rate_that_destroys_the_encoder_is_named():
    some = np.where(np.arange(len(Y)) < 60, Y, -1)
    autoencoder = Autoencoder(32, hidden_layer_sizes=(64,), max_iter=20)
    usual = {"autoencoder": autoencoder, "head_max_iter": 20}
    hot = {"finetune_learning_rate_init": 3e-2, "encoder_learning_rate_scale": 1.0}
    with pytest.warns(PretrainingLostWarning, match=r"\(now 0\.03\).*\(now 1\.0\)"):
        lost = classifier(**usual, **hot).fit(X, some)
    assert "when the encoder was unfrozen" in lost.phases_[-1]["diagnosis"]
    kept = classifier(**usual).fit(X, some)
    assert [row["diagnosis"] for row in kept.phases_] == ["", "", ""]
    assert kept.score(X[60:], Y[60:]) > lost.score(X[60:], Y[60:]) + 0.05


def test_how_far_the_encoder_moved_counts_what_changed_alone():
    fitted = classifier(autoencoder=encoder(layer="hidden_1")).fit(X, Y)
    before, after = fitted.autoencoder_.network_.state, encoder_state(fitted)
    assert changed(after, {f"encoder.{k}": v for k, v in before.items()}) == {
        "hidden.0.0.weight",
        "hidden.0.0.bias",
    }
    names = ["hidden.0.0.weight", "hidden.0.0.bias"]
    start = np.concatenate([before[k].ravel() for k in names])
    end = np.concatenate([after[f"encoder.{k}"].ravel() for k in names])
    expected = np.sqrt(np.sum((end - start) ** 2) / np.sum(start**2))
    move = relative_move(fitted.autoencoder_.network_, fitted.network_.state)
    assert move == pytest.approx(expected, rel=1e-5)
    frozen = classifier(finetune_max_iter=0).fit(X, Y)
    assert relative_move(frozen.autoencoder_.network_, frozen.network_.state) == 0


def test_a_fitted_autoencoder_comes_frozen():
    fitted = encoder(**QUIET).fit(X)
    with pytest.raises(ValueError, match=r"is fitted.*FrozenEstimator\(autoencoder\)"):
        classifier(autoencoder=fitted).fit(X, Y)
    kept = clone(classifier(autoencoder=FrozenEstimator(fitted), finetune_max_iter=0))
    kept.fit(X, Y)
    np.testing.assert_array_equal(kept.transform(X), fitted.transform(X))
    assert [row["phase"] for row in kept.phases_] == ["head"]
    with pytest.raises(NotFittedError):
        classifier(autoencoder=FrozenEstimator(encoder())).fit(X, Y)
    with pytest.raises(ValueError, match=r"shape \(60,\), but the autoencoder was fitted"):
        classifier(autoencoder=FrozenEstimator(fitted)).fit(X[:, :60], Y)
    with pytest.raises(ValueError, match="but expected an autoencoder"):
        classifier(autoencoder=FrozenEstimator(kept)).fit(X, Y)


def test_the_autoencoders_layer_and_pool_say_what_the_head_takes():
    autoencoder = encoder(layer=["hidden_1", "conv_2"], pool="max", **QUIET)
    expected = clone(autoencoder).fit_transform(IMAGES)
    head = classifier(autoencoder=autoencoder, finetune_max_iter=0).fit(IMAGES, Y)
    np.testing.assert_allclose(head.transform(IMAGES), expected, atol=1e-6)
    assert list(head.get_feature_names_out()[[0, -1]]) == ["features_0", "features_23"]
    with pytest.raises(ValueError, match=r"Got layer='cod', but Autoencoder has"):
        classifier(autoencoder=encoder(layer="cod")).fit(X, Y)
    with pytest.raises(ValueError, match="likelihood"):
        classifier(autoencoder=encoder(likelihood="poisson")).fit(X, Y)
    with pytest.raises(ValueError, match=r"Got head_layer_sizes=\(0,\), but expected"):
        classifier(head_layer_sizes=(0,)).fit(X, Y)


def test_corruption_belongs_to_pretraining():
    noisy = encoder(DenoisingAutoencoder, corruption_level=5.0, **QUIET)
    fitted = classifier(autoencoder=noisy).fit(X, Y)
    assert "corrupted" in [layer.name for layer in fitted.list_layers()]
    features = fitted.set_params(layer="corrupted").transform(X)
    np.testing.assert_array_equal(features, X)


def test_a_search_trains_what_differs_and_pretrains_once(tmp_path):
    memory = str(tmp_path)
    search = GridSearchCV(
        classifier(memory=memory),
        {"head_learning_rate_init": [1e-3, 3e-2], "layer": ["features", "logits"]},
        cv=2,
    ).fit(X, Y)
    assert search.best_params_["head_learning_rate_init"] == 3e-2
    # In two folds and once more on all rows one encoder; in each fold two heads.
    assert n_trainings(memory) == 3 + 2 * 2 + 1
    again = clone(search.best_estimator_).fit(X, Y)
    assert n_trainings(memory) == 8
    np.testing.assert_array_equal(again.transform(X), search.best_estimator_.transform(X))
    assert again.phases_ == search.best_estimator_.phases_
    again.set_params(autoencoder__layer="hidden_1").fit(X, Y)
    assert n_trainings(memory) == 9


def test_a_remembered_head_belongs_to_its_encoder(tmp_path):
    memory = str(tmp_path)
    rates = classifier(memory=memory).set_params(autoencoder__max_iter=2).fit(X, Y)
    other = classifier(memory=memory).set_params(autoencoder__max_iter=3).fit(X, Y)
    assert n_trainings(memory) == 4
    assert changed(encoder_state(rates), encoder_state(other))


def test_the_autoencoders_parameters_can_be_searched():
    search = GridSearchCV(
        classifier(
            autoencoder=encoder(VAEFeatureExtractor, max_iter=8), finetune_max_iter=0
        ),
        {"autoencoder__beta": [1.0, 1e6]},
        cv=2,
    )
    with pytest.warns(match="collapsed"):
        search.fit(X, Y)
    assert search.best_params_ == {"autoencoder__beta": 1.0}


def test_early_stopping_keeps_patients_together_in_every_phase():
    groups = np.repeat(np.arange(60), 5)
    fitted = classifier(early_stopping=True, n_iter_no_change=2, head_max_iter=30)
    fitted.fit(X, Y, groups=groups)
    rows = [row for row in fitted.history_ if row["phase"] != "pretrain"]
    assert all("valid_prediction" in row for row in rows)
    with pytest.raises(ValueError, match="cannot be split"):
        classifier(early_stopping=True).fit(X, Y, groups=np.zeros(len(X)))


def test_augmentation_reaches_every_phase():
    seen = []

    def watched(batch, generator):
        seen.append((len(batch.x), batch.y is None))
        return batch

    labels = np.where(np.arange(100) < 40, Y[:100], -1)
    classifier(augment=watched, batch_size=100).fit(IMAGES[:100], labels)
    assert sum(n for n, unlabelled in seen if unlabelled) == 4 * 100
    assert sum(n for n, unlabelled in seen if not unlabelled) == 7 * 40


def test_a_phase_without_a_name_has_its_default():
    for pretrain in (True, False):
        fitted = classifier(phases=(Phase(2),), pretrain=pretrain).fit(X, Y)
        phases = [row["phase"] for row in fitted.history_]
        assert phases == ["pretrain"] * 4 * pretrain + ["fit"] * 2
        assert fitted.phases_[-1]["diagnosis"] == ""


@pytest.mark.parametrize(
    ("phases", "message"),
    [
        ([Phase(2, frozen=("enc",))], r"'fit' with frozen=.*no part .* called 'enc'"),
        ([Phase(2, frozen=("enc",))], r"expected encoder, head, .*The nearest are .*encod"),
        ([Phase(2, frozen=("encoder.hiden",))], "The nearest are encoder.hidden"),
        ([Phase(2, rates=(("heads", 0.1),))], "with rates=.*no part .* called 'heads'"),
        ([Phase(2, frozen=("encoder", "head"))], "part of the network that is left to"),
        ([3], r"Got phases with 3, but expected a tuple of skvae\.Phase"),
    ],
)
def test_phases_that_do_not_fit_the_network_are_refused(phases, message):
    with pytest.raises(ValueError, match=message):
        classifier(phases=phases).fit(X, Y)


def test_single_weights_and_buffers_can_be_named():
    names = ("encoder.hidden.0.0.weight", "head.normalize.0.running_mean")
    fitted = classifier(phases=[Phase(1, frozen=names)]).fit(X, Y)
    frozen = classifier(phases=[Phase(1)]).fit(X, Y)
    difference = fitted.phases_[-1]["n_frozen"] - frozen.phases_[-1]["n_frozen"]
    assert difference == 64 * 16


def test_a_phase_of_ones_own_that_destroys_the_encoder_is_named():
    some = np.where(np.arange(len(Y)) < 60, Y, -1)
    autoencoder = Autoencoder(32, hidden_layer_sizes=(64,), max_iter=20)
    warm = Phase(20, 1e-2, frozen=("encoder",), name="warm")

    def fit(rate):
        phases = (warm, Phase(10, rate, name="all"))
        return classifier(autoencoder=autoencoder, phases=phases).fit(X, some)

    with pytest.warns(PretrainingLostWarning, match=r"the phase 'all' \(now 0\.03\)"):
        lost = fit(3e-2)
    assert [bool(row["diagnosis"]) for row in lost.phases_] == [False, False, True]
    assert not any(row["diagnosis"] for row in fit(1e-3).phases_)


@pytest.mark.parametrize("rate", [2e-3, 1e-4])
def test_a_rate_of_fine_tuning_keeps_the_ratio_of_the_groups(rate):
    given = classifier(finetune_learning_rate_init=rate, encoder_learning_rate_scale=0.3)
    recipe = given._recipe((64,), given._unfitted, 0, given._phases())
    net = ObjectiveNet(recipe, (64,)).initialize().begin(recipe.phases[-1])
    rates = {
        name: group["lr"]
        for group in net.optimizer_.param_groups
        for name, parameter in net.module_.named_parameters()
        if any(parameter is other for other in group["params"])
    }
    assert {name.partition(".")[0] for name in rates} == {"encoder", "head"}
    for name, found in rates.items():
        expected = rate * (0.3 if name.startswith("encoder") else 1.0)
        assert found == pytest.approx(expected, rel=1e-12)


def test_an_autoencoder_that_needs_labels_comes_fitted():
    vae = AttriVAE(8, hidden_layer_sizes=(16,), max_iter=15, **QUIET)
    with pytest.raises(ValueError, match="neither labels nor attributes for it"):
        classifier(autoencoder=vae).fit(X, Y)
    frozen = FrozenEstimator(vae.fit(X, Y))
    fitted = classifier(autoencoder=frozen, finetune_max_iter=0).fit(X, Y)
    np.testing.assert_array_equal(fitted.transform(X), vae.transform(X))


def test_a_single_label_is_too_few_to_normalise_over():
    one = np.where(np.arange(len(Y)) == 3, 1.5, np.nan)
    given = {"autoencoder": encoder(), "head_max_iter": 2, "finetune_max_iter": 2}
    with pytest.raises(ValueError, match="a single label and head_normalization='batch'"):
        AutoencoderRegressor(**QUIET | given).fit(X, one)
    fitted = AutoencoderRegressor(**QUIET | given, head_normalization=None).fit(X, one)
    assert np.isfinite(fitted.predict(X)).all()
