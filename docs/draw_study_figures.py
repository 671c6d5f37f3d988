"""Draw the pictures of docs/figures.md anew: of a real table, and of a simulated cohort.

python docs/draw_study_figures.py $SKVAE_TEST_DATA/radmlbench/Dong2022.gz
"""

import sys
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skvae import study
from skvae.datasets import read_features

IMAGES = Path(__file__).parent / "images"
OF_CLASSES = ("difference", "roc", "calibration", "decision_curve", "confusion", "external")


def of_a_table(file: str) -> "study.NestedCVResult":
    """Compare three arms within two thirds of the patients; the others are outside."""
    data = read_features(file, target="Target", id="ID", positive=1)
    outside = np.arange(len(data.target)) % 3 == 0
    (X, y, groups), external = (
        ({"radiomics": data.features[rows]}, data.target[rows], data.groups[rows])
        for rows in (~outside, outside)
    )
    arms = study.default_arms(X, ["pca", "best_k", "radiomics"], n_components=[8, 16])
    options = {"groups": groups, "positive": data.positive, "threshold": "youden"}
    return study.nested_cv(arms, X, y, outer=(5, 2), external=external, **options)


def of_times() -> "study.NestedCVResult":
    """Compare risks of 150 patients that know a latent factor with one that is volume."""
    rng = np.random.default_rng(0)
    severity = rng.normal(size=150)
    X = severity[:, None] * rng.normal(size=8) + rng.normal(scale=2, size=(150, 8))
    X = np.column_stack([X, np.exp(0.7 * severity + rng.normal(scale=0.4, size=150))])
    event_at = rng.exponential(24 * np.exp(-severity))
    left_at = rng.uniform(3, 84, size=150)
    y = np.empty(150, dtype=[("event", bool), ("time", float)])
    y["event"], y["time"] = event_at <= left_at, np.minimum(event_at, left_at)
    of_volume = FunctionTransformer(lambda rows: np.log(rows[:, -1:]))
    arms = {
        "pca": make_pipeline(PCA(2), MinusLogTime()),
        "volume": make_pipeline(of_volume, MinusLogTime()),
    }
    return study.nested_cv(arms, X, y, outer=(3, 2), reference="pca")


class MinusLogTime(LinearRegression):
    """A risk without a library of survival: minus the logarithm of the time."""

    def fit(self, X, y):
        return super().fit(X, -np.log(y["time"]))


if __name__ == "__main__":
    result = of_a_table(sys.argv[1])
    figures = {
        f"{name}_figure": getattr(study, f"{name}_figure")(result) for name in OF_CLASSES
    }
    figures["survival_figure"] = study.observed_figure(of_times())
    for name, figure in figures.items():
        figure.savefig(IMAGES / f"{name}.png", dpi=80, metadata={"Software": None})
