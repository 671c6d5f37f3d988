"""The features of the built-in arms: steps of a pipeline, and what is searched in them."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from math import ceil
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.feature_selection import (
    SelectKBest,
    VarianceThreshold,
    f_classif,
    f_regression,
)
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from skvae.extras import import_extra
from skvae.images.loader import ImageLoader

__all__ = [
    "FEATURES",
    "Features",
    "ImagePCA",
    "Input",
    "Settings",
    "flatten",
    "log_volume",
]

IMAGE_NETWORK = {
    "channels": (8, 16, 32),
    "hidden_layer_sizes": (128,),
    "activation": "silu",  # with large steps, some networks of rectified units die
}
IMAGE_LAYERS = ("conv_2", "conv_3", "hidden_1")
TABLE_NETWORK = {"hidden_layer_sizes": (64, 32)}
TABLE_LAYERS = ("hidden_1", "hidden_2")

# On one CPU core an epoch over 400 crops of 32^3 takes seconds, and each latent arm trains
# 20 networks. Few epochs need large steps: with the default ones, a VAE of 270 crops has
# not left the prior after eight epochs.
QUICK_TRAINING = {"batch_size": 16, "learning_rate_init": 3e-3}
# In inner folds of one outer training part, 6, 8 and 12 epochs have the same AUC to .003.
QUICK_EPOCHS = 6
# Of few images, so many epochs make too few steps: a VAE of 58 stays at the prior. With 160
# steps all its units are active, and held-out errors are below those after 240.
_LEAST_STEPS = 160
FULL_EPOCHS, _LEAST_FULL_STEPS = 60, 1200
TABLE_TRAINING = {"max_iter": 100}

# Volumes as PyRadiomics, MIRP and a quality control of masks call them.
_VOLUME = re.compile(
    r"(.*[_.])?(shape_(mesh|voxel)?volume|morph_vol(ume|_approx)?|volume_mm3|volume)$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Features:
    """Steps that make features of an input, and the grid of what is searched in them."""

    steps: list[tuple[str, Any]]
    grid: dict[str, list[Any]]


@dataclass(frozen=True)
class Input:
    """An input of the study, and the name of its block if there are several.

    Attributes
    ----------
    X : array or DataFrame
        Its rows.
    block : str or None
        Name of the block.
    """

    X: Any
    block: str | None = None

    @property
    def is_manifest(self) -> bool:
        """Whether rows name files of scans."""
        return "Image" in getattr(self.X, "columns", ())

    @property
    def is_image(self) -> bool:
        """Whether rows have more than one axis, or name files of images."""
        return np.ndim(self.X) > 2 or self.is_manifest

    @property
    def is_mask(self) -> bool:
        """Whether it is of images with two values."""
        if np.ndim(self.X) <= 2:
            return False
        values = np.asarray(self.X)
        low, high = values.min(), values.max()  # to sort all values would take seconds
        return bool(low < high and ((values == low) | (values == high)).all())

    @property
    def is_numeric(self) -> bool:
        """Whether all values are numbers."""
        if not hasattr(self.X, "columns"):
            return np.asarray(self.X).dtype.kind in "biuf"
        is_number = import_extra("pandas").api.types.is_numeric_dtype
        return all(is_number(self.X[column]) for column in self.X.columns)

    @property
    def volume(self) -> str | None:
        """The column that is a volume, the first of several."""
        names = [str(c) for c in getattr(self.X, "columns", ())]
        return next((name for name in names if _VOLUME.match(name)), None)


@dataclass(frozen=True)
class Settings:
    """What all built-in arms share.

    Attributes
    ----------
    outcome : str
        `"classes"`, `"number"` or `"event"`.
    n_components : tuple of int
        Sizes that are tried.
    layers : sequence of str or None
        Layers that are tried; those of the network by default.
    full : bool
        Whether to train for as long as is sensible.
    memory : str or None
        Where networks are kept.
    random_state : int
        Seed.
    loader : ImageLoader or None
        What reads scans; by default boxes of 32 voxels around their masks.
    """

    outcome: str
    n_components: tuple[int, ...]
    layers: Sequence[str] | None
    full: bool
    memory: str | None
    random_state: int
    loader: ImageLoader | None = None

    def layers_of(self, given: Input, code: str) -> list[str]:
        """Layers of a network; `code` and `mean` both stand for the latent layer.

        Parameters
        ----------
        given : Input
            What the network reads.
        code : str
            Name of the latent layer of its kind.

        Returns
        -------
        list of str
            The layers that are tried.
        """
        if self.layers is None:
            return [*(IMAGE_LAYERS if given.is_image else TABLE_LAYERS), code]
        named = (code if layer in ("code", "mean") else layer for layer in self.layers)
        return list(dict.fromkeys(named))

    def n_layers_of(self, given: Input) -> int:
        """Count the layers that are tried of a network of this input."""
        return len(self.layers_of(given, "code"))


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
    >>> from skvae.study.arm_features import flatten
    >>> flatten(np.zeros((5, 1, 4, 4, 4))).shape
    (5, 64)
    """
    return X.reshape(len(X), -1)


