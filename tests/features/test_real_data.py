"""The main job on real patients' data; skipped where the environment does not name it."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from skvae import Autoencoder, LayerExtractor, VAEFeatureExtractor
from skvae.datasets import load_medmnist
from skvae.networks import densenet121
from skvae.training.borrowed_network import to_imagenet


@pytest.fixture(scope="module")
def radiomics(real_data):
    table = pd.read_csv(real_data / "radmlbench" / "Huang2023.gz", compression="gzip")
    return table.drop(columns=["ID", "Target"]), table["Target"].to_numpy()


def test_a_radiomics_table_keeps_its_units_and_its_signal(radiomics):
    X, y = radiomics
    vae = VAEFeatureExtractor(16, max_iter=30, random_state=0, n_threads=1)
    pipeline = make_pipeline(
        StandardScaler(), vae, StandardScaler(), LogisticRegression(C=0.1)
    )
    groups = np.arange(len(y)) // 2
    p = cross_val_predict(
        pipeline, X, y, cv=StratifiedGroupKFold(3), groups=groups, method="predict_proba"
    )
    assert roc_auc_score(y, p[:, 1]) > 0.75
    vae.fit(StandardScaler().fit_transform(X))
    assert vae.active_units_ == 16


def test_standardised_columns_keep_their_names_through_a_pipeline(radiomics):
    X, _ = radiomics
    scaler = StandardScaler().set_output(transform="pandas")
    pipeline = make_pipeline(scaler, Autoencoder(4, max_iter=2, random_state=0))
    features = pipeline.set_output(transform="pandas").fit_transform(X)
    assert list(features.columns) == ["code_0", "code_1", "code_2", "code_3"]
    assert list(pipeline[-1].feature_names_in_) == list(X.columns)
    assert features.index.equals(X.index)


def test_nodule_shapes_are_reconstructed_better_than_by_their_mean(real_data):
    with np.load(
        real_data / "lidc" / "lidc_nodule_shapes_32.npz", allow_pickle=False
    ) as file:
        masks = file["masks"][:200, None].astype(np.float32)
    train, test = masks[:150], masks[150:]
    autoencoder = Autoencoder(
        16, max_iter=8, batch_size=16, learning_rate_init=3e-3, random_state=0, n_threads=1
    ).fit(train)
    error = np.square(autoencoder.reconstruct(test) - test).mean()
    assert error < 0.7 * np.square(test - train.mean(axis=0)).mean()
    conv_3 = autoencoder.set_params(layer="conv_3").transform(test)
    volume = np.log(test.sum(axis=(1, 2, 3, 4)))
    fit = np.linalg.lstsq(np.c_[conv_3, np.ones(len(test))], volume, rcond=None)[0]
    assert np.corrcoef(np.c_[conv_3, np.ones(len(test))] @ fit, volume)[0, 1] > 0.95


def test_chest_x_rays_beat_chance_from_every_layer(real_data):
    path = real_data / "pneumoniamnist" / "pneumoniamnist.npz"
    X, y = load_medmnist(path, "train", return_X_y=True)
    X, y = X[:600].astype(np.float32) / 255, y[:600]
    quick = {"max_iter": 8, "learning_rate_init": 3e-3, "batch_size": 16}
    vae = VAEFeatureExtractor(16, random_state=0, n_threads=1, **quick)
    vae.fit(X[:400])
    assert vae.active_units_ >= 8
    for layer, shape, _ in vae.list_layers():
        if layer == "log_var" or len(shape) > 1:
            continue
        features = vae.set_params(layer=layer).transform(X)
        classifier = make_pipeline(
            StandardScaler(), LogisticRegression(C=0.1, max_iter=1000)
        )
        classifier.fit(features[:400], y[:400])
        auc = roc_auc_score(y[400:], classifier.decision_function(features[400:]))
        assert auc > 0.7, layer


def enlarge(x):
    return to_imagenet(nn.functional.interpolate(x, size=(64, 64), mode="bilinear"))


def test_chest_x_rays_through_a_random_densenet(real_data):
    """Features of an untrained network, which is what no weights at hand leave."""
    path = real_data / "pneumoniamnist" / "pneumoniamnist.npz"
    X, y = load_medmnist(path, "train", return_X_y=True)
    X, y = X[:240].astype(np.float32) / 255, y[:240]
    layers = ["features.denseblock1", "features.norm5+relu"]
    read = {"layer": layers, "device": "cpu", "n_threads": 1}
    pipeline = Pipeline(
        [
            ("extract", LayerExtractor(densenet121, preprocess=enlarge, **read)),
            ("classify", LogisticRegression(C=0.1, max_iter=1000)),
        ]
    )
    pipeline.set_params(extract__random_state=0)
    score = pipeline.fit(X[:160], y[:160]).score(X[160:], y[160:])
    assert score > 0.75
