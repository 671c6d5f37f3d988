"""What segmentation has to reach on synthetic images, with nets of a useful size.

These are the slowest tests, which run nightly; the studies behind them are in
``benchmarks/``. Each comes after a test of the same behaviour with smaller nets and images.
"""

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import roc_auc_score

from skvae import (
    Autoencoder,
    CascadeSegmenter,
    ConvolutionalSparseAutoencoder,
    PixelClassifier,
    RandomAugment,
    UNetSegmenter,
    dice_scores,
    involvement,
)
from skvae.datasets import make_infected_lungs, make_mammograms, make_xrays

STATES = (0, 1, 2)
ON_CPU = {"n_threads": 1, "device": "cpu"}
SMALL_NET = ON_CPU | {"depth": 2, "width": 8}
XRAY_NET = ON_CPU | {"depth": 3, "width": 8, "learning_rate_init": 3e-3}
LESION_NET = {
    "depth": 3,
    "width": 8,
    "normalization": "instance",
    "batch_size": 4,
    "learning_rate_init": 5e-3,
    # Lesions differ from lung by their grey level alone.
    "augment": RandomAugment(intensity=0),
}


def test_a_net_with_skip_connections_finds_lungs_better_than_one_without():
    X, y = make_xrays(28, size=32, random_state=1, return_X_y=True)
    dice = {}
    for skip in ("concat", "add", None):
        net = UNetSegmenter(
            skip=skip,
            max_iter=12,
            batch_size=4,
            learning_rate_init=5e-3,
            random_state=1,
            **SMALL_NET,
        )
        dice[skip] = net.fit(X[:20], y[:20]).score(X[20:], y[20:])
    assert min(dice["concat"], dice["add"]) >= max(0.9, dice[None] + 0.01)


@pytest.mark.nightly
def test_skip_connections_find_lungs_and_are_worth_having(record_property):
    dice = {"concat": [], "add": [], None: []}
    for state in STATES:
        X, y = make_xrays(90, random_state=state, return_X_y=True)
        for skip, scores in dice.items():
            net = UNetSegmenter(
                skip=skip, max_iter=12, batch_size=4, random_state=state, **XRAY_NET
            )
            scores.append(net.fit(X[:60], y[:60]).score(X[60:], y[60:]))
    concat, add, none = (np.mean(scores) for scores in dice.values())
    for skip, scores in dice.items():
        record_property(f"dice {skip}", f"{np.mean(scores):.3f}")
    assert min(dice["concat"] + dice["add"]) >= 0.93
    assert min(concat, add) >= none + 0.02


def test_with_six_labels_of_small_images_the_encoder_of_an_autoencoder_gains():
    gains = []
    for state in (0, 1):
        X, y = make_xrays(100, size=32, random_state=100 + state, return_X_y=True)
        autoencoder = Autoencoder(
            16,
            channels=(8, 16, 32),
            downsampling="max",
            normalization="batch",
            max_iter=12,
            random_state=state,
            **ON_CPU,
        ).fit(X[:80])
        few = UNetSegmenter(
            n_convolutions=1,
            max_iter=10,
            batch_size=3,
            learning_rate_init=3e-3,
            random_state=state,
            **SMALL_NET,
        )
        dice = [
            few.set_params(encoder_weights=weights).fit(X[:6], y[:6]).score(X[80:], y[80:])
            for weights in (FrozenEstimator(autoencoder), None)
        ]
        gains.append(dice[0] - dice[1])
    assert np.mean(gains) > 0


@pytest.mark.nightly
def test_with_six_labels_the_encoder_of_an_autoencoder_gains(record_property):
    gains = []
    for state in STATES:
        X, y = make_xrays(260, random_state=100 + state, return_X_y=True)
        autoencoder = Autoencoder(
            32,
            channels=(8, 16, 32, 64),
            downsampling="max",
            normalization="batch",
            max_iter=20,
            random_state=state,
            **ON_CPU,
        ).fit(X[:200])
        few = UNetSegmenter(
            n_convolutions=1, max_iter=15, batch_size=3, random_state=state, **XRAY_NET
        )
        dice = [
            few.set_params(encoder_weights=weights)
            .fit(X[:6], y[:6])
            .score(X[200:], y[200:])
            for weights in (FrozenEstimator(autoencoder), None)
        ]
        gains.append(dice[0] - dice[1])
    record_property("gain in dice", f"{np.mean(gains):.3f}")
    assert np.mean(gains) > 0


