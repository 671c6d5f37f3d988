"""The arms of the default study: what is simple, and what an autoencoder adds to it.

All arms of a kind try the same number of configurations, so that none wins by a larger
budget: the latent arms choose a layer and the strength of the classifier, the others
the strength on a finer grid. Features are always scaled within the fold.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

__all__ = ["default_arms", "flatten", "log_volume"]

IMAGE_NETWORK = {
    "channels": (8, 16, 32),
    "hidden_layer_sizes": (128,),
    "activation": "silu",  # with large steps, some networks of rectified units die
}
IMAGE_LAYERS = ("conv_2", "conv_3", "hidden_1")
TABLE_NETWORK = {"hidden_layer_sizes": (64, 32)}
TABLE_LAYERS = ("hidden_1", "hidden_2")
STRENGTHS = (0.01, 0.1, 1.0)  # of the classifier, C, in the latent arms

# On one CPU core an epoch over 400 crops of 32^3 takes about a second, and each latent
# arm trains 20 networks. Few epochs need large steps: with the default ones, a VAE of
# 270 crops has not left the prior after eight epochs.
QUICK_TRAINING = {"max_iter": 8, "batch_size": 16, "learning_rate_init": 3e-3}
FULL_TRAINING = {"max_iter": 60}
TABLE_TRAINING = {"max_iter": 100}


def flatten(X: NDArray[Any]) -> NDArray[Any]:
    """Return each sample as one row.

    Parameters
    ----------
    X : ndarray of shape (n_samples, ...)
        Images of any shape.

    Returns
    -------
    ndarray of shape (n_samples, n_values)
        The same values.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.study.default_arms import flatten
    >>> flatten(np.zeros((5, 1, 4, 4, 4))).shape
    (5, 64)
    """
    return X.reshape(len(X), -1)


def log_volume(X: NDArray[Any]) -> NDArray[np.float64]:
    """Return the logarithm of the number of voxels above zero.

    Parameters
    ----------
    X : ndarray of shape (n_samples, ...)
        Masks.

    Returns
    -------
    ndarray of shape (n_samples, 1)
        One column; an empty mask counts as one voxel.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.study.default_arms import log_volume
    >>> masks = np.zeros((2, 1, 10, 10))
    >>> masks[1, 0, :2, :5] = 1
    >>> print(log_volume(masks).round(3))
    [[0.   ]
     [2.303]]
    """
    counts = np.count_nonzero(flatten(X) > 0, axis=1)
    return np.log(np.maximum(counts, 1))[:, None]


def default_arms(
    X: NDArray[Any],
    *,
    full: bool = False,
    memory: str | None = None,
    n_components: int = 16,
    random_state: int = 0,
) -> dict[str, tuple[Pipeline, dict[str, list[Any]]]]:
    """Return the arms for images or for a table, each with its grid.

    Small cohorts get fewer components: at most a third of their rows.

    Parameters
    ----------
    X : ndarray of shape (n_samples, channels, *spatial) or (n_samples, n_features)
        The cohort. Masks (images with two values) have an arm for their volume alone,
        tables an arm without reduction.
    full : bool, default=False
        Whether to train for as long as is sensible, not as is quick.
    memory : str, default=None
        Folder in which trained networks and features are kept, so that a grid over
        layers trains one network for each fold.
    n_components : int, default=16
        Latent units and principal components.
    random_state : int, default=0
        Of all arms that draw.

    Returns
    -------
    dict of str to (Pipeline, dict)
        The arms by name; `pca` is among them.
    """
    n_components = min(n_components, flatten(X).shape[1], max(1, len(X) // 3))
    return {
        **_simple_arms(X, memory, n_components, random_state),
        **_latent_arms(X, full, memory, n_components, random_state),
    }


def _simple_arms(
    X: NDArray[Any], memory: str | None, n_components: int, random_state: int
) -> dict[str, Any]:
    pca = ("features", PCA(n_components, random_state=random_state))
    flat = ("flatten", FunctionTransformer(flatten))
    if X.ndim == 2:
        first = ("standardise", StandardScaler())
        arms = {"raw": [first], "pca": [first, pca, ("scale", StandardScaler())]}
        n_layers = len(TABLE_LAYERS) + 1
    else:
        # PCA of many rows takes their covariance before it centres them, and loses an
        # offset's digits in single precision (findings/sklearn-pca-uncentred-float32.sh).
        centre = ("centre", StandardScaler(with_std=False))
        arms = {"pca": [flat, centre, pca, ("scale", StandardScaler())]}
        if len(np.unique(X)) == 2:
            volume = ("features", FunctionTransformer(log_volume))
            arms = {"volume": [volume, ("scale", StandardScaler())]} | arms
        n_layers = len(IMAGE_LAYERS) + 1
    strengths = np.geomspace(min(STRENGTHS), max(STRENGTHS), n_layers * len(STRENGTHS))
    grid = {"classify__C": [float(f"{c:.3g}") for c in strengths]}
    return {name: (_classified(steps, memory), grid) for name, steps in arms.items()}


def _latent_arms(
    X: NDArray[Any], full: bool, memory: str | None, n_components: int, random_state: int
) -> dict[str, Any]:
    # Here, so that the study itself does not need torch.
    from skvae import Autoencoder, VAEFeatureExtractor

    is_table = X.ndim == 2
    training = TABLE_TRAINING if is_table else FULL_TRAINING if full else QUICK_TRAINING
    network = TABLE_NETWORK if is_table else IMAGE_NETWORK
    first = [("standardise", StandardScaler())] if is_table else []
    arms = {}
    for name, kind, code in (
        ("autoencoder", Autoencoder, "code"),
        ("vae", VAEFeatureExtractor, "mean"),
    ):
        features = kind(
            n_components=n_components,
            random_state=random_state,
            memory=memory,
            **network,
            **training,
        )
        layers = [*(TABLE_LAYERS if is_table else IMAGE_LAYERS), code]
        steps = [*first, ("features", features), ("scale", StandardScaler())]
        grid = {"features__layer": layers, "classify__C": list(STRENGTHS)}
        arms[name] = (_classified(steps, memory), grid)
    return arms


def _classified(steps: list[Any], memory: str | None) -> Pipeline:
    classify = ("classify", LogisticRegression(max_iter=2000))
    # The pipeline's own cache saves what the estimator's does not: reading the training
    # rows, and PCA, once for all strengths of the classifier.
    return Pipeline([*steps, classify], memory=memory)
