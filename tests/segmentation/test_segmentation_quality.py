"""What segmentation has to reach on synthetic images, with nets of a useful size.

These are the slowest tests; the studies behind them are in ``benchmarks/``.
"""

import numpy as np
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


def test_skip_connections_find_lungs_and_are_worth_having():
    dice = {"concat": [], "add": [], None: []}
    for state in STATES:
        X, y = make_xrays(90, random_state=state, return_X_y=True)
        for skip, scores in dice.items():
            net = UNetSegmenter(
                skip=skip, max_iter=12, batch_size=4, random_state=state, **XRAY_NET
            )
            scores.append(net.fit(X[:60], y[:60]).score(X[60:], y[60:]))
    concat, add, none = (np.mean(scores) for scores in dice.values())
    assert min(dice["concat"] + dice["add"]) >= 0.93
    assert min(concat, add) >= none + 0.02


def test_with_six_labels_the_encoder_of_an_autoencoder_gains():
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
    assert np.mean(gains) > 0


def test_a_cascade_finds_lesions_as_well_as_one_network_and_says_how_much_they_cover():
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
    assert dice[1] >= dice[0] - 0.01
    assert two.roundtrip_dice_ >= 0.95
    assert np.abs(found.fraction - expected.fraction).mean() <= 0.03
    assert (found.severity == expected.severity).mean() >= 0.8


def test_sparse_features_tell_dense_tissue_and_how_much_there_is():
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
    assert auc["sparse"] >= 0.94
    assert auc["sparse"] >= auc["dense"] + 0.02
    assert auc["dense"] > grey
    assert np.corrcoef(density, mammograms.density[test])[0, 1] >= 0.95
