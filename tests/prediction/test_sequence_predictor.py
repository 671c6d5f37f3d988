"""Regressor and classifier of sequences, and what they share."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skvae import (
    Autoencoder,
    Phase,
    RandomAugment,
    SequenceClassifier,
    SequenceRegressor,
    VAEFeatureExtractor,
)
from skvae.datasets import make_moving_blobs
from skvae.exceptions import PosteriorCollapseWarning, PretrainingLostWarning

QUIET = {"device": "cpu", "n_threads": 1, "random_state": 0}
BLOBS = make_moving_blobs(160, size=12, random_state=0)
X, Y = BLOBS.images[:80], BLOBS.target[:80]
RAGGED = make_moving_blobs(60, n_frames=(2, 6), size=12, random_state=0)
RAGGED, SPEED = RAGGED.images, RAGGED.target
EACH_POOLING = pytest.mark.parametrize("pool_time", ["last", "mean", "attention"])


def autoencoder(kind=Autoencoder, **parameters):
    return kind(6, **{"channels": (8, 16), "max_iter": 2} | parameters)


def regressor(**parameters):
    given = {"autoencoder": autoencoder(), "head_max_iter": 4, "finetune_max_iter": 2}
    return SequenceRegressor(**QUIET | given | parameters)


def nan_padded(sequences, n_frames=6):
    x = np.full((len(sequences), n_frames, *sequences[0].shape[1:]), np.nan, np.float32)
    for row, sequence in zip(x, sequences, strict=True):
        row[: len(sequence)] = sequence
    return x


def test_the_speed_of_a_small_blob():
    images, speed = make_moving_blobs(
        160, size=12, noise=0.0, random_state=1, return_X_y=True
    )
    quiet = QUIET | {"random_state": 1, "head_max_iter": 25}
    code = autoencoder(max_iter=6, **QUIET | {"random_state": 1})
    code.fit(images[:100].reshape(-1, 1, 12, 12))
    scores = {}
    for n_epochs in (0, 5):
        fitted = SequenceRegressor(
            autoencoder=FrozenEstimator(code), finetune_max_iter=n_epochs, **quiet
        ).fit(images[:100], speed[:100])
        scores[n_epochs] = fitted.score(images[100:], speed[100:])
    assert min(scores.values()) >= 0.8
    assert scores[5] > scores[0] - 0.02


@pytest.mark.nightly
@pytest.mark.parametrize("state", [0, 1, 2])
def test_the_speed_of_a_blob(state, record_property):
    images, speed = make_moving_blobs(310, noise=0.0, random_state=state, return_X_y=True)
    quiet = QUIET | {"random_state": state}
    autoencoder = (
        SequenceRegressor()
        ._default_autoencoder((1, 24, 24))
        .set_params(max_iter=15, **quiet)
        .fit(images[:160].reshape(-1, 1, 24, 24))
    )
    assert autoencoder.active_units_ >= 12
    scores = {}
    for n_epochs in (0, 10):
        fitted = SequenceRegressor(
            autoencoder=FrozenEstimator(autoencoder), finetune_max_iter=n_epochs, **quiet
        ).fit(images[:160], speed[:160])
        scores[n_epochs] = fitted.score(images[160:], speed[160:])
        record_property(f"r2 after {n_epochs}", f"{scores[n_epochs]:.3f}")
    assert min(scores.values()) >= 0.9
    assert scores[10] > scores[0] - 0.02


def test_a_collapse_is_a_warning_and_the_features_say_nothing():
    forced = autoencoder(VAEFeatureExtractor, beta=100.0, max_iter=10)
    with pytest.warns(PosteriorCollapseWarning, match="none of its 6 latent units"):
        fitted = regressor(autoencoder=forced, finetune_max_iter=0).fit(X[:60], Y[:60])
    assert fitted.autoencoder_.active_units_ == 0
    assert fitted.score(X[60:], Y[60:]) < 0.2


# A quarter of the sequences is enough for the first of these states.
@pytest.mark.parametrize(
    ("state", "n_sequences"),
    [(0, 25)]
    + [pytest.param(state, 100, marks=pytest.mark.nightly) for state in (0, 1, 2)],
)
def test_with_the_warm_up_the_default_vae_does_not_collapse(
    state, n_sequences, record_property
):
    blobs = make_moving_blobs(n_sequences, random_state=state)
    frames = blobs.images.reshape(-1, 1, 24, 24)
    vae = SequenceRegressor()._default_autoencoder((1, 24, 24))
    assert vae.kl_warmup == 0.5
    vae.set_params(**QUIET | {"random_state": state})
    record_property("active units", str(vae.fit(frames).active_units_))
    assert vae.active_units_ >= 12


@EACH_POOLING
@pytest.mark.parametrize("rnn", ["gru", "lstm"])
def test_a_padded_batch_is_one_sequence_after_the_other(rnn, pool_time):
    fitted = regressor(rnn=rnn, pool_time=pool_time).fit(RAGGED, SPEED)
    whole = fitted.predict(RAGGED)
    np.testing.assert_array_equal(fitted.predict(nan_padded(RAGGED)), whole)
    alone = np.concatenate([fitted.predict([sequence]) for sequence in RAGGED])
    np.testing.assert_allclose(alone, whole, atol=1e-5)
    # However far the padding goes.
    np.testing.assert_allclose(fitted.predict(nan_padded(RAGGED, 9)), whole, atol=1e-5)


def test_a_list_and_a_padded_array_are_the_same_to_fit():
    one, other = regressor().fit(RAGGED, SPEED), regressor().fit(nan_padded(RAGGED), SPEED)
    np.testing.assert_array_equal(one.predict(RAGGED), other.predict(RAGGED))
    assert one.n_frames_ == 6
    assert one.sample_shape_ == (1, 12, 12)
    assert one.n_features_in_ == 144


@EACH_POOLING
def test_the_order_of_the_frames_matters(pool_time):
    x = BLOBS.images
    fitted = regressor(pool_time=pool_time).fit(x, BLOBS.target)
    shuffled = x[:, np.random.default_rng(0).permutation(8)]
    assert np.abs(fitted.predict(shuffled) - fitted.predict(x)).max() > 0.01


def test_attention_is_read_as_a_share_of_each_frame():
    fitted = regressor(pool_time="attention", layer="attention").fit(RAGGED, SPEED)
    weights = fitted.transform(RAGGED)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    there = np.arange(6) < [[len(sequence)] for sequence in RAGGED]
    np.testing.assert_array_equal(weights > 0, there)


def test_frames_are_the_codes_of_the_autoencoder():
    fitted = regressor(finetune_max_iter=0, layer="frames", pool=None).fit(RAGGED, SPEED)
    codes = fitted.transform(RAGGED).reshape(60, 6, 6)
    for sequence, code in zip(RAGGED[:10], codes[:10], strict=True):
        expected = fitted.autoencoder_.transform(sequence)
        np.testing.assert_allclose(code[:, : len(sequence)].T, expected, atol=1e-6)
        assert np.isnan(code[:, len(sequence) :]).all()
    mean = fitted.set_params(pool="avg").transform(RAGGED)
    np.testing.assert_allclose(mean, np.nanmean(codes, axis=2), atol=1e-6)
    both = fitted.set_params(pool="avg+max").transform(RAGGED)
    np.testing.assert_array_equal(both[:, :6], mean)
    np.testing.assert_allclose(both[:, 6:], np.nanmax(codes, axis=2), atol=1e-6)
    assert len(fitted.get_feature_names_out()) == 12


def test_sequences_longer_than_in_fit():
    fitted = regressor().fit([sequence[:4] for sequence in RAGGED], SPEED)
    assert np.isfinite(fitted.predict(RAGGED)).all()
    assert fitted.set_params(layer="states").transform(RAGGED).shape == (60, 64)
    with pytest.raises(
        ValueError, match=r"more than 4 frames.*layer='states' with pool=None"
    ):
        fitted.set_params(pool=None).transform(RAGGED)
    assert fitted.transform([RAGGED[0][:2]]).shape == (1, 4 * 64)


def test_the_encoder_runs_once_while_it_is_frozen(monkeypatch):
    fitted = FrozenEstimator(autoencoder(**QUIET).fit(X.reshape(-1, 1, 12, 12)))
    network = type(fitted.estimator.network_.module)
    n_frames = []
    encode = network.encode

    def counted(self, x, noise=None):
        if not x.is_meta:
            n_frames.append(len(x))
        return encode(self, x, noise)

    monkeypatch.setattr(network, "encode", counted)
    regressor(autoencoder=fitted, head_max_iter=50, finetune_max_iter=0).fit(X, Y)
    # But for the rows that fill the last block.
    assert len(X) * 8 <= sum(n_frames) < 2 * len(X) * 8
    n_frames.clear()
    regressor(autoencoder=fitted, finetune_max_iter=3).fit(X, Y)
    assert sum(n_frames) >= 4 * len(X) * 8


def test_computed_once_or_in_every_epoch_is_the_same():
    phases = {"finetune_max_iter": 0, "head_max_iter": 3, "batch_size": 80}
    once = regressor(**phases).fit(X, Y)
    still = RandomAugment(flip=False, shift=0, rotate=0, scale=0, intensity=0)
    given = FrozenEstimator(once.autoencoder_)
    again = regressor(**phases, augment=still, autoencoder=given).fit(X, Y)
    np.testing.assert_allclose(once.predict(X), again.predict(X), atol=1e-3)


def test_phases_and_what_they_change():
    fitted = regressor().fit(RAGGED, SPEED)
    assert [row["phase"] for row in fitted.phases_] == ["pretrain", "head", "finetune"]
    _, head, finetune = fitted.phases_
    assert head["encoder_before"] == head["encoder_after"] == finetune["encoder_before"]
    assert head["recurrent_before"] != head["recurrent_after"]
    for part in ("encoder", "recurrent", "head"):
        assert finetune[f"{part}_before"] != finetune[f"{part}_after"]
    experts = regressor(phases=(Phase(2, frozen=("encoder", "recurrent"), name="out"),))
    (_, out) = experts.fit(RAGGED, SPEED).phases_
    assert out["recurrent_before"] == out["recurrent_after"]


def test_a_batch_norm_of_the_encoder_keeps_its_statistics():
    normalized = autoencoder(normalization="batch")
    fitted = regressor(autoencoder=normalized).fit(RAGGED, SPEED)
    before, after = fitted.autoencoder_.network_.state, fitted.network_.state
    buffers = [name for name in before if "running" in name]
    assert buffers
    for name in buffers:
        np.testing.assert_array_equal(after[f"encoder.{name}"], before[name])
    moved = [n for n, v in before.items() if not np.array_equal(v, after[f"encoder.{n}"])]
    assert moved


def test_a_hot_rate_is_named():
    hot = {"finetune_learning_rate_init": 0.1, "encoder_learning_rate_scale": 1.0}
    usual = {"head_max_iter": 40, "finetune_max_iter": 5}
    with pytest.warns(PretrainingLostWarning, match=r"\(now 0\.1\).*\(now 1\.0\)"):
        regressor(**usual, **hot, max_grad_norm=None).fit(X, Y)
    regressor(**usual).fit(X, Y)


def test_unlabelled_sequences_are_pretrained_on_and_no_more():
    some = np.where(np.arange(60) % 2, np.nan, SPEED)
    scratch = {"pretrain": False, "head_max_iter": 2}
    labelled = [sequence for i, sequence in enumerate(RAGGED) if i % 2 == 0]
    one = regressor(**scratch).fit(nan_padded(RAGGED), some)
    other = regressor(**scratch).fit(nan_padded(labelled), SPEED[::2])
    np.testing.assert_array_equal(one.predict(RAGGED), other.predict(RAGGED))
    assert not hasattr(one, "autoencoder_")
    both = regressor().fit(RAGGED, some), regressor().fit(labelled, SPEED[::2])
    assert not np.allclose(both[0].predict(RAGGED), both[1].predict(RAGGED))


def test_sequences_keep_their_weight_and_patient_in_pretraining():
    weight = np.where(np.arange(60) < 30, 1.0, 0.0)
    early = autoencoder(early_stopping=True, validation_fraction=0.2)
    fitted = regressor(autoencoder=early).fit(RAGGED, SPEED, sample_weight=list(weight))
    frames = np.concatenate(RAGGED)
    lengths = [len(sequence) for sequence in RAGGED]
    expected = clone(early).set_params(**fitted.autoencoder_.get_params())
    expected.fit(
        frames,
        sample_weight=np.repeat(weight, lengths),
        groups=np.repeat(np.arange(60), lengths),
    )
    np.testing.assert_array_equal(
        expected.transform(frames), fitted.autoencoder_.transform(frames)
    )
    with pytest.raises(ValueError, match="cannot be split"):
        regressor(early_stopping=True).fit(RAGGED, SPEED, groups=np.zeros(60))


def test_lists_pass_through_scikit_learn(tmp_path):
    model = regressor(memory=str(tmp_path))
    pipeline = make_pipeline(FunctionTransformer(), model)
    for ragged in (RAGGED, nan_padded(RAGGED)):
        assert np.isfinite(cross_val_score(pipeline, ragged, SPEED, cv=2)).all()
    predicted = cross_val_predict(model, RAGGED, SPEED, cv=2)
    assert predicted.shape == (60,)
    search = GridSearchCV(model, {"pool_time": ["last", "mean"]}, cv=2).fit(RAGGED, SPEED)
    assert search.score(RAGGED, SPEED) == r2_score(SPEED, search.predict(RAGGED))
    copied = pickle.loads(pickle.dumps(search.best_estimator_))
    np.testing.assert_array_equal(copied.predict(RAGGED), search.predict(RAGGED))


def test_classes_of_tables_of_unequal_length():
    """Whether a column rises or falls: no single row tells."""
    rng = np.random.default_rng(0)
    y = np.array(["falls", "rises"])[rng.integers(2, size=80)]
    lengths = rng.integers(3, 7, size=80)
    tables = [
        rng.normal(size=(n, 4)) + np.outer(np.arange(n) - (n - 1) / 2, [1, 0, 0, 0]) * sign
        for n, sign in zip(lengths, np.where(y == "rises", 1, -1), strict=True)
    ]
    fitted = SequenceClassifier(
        autoencoder=Autoencoder(4, hidden_layer_sizes=(), max_iter=10),
        head_max_iter=40,
        finetune_max_iter=2,
        class_weight="balanced",
        **QUIET,
    ).fit(tables[:50], y[:50])
    assert fitted.score(tables[50:], y[50:]) > 0.85
    assert fitted.predict_proba(tables).shape == (80, 2)
    assert list(fitted.classes_) == ["falls", "rises"]


def test_all_frames_of_a_sequence_are_changed_alike():
    seen = []

    def flipped(batch, generator):
        seen.append(batch.x.shape[1:])
        return batch._replace(x=batch.x.flip(-1))

    fitted = regressor(augment=flipped, head_max_iter=1, finetune_max_iter=1)
    fitted.fit(RAGGED, SPEED)
    # Frames one by one in pretraining, then those of a sequence as channels.
    assert set(seen) == {(1, 12, 12), (6, 12, 12)}
    with pytest.raises(ValueError, match="augment=True, but X has rows of 5 features"):
        regressor(augment=True).fit(np.zeros((4, 3, 5)), np.arange(4.0))


def test_the_encoder_alone_can_stay_frozen():
    short = {"pool_time": "attention", "head_max_iter": 1, "finetune_max_iter": 1}
    attentive = regressor(**short)
    for stage in ("attention", "states", "frames"):
        with pytest.raises(ValueError, match=r"stages of the encoder are conv_1, .*code\."):
            attentive.set_params(unfreeze_from=stage).fit(X[:20], Y[:20])
    part = attentive.set_params(unfreeze_from="conv_2").fit(X[:20], Y[:20])
    before, after = part.autoencoder_.network_.state, part.network_.state
    changed = [k for k in before if not np.array_equal(before[k], after[f"encoder.{k}"])]
    moved = {name[: len("down.0")] for name in changed}
    assert "down.1" in moved
    assert "down.0" not in moved
    assert part.phases_[1]["recurrent_before"] != part.phases_[1]["recurrent_after"]