class ImagePCA(TransformerMixin, BaseEstimator):
    """Principal components of images of any shape, centred first.

    PCA of many rows takes their covariance before it centres them, and loses an offset's
    digits in single precision (findings/sklearn-pca-uncentred-float32.sh). All is one step,
    since a pipeline with a memory hashes and stores whole images between any two.

    Parameters
    ----------
    n_components : int
        Number of components.
    random_state : int
        Seed of the solver.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.study.arm_features import ImagePCA
    >>> X = np.random.default_rng(0).normal(300.0, 1.0, (6, 1, 4, 4))
    >>> ImagePCA(n_components=2, random_state=0).fit_transform(X).shape
    (6, 2)
    """

    def __init__(self, n_components: int, random_state: int) -> None:
        self.n_components = n_components
        self.random_state = random_state

    def fit(self, X: NDArray[Any], y: Any = None) -> Self:
        """Learn the mean and the components.

        Parameters
        ----------
        X : ndarray of shape (n_samples, ...)
            Images.
        y : None
            Ignored.

        Returns
        -------
        ImagePCA
            Itself.
        """
        self.fit_transform(X)
        return self

    def fit_transform(self, X: NDArray[Any], y: Any = None) -> NDArray[Any]:
        """Learn the components and return those of the same images.

        Parameters
        ----------
        X : ndarray of shape (n_samples, ...)
            Images.
        y : None
            Ignored.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            The components.
        """
        pca = PCA(self.n_components, random_state=self.random_state)
        self.steps_ = make_pipeline(StandardScaler(with_std=False), pca)
        return self.steps_.fit_transform(flatten(X))

    def transform(self, X: NDArray[Any]) -> NDArray[Any]:
        """Return the components of other images.

        Parameters
        ----------
        X : ndarray of shape (n_samples, ...)
            Images.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            The components.
        """
        return self.steps_.transform(flatten(X))


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
    >>> from skvae.study.arm_features import log_volume
    >>> masks = np.zeros((2, 1, 10, 10))
    >>> masks[1, 0, :2, :5] = 1
    >>> print(log_volume(masks).round(3))
    [[0.   ]
     [2.303]]
    """
    counts = np.count_nonzero(flatten(X) > 0, axis=1)
    return np.log(np.maximum(counts, 1))[:, None]


def _volume(given: Input, settings: Settings) -> Features:
    if given.is_mask:
        features: Any = FunctionTransformer(log_volume)
        return Features([("features", features), ("scale", StandardScaler())], {})
    if given.volume is None:
        raise ValueError(
            "Got the arm 'volume', but there are neither masks nor a column of volumes "
            "such as original_shape_MeshVolume."
        )
    column = ColumnTransformer([("volume", "passthrough", [given.volume])])
    log = FunctionTransformer(np.log1p)
    return Features([("features", column), *_filled(), ("log", log), _scaled()], {})


def _clinical(given: Input, settings: Settings) -> Features:
    """Encode text and truth values, impute and scale numbers; in the fold."""
    is_number = import_extra("pandas").api.types.is_numeric_dtype
    X = given.X
    numbers = [
        c
        for c in X.columns
        if is_number(X[c]) and str(X[c].dtype) not in ("bool", "boolean")
    ]
    texts = [c for c in X.columns if c not in numbers]
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    parts = [
        ("numbers", make_pipeline(_imputer(), StandardScaler()), numbers),
        ("texts", encoder, texts),
    ]
    columns = ColumnTransformer([part for part in parts if part[2]])
    return Features([("features", columns)], {})


def _radiomics(given: Input, settings: Settings) -> Features:
    return Features(_first_steps(given), {})


def _best_k(given: Input, settings: Settings) -> Features:
    if settings.outcome == "event":
        raise ValueError("Got the arm 'best_k' for event and time, which it cannot rank.")
    _expect_table(given, "best_k")
    test = f_classif if settings.outcome == "classes" else f_regression
    varying = ("varying", VarianceThreshold())
    n_columns = np.shape(given.X)[1]
    sizes = sorted({min(k, n_columns) for k in (5, 10, 20)})
    return Features(
        [*_first_steps(given), varying, ("features", SelectKBest(test))],
        {"features__k": sizes},
    )


def _pca(given: Input, settings: Settings) -> Features:
    kind, first = PCA, _first_steps(given)
    if given.is_image:
        kind, first = ImagePCA, _loaded(given, settings)
    features = kind(settings.n_components[0], random_state=settings.random_state)
    return Features([*first, ("features", features), _scaled()], _sizes(settings))


def _network(home: str, kind: str, code: str) -> Callable[[Input, Settings], Features]:
    def features(given: Input, settings: Settings) -> Features:
        # Here, so that the study itself does not need torch.
        features = import_module(f"skvae.features.{home}")
        images = _image_training(len(given.X), settings.full)
        extractor = getattr(features, kind)(
            n_components=settings.n_components[0],
            random_state=settings.random_state,
            memory=settings.memory,
            **(IMAGE_NETWORK if given.is_image else TABLE_NETWORK),
            **(images if given.is_image else TABLE_TRAINING),
        )
        if kind == "AttriVAE":
            with config_context(enable_metadata_routing=True):
                extractor.set_fit_request(attributes=True)
        first = _loaded(given, settings) if given.is_image else _first_steps(given)
        grid = {"features__layer": settings.layers_of(given, code), **_sizes(settings)}
        return Features([*first, ("features", extractor), _scaled()], grid)

    return features


FEATURES: Mapping[str, Callable[[Input, Settings], Features]] = {
    "volume": _volume,
    "clinical": _clinical,
    "radiomics": _radiomics,
    "best_k": _best_k,
    "embedding": _radiomics,
    "pca": _pca,
    "autoencoder": _network("autoencoder", "Autoencoder", "code"),
    "vae": _network("vae", "VAEFeatureExtractor", "mean"),
    "attri_vae": _network("attri_vae", "AttriVAE", "mean"),
}


def _image_training(n_rows: int, full: bool) -> dict[str, Any]:
    n_steps = n_rows / QUICK_TRAINING["batch_size"]  # of an epoch
    if full:
        return {"max_iter": max(FULL_EPOCHS, ceil(_LEAST_FULL_STEPS / n_steps))}
    return QUICK_TRAINING | {"max_iter": max(QUICK_EPOCHS, ceil(_LEAST_STEPS / n_steps))}


def _loaded(given: Input, settings: Settings) -> list[tuple[str, Any]]:
    """Return what reads scans from their files, where the input names files."""
    if not given.is_manifest:
        return []
    loader = settings.loader
    if loader is None:
        crop = "mask" if "Mask" in given.X.columns else "center"
        loader = ImageLoader(crop=crop, size=(32, 32, 32), normalize="zscore")
    if settings.memory is not None and loader.cache is None:
        loader = clone(loader).set_params(cache=f"{settings.memory}/crops")
    return [("load", loader)]


def _first_steps(given: Input) -> list[tuple[str, Any]]:
    """Return what stands before all that reduces: rows of numbers, none missing."""
    if not given.is_image:
        return [*_filled(), ("standardise", StandardScaler())]
    centre = StandardScaler(with_std=False)
    return [("flatten", FunctionTransformer(flatten)), ("centre", centre)]


def _imputer() -> SimpleImputer:
    return SimpleImputer(strategy="median", keep_empty_features=True)


def _filled() -> list[tuple[str, Any]]:
    return [("impute", _imputer())]


def _scaled() -> tuple[str, Any]:
    return ("scale", StandardScaler())


def _sizes(settings: Settings) -> dict[str, list[Any]]:
    sizes = settings.n_components
    return {"features__n_components": list(sizes)} if len(sizes) > 1 else {}


def _expect_table(given: Input, arm: str) -> None:
    if given.is_image:
        raise ValueError(f"Got the arm {arm!r} for images, expected a table.")
