"""The arms of the default study: what is simple, and what an autoencoder adds to it.

All arms of a kind try the same number of configurations, so that none wins by a larger
budget: the latent arms choose a layer and the strength of the model, the others the
strength on a finer grid. Features are always imputed and scaled within the fold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import FeatureUnion, Pipeline

from skvae.images.loader import ImageLoader
from skvae.study.arm_features import FEATURES, Features, Input, Settings
from skvae.study.input_blocks import Blocks, SelectBlock
from skvae.study.recent_steps import RecentSteps

__all__ = ["default_arms"]

STRENGTHS = (0.01, 0.1, 1.0)  # of the classifier, C, in the latent arms
BASELINE = "zero_rule"
_SIDE_BLOCKS = ("clinical", "embedding", "volume")  # for an arm of their own


def default_arms(
    X: Any,
    names: Sequence[str] | None = None,
    *,
    outcome: str = "classes",
    layers: Sequence[str] | None = None,
    n_components: int | Sequence[int] = 16,
    model: BaseEstimator | None = None,
    model_grid: Mapping[str, Sequence[Any]] | None = None,
    full: bool = False,
    memory: str | None = None,
    random_state: int = 0,
    loader: ImageLoader | None = None,
) -> dict[str, tuple[BaseEstimator, dict[str, list[Any]] | None]]:
    """Return built-in arms for images, tables or several blocks, each with its grid.

    Small cohorts get fewer components: at most a third of their rows.

    Parameters
    ----------
    X : ndarray of shape (n_samples, channels, *spatial), table, or mapping of these
        The cohort. The blocks of a mapping are told apart by their names (`clinical`,
        `embedding`, `volume`) and shapes; a table with a column `Image` names files of
        scans.
    names : sequence of str, default=None
        The arms: `volume` (of masks, or the column of a table), `clinical`, `radiomics`
        (all columns), `best_k` (the best columns by an F test), `pca`, `autoencoder`,
        `vae`, `attri_vae` (its attributes go to the study as params), `embedding`
        (features from elsewhere) and `zero_rule`, which predicts the same for all.
        `pca:radiomics` names the block that an arm takes, where there are several;
        `clinical+vae` unites the features of two arms or more. By default what the
        inputs allow.
    outcome : {"classes", "number", "event"}, default="classes"
        What is predicted.
    layers : sequence of str, default=None
        Layers of the networks that are tried; those of the default network by default.
    n_components : int or sequence of int, default=16
        Latent units and principal components; several are searched.
    model : estimator, default=None
        What predicts from the features. By default logistic regression for classes and
        ridge regression for numbers; needed for event and time.
    model_grid : mapping of str to sequence, default=None
        What is searched in `model`, by names of its parameters.
    full : bool, default=False
        Whether to train for as long as is sensible, not as is quick.
    memory : str, default=None
        Folder in which trained networks are kept, so that a grid over layers trains one
        network for each fold.
    random_state : int, default=0
        Of all arms that draw.
    loader : ImageLoader, default=None
        What reads the scans that a table names. By default boxes of 32 voxels around
        their masks.

    Returns
    -------
    dict of str to (estimator, dict or None)
        The arms by name.

    Examples
    --------
    >>> import numpy as np
    >>> from skvae.study import default_arms
    >>> X = np.random.default_rng(0).normal(size=(60, 20))
    >>> list(default_arms(X))
    ['radiomics', 'pca', 'autoencoder', 'vae']
    >>> arms = default_arms({"radiomics": X, "images": np.zeros((60, 1, 8, 8))},
    ...                     ["pca:radiomics", "vae:images", "pca:radiomics+vae:images"])
    >>> [step for step, _ in arms["pca:radiomics"][0].steps]
    ['select', 'impute', 'standardise', 'features', 'scale', 'classify']
    """
    inputs = _inputs(X)
    n_rows = len(next(iter(inputs.values())).X)
    asked = (n_components,) if isinstance(n_components, int) else tuple(n_components)
    sizes = _at_most(asked, n_rows // 3)
    settings = Settings(outcome, sizes, layers, full, memory, random_state, loader)
    if model is None:
        model, model_grid = _model(outcome)
    found = {}
    for name in names if names is not None else _possible(inputs):
        if name == BASELINE:
            found[name] = (_baseline(outcome, inputs), None)
            continue
        parts = {part: _part(part, inputs, settings) for part in name.split("+")}
        found[name] = _arm(parts, settings, inputs, model, model_grid or {})
    return found


def _inputs(X: Any) -> dict[str | None, Input]:
    if not isinstance(X, Blocks | Mapping):
        return {None: Input(X)}
    return {name: Input(X[name], name) for name in X}


def _possible(inputs: Mapping[str | None, Input]) -> list[str]:
    """Names of the arms that the inputs allow, the simple ones first."""
    names = []
    if any(i.is_mask or i.volume is not None for i in inputs.values()):
        names.append("volume")
    if "clinical" in inputs:
        names.append("clinical")
    names += [n for n in ("embedding",) if n in inputs]
    main = [i for i in inputs.values() if i.block not in _SIDE_BLOCKS]
    if any(not given.is_image for given in main):
        names.append("radiomics")
    several = len(main) > 1
    for given in main:
        at = f":{given.block}" if several else ""
        names += [f"{arm}{at}" for arm in ("pca", "autoencoder", "vae")]
    return names


def _part(name: str, inputs: Mapping[str | None, Input], settings: Settings) -> Features:
    """Return the features of one arm, taken from the block that it names or that fits."""
    kind, _, block = name.partition(":")
    if kind not in FEATURES:
        raise ValueError(
            f"Got the arm {name!r}, expected one of {', '.join([*FEATURES, BASELINE])}, "
            "several of them joined by +, with the block after a colon."
        )
    if block and block not in inputs:
        listed = ", ".join(str(b) for b in inputs if b is not None) or "no blocks"
        raise ValueError(f"Got the arm {name!r}, but X has {listed}.")
    given = inputs[block] if block else _fitting(kind, inputs)
    # An input may be narrow; others, for which more is asked, may not.
    sizes = _at_most(settings.n_components, int(np.prod(np.shape(given.X)[1:])))
    features = FEATURES[kind](given, replace(settings, n_components=sizes))
    if given.block is None:
        return features
    return Features([("select", SelectBlock(given.block)), *features.steps], features.grid)


def _at_most(sizes: Sequence[int], most: int) -> tuple[int, ...]:
    return tuple(dict.fromkeys(min(int(n), max(1, most)) for n in sizes))


def _fitting(kind: str, inputs: Mapping[str | None, Input]) -> Input:
    if None in inputs:
        return inputs[None]
    if kind in inputs:
        return inputs[kind]
    fits = {
        "volume": lambda i: i.is_mask or i.volume is not None,
        "radiomics": lambda i: not i.is_image and i.block not in _SIDE_BLOCKS,
        "best_k": lambda i: not i.is_image and i.block not in _SIDE_BLOCKS,
        "clinical": lambda i: False,
        "embedding": lambda i: False,
    }.get(kind, lambda i: i.block not in _SIDE_BLOCKS)
    found = [given for given in inputs.values() if fits(given)]
    if not found:
        raise ValueError(
            f"Got the arm {kind!r}, for which none of the blocks "
            f"{', '.join(map(str, inputs))} is made."
        )
    return found[0]


def _arm(
    parts: dict[str, Features],
    settings: Settings,
    inputs: Mapping[str | None, Input],
    model: BaseEstimator,
    model_grid: Mapping[str, Sequence[Any]],
) -> tuple[Pipeline, dict[str, list[Any]]]:
    """Put the model behind the features, united where there are several."""
    # It saves what the memory of networks does not: reading the training rows, and PCA,
    # once for all strengths of the model.
    memory = RecentSteps()
    if len(parts) == 1:
        (features,) = parts.values()
        steps, grid = features.steps, dict(features.grid)
    else:
        names = {name: name.replace(":", "_") for name in parts}
        united = [
            (names[name], Pipeline(part.steps, memory=memory))
            for name, part in parts.items()
        ]
        steps = [("features", FeatureUnion(united))]
        grid = {
            f"features__{names[name]}__{key}": values
            for name, part in parts.items()
            for key, values in part.grid.items()
        }
    grid |= {f"classify__{key}": list(values) for key, values in model_grid.items()}
    if set(model_grid) == {"C"} or set(model_grid) == {"alpha"}:
        _spend_the_budget(grid, settings, inputs, next(iter(model_grid)))
    return Pipeline([*steps, ("classify", clone(model))], memory=memory), grid


def _spend_the_budget(
    grid: dict[str, list[Any]],
    settings: Settings,
    inputs: Mapping[str | None, Input],
    strength: str,
) -> None:
    """Make the grid of strengths finer where less else is searched, in place."""
    most_layers = max(settings.n_layers_of(given) for given in inputs.values())
    budget = most_layers * len(settings.n_components) * len(STRENGTHS)
    key = f"classify__{strength}"
    spent = prod(len(values) for name, values in grid.items() if name != key)
    n = max(len(STRENGTHS), budget // spent)
    if n > len(STRENGTHS):
        coarse = grid[key]
        fine = np.geomspace(min(coarse), max(coarse), n)
        grid[key] = [float(f"{value:.3g}") for value in fine]


def _model(outcome: str) -> tuple[BaseEstimator, dict[str, list[float]]]:
    if outcome == "classes":
        return LogisticRegression(max_iter=2000), {"C": list(STRENGTHS)}
    if outcome == "number":
        return Ridge(), {"alpha": [1 / c for c in STRENGTHS]}
    raise ValueError(
        "Got event and time without model, expected an estimator of risks, such as "
        "sksurv.linear_model.CoxnetSurvivalAnalysis or a pipeline that ends in one."
    )


def _baseline(outcome: str, inputs: Mapping[str | None, Input]) -> BaseEstimator:
    if outcome == "event":
        raise ValueError(f"Got the arm {BASELINE!r} for event and time, which has none.")
    rule = DummyClassifier(strategy="prior") if outcome == "classes" else DummyRegressor()
    block = next(iter(inputs))
    if block is None:
        return rule
    return Pipeline([("select", SelectBlock(block)), ("classify", rule)])
