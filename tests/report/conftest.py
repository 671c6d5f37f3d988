"""A small study that has all that a report shows, and its report."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skvae import Autoencoder
from skvae.report.figure_calls import FigureCall
from skvae.study import SelectBlock, nested_cv

N = 80


def rows(n=N, prefix="P"):
    """Return inputs, outcome and patients: two rows each, of one class."""
    rng = np.random.default_rng(len(prefix) + n)
    malignant = np.arange(n) // 2 % 2 == 1
    volume = rng.lognormal(malignant, 0.8, n)
    features = rng.normal(size=(n, 4)) + malignant[:, None]
    table = pd.DataFrame(features, columns=list("abcd")).assign(volume=volume)
    clinical = pd.DataFrame({"age": rng.normal(60, 9, n).round()})
    y = np.where(malignant, "malignant", "benign")
    groups = np.array([f"{prefix}{i // 2:03d}" for i in range(n)])
    return {"radiomics": table, "clinical": clinical}, y, groups


@pytest.fixture(scope="session")
def covariates():
    X, _, _ = rows()
    return X["radiomics"][["volume"]].join(X["clinical"])


@pytest.fixture(scope="session")
def result():
    X, y, groups = rows()
    columns = (SelectBlock("radiomics"), SimpleImputer(), StandardScaler())
    network = Autoencoder(2, hidden_layer_sizes=(3,), max_iter=4, random_state=0)
    arms = {
        "pca": (
            make_pipeline(*columns, PCA(2), LogisticRegression()),
            {"pca__n_components": [1, 2]},
        ),
        "clinical": make_pipeline(
            SelectBlock("clinical"), StandardScaler(), LogisticRegression()
        ),
        "net": (
            make_pipeline(*columns, network, LogisticRegression()),
            {"autoencoder__layer": ["hidden_1", "code"]},
        ),
    }
    return nested_cv(
        arms,
        X,
        y,
        groups=groups,
        outer=(2, 2),
        inner=2,
        positive="malignant",
        threshold="youden",
        external=rows(40, "E"),
        explain=True,
    )


@pytest.fixture
def no_figures(monkeypatch):
    """Draw nothing, which is quick; the figures have tests of their own."""

    def draw(call, result, *arm):
        figure = Figure(figsize=(2, 1))
        figure.subplots().plot([0, 1], [0, 1])
        return figure

    monkeypatch.setattr(FigureCall, "draw", draw)


@pytest.fixture(scope="session")
def written(result, covariates, tmp_path_factory):
    """Return the folder of a report with the real figures."""
    folder = tmp_path_factory.mktemp("report")
    curve = pd.DataFrame(
        {
            "arm": ["pca", "pca"],
            "share": [0.5, 1.0],
            "n_train": [20.0, 40.0],
            "n_train_groups": [10.0, 20.0],
            "mean": [0.7, 0.8],
            "ci_low": [0.6, np.nan],
            "ci_high": [0.75, np.nan],
        }
    )
    result.report(folder, inputs=covariates, further={"learning_curve": curve})
    return folder