# Its test with smaller nets is in composite/test_cascade.py, where one is fitted.
@pytest.mark.nightly
def test_a_cascade_finds_lesions_as_well_as_one_network_and_says_how_much_they_cover(
    record_property,
):
    lungs = make_infected_lungs(120, random_state=0)
    X, y, test = lungs.images, lungs.masks, slice(60, None)
    shared = ON_CPU | {"random_state": 0}
    one = UNetSegmenter(max_iter=100, **LESION_NET, **shared).fit(X[:60], y[:60])
    two = CascadeSegmenter(
        stage1=UNetSegmenter(max_iter=60, **LESION_NET),
        stage2=UNetSegmenter(max_iter=100, **LESION_NET),
        cv=3,
        **shared,
    ).fit(X[:60], y[:60])
    dice = [
        dice_scores(y[test], each.predict(X[test]), labels=[2]).mean()
        for each in (one, two)
    ]
    found, expected = two.quantify(X[test]), involvement(y[test])
    for name, figure in zip(("one network", "cascade"), dice, strict=True):
        record_property(f"dice of {name}", f"{figure:.3f}")
    assert dice[1] >= dice[0] - 0.01
    assert two.roundtrip_dice_ >= 0.95
    assert np.abs(found.fraction - expected.fraction).mean() <= 0.03
    assert (found.severity == expected.severity).mean() >= 0.8


def test_sparse_features_of_few_images_tell_dense_tissue_and_how_much_there_is():
    mammograms = make_mammograms(24, size=48, random_state=0)
    X, y, test = mammograms.images, mammograms.masks.astype(int), slice(14, None)
    X = (X - X.mean()) / X.std()
    breast = y[test] > 0
    features = ConvolutionalSparseAutoencoder(8, max_iter=15)
    model = PixelClassifier(features=features, random_state=0, **ON_CPU)
    maps = model.fit(X[:14], y[:14]).predict_proba(X[test])
    odds = maps[:, 2] / (maps[:, 1] + maps[:, 2])
    auc = roc_auc_score(y[test][breast] == 2, odds[breast])
    grey = roc_auc_score(y[test][breast] == 2, X[test, 0][breast])
    assert auc >= max(0.8, grey + 0.05)
    density = model.density(X[test], region=breast)
    assert np.corrcoef(density, mammograms.density[test])[0, 1] >= 0.8


@pytest.mark.nightly
def test_sparse_features_tell_dense_tissue_and_how_much_there_is(record_property):
    mammograms = make_mammograms(70, random_state=0)
    X, y, test = mammograms.images, mammograms.masks.astype(int), slice(40, None)
    breast, auc = y[test] > 0, {}
    dense = {"lifetime_weight": 0.0, "population_weight": 0.0}
    for name, penalties in (("sparse", {}), ("dense", dense)):
        features = ConvolutionalSparseAutoencoder(**penalties)
        model = PixelClassifier(features=features, random_state=0, **ON_CPU)
        maps = model.fit(X[:40], y[:40]).predict_proba(X[test])
        odds = maps[:, 2] / (maps[:, 1] + maps[:, 2])
        auc[name] = roc_auc_score(y[test][breast] == 2, odds[breast])
        if name == "sparse":
            density = model.density(X[test], region=breast)
    grey = roc_auc_score(y[test][breast] == 2, X[test, 0][breast])
    for name, figure in (auc | {"grey": grey}).items():
        record_property(f"auc {name}", f"{figure:.3f}")
    assert auc["sparse"] >= 0.94
    assert auc["sparse"] >= auc["dense"] + 0.02
    assert auc["dense"] > grey
    assert np.corrcoef(density, mammograms.density[test])[0, 1] >= 0.95
