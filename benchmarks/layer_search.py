"""How often a search over ``layer`` runs the network, and which layer it chooses.

``GridSearchCV`` over three layers (one of them a pair) and three values of C, in three
folds, of a DenseNet-121 with random weights and of a fitted VAE, on digits. Passes are
calls of ``transform`` that reach the network; images are what runs through it, but for
the one that each ``fit`` asks for the shapes. With ``memory=``, each image runs once per
fold and layer set: the training and the test rows of a fold are a pass each, and one
more refits the best. Writes ``results/layer_search.csv``; takes about a minute.

    python benchmarks/layer_search.py
"""

from tempfile import TemporaryDirectory

import numpy as np
from harness import one_thread, print_table, write_csv
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from skvae import LayerExtractor, VAEFeatureExtractor
from skvae.networks import densenet121

N_IMAGES, N_FOLDS = 90, 3
C = [0.01, 0.1, 1.0]
DENSENET_LAYERS = [
    "features.denseblock2",
    "features.norm5",
    ["features.denseblock3", "features.norm5"],
]
VAE_LAYERS = ["conv_2", "mean", ["conv_2", "mean"]]

n_images_run: list[int] = []


def counted(x: Tensor) -> Tensor:
    """Count the images of a batch on its way into the network."""
    n_images_run.append(len(x))
    return x


class CountingExtractor(LayerExtractor):
    """Counts the images that run through the network, but for those of `fit`."""

    def fit(self, X, y=None):
        before = len(n_images_run)
        super().fit(X, y)
        del n_images_run[before:]
        return self


def search(extractor, layers, X, y):
    """Return how often the network ran, and the table of the search."""
    n_images_run.clear()
    pipeline = make_pipeline(extractor, StandardScaler(), LogisticRegression(max_iter=1000))
    name = pipeline.steps[0][0]
    grid = {f"{name}__layer": layers, "logisticregression__C": C}
    found = GridSearchCV(pipeline, grid, cv=N_FOLDS).fit(X, y)
    table = [
        {"layer": p[f"{name}__layer"], "C": p["logisticregression__C"]}
        | {"accuracy": round(float(score), 3), "rank": int(rank)}
        for p, score, rank in zip(
            found.cv_results_["params"],
            found.cv_results_["mean_test_score"],
            found.cv_results_["rank_test_score"],
            strict=True,
        )
    ]
    return sum(n_images_run), table


def main():
    one_thread()
    images, y = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    images, y, others = images[:N_IMAGES], y[:N_IMAGES], images[N_IMAGES:]
    large = np.kron(images, np.ones((8, 8), dtype=np.float32)).repeat(3, axis=1)
    vae = VAEFeatureExtractor(8, max_iter=20, random_state=0, n_threads=1, device="cpu")
    vae = FrozenEstimator(vae.fit(others))
    rows = []
    for name, model, layers, X in (
        ("DenseNet-121", densenet121, DENSENET_LAYERS, large),
        ("VAE", vae, VAE_LAYERS, images),
    ):
        for remembered in (True, False):
            with TemporaryDirectory() as folder:
                extractor = CountingExtractor(
                    model,
                    layer=layers[0],
                    preprocess=counted,
                    # No batch is cut, so that a call is a pass.
                    batch_size=N_IMAGES,
                    device="cpu",
                    random_state=0,
                    memory=folder if remembered else None,
                )
                n_run, table = search(extractor, layers, X, y)
            once = N_IMAGES * (N_FOLDS * len(layers) + 1)
            rows.append(
                {
                    "network": name,
                    "memory": remembered,
                    "passes": len(n_images_run),
                    "images": n_run,
                    "once_per_fold_and_layer_set": once,
                    "share": round(n_run / once, 2),
                }
            )
        print_table(table)
    print_table(rows)
    write_csv("layer_search", rows)


if __name__ == "__main__":
    main()
