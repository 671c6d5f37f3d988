"""Small samples, small estimators of them, and all that is to know of one."""

import inspect
from functools import partial

import numpy as np
import pandas as pd
from sklearn.frozen import FrozenEstimator

import skvae

RNG = np.random.default_rng(0)
ROWS = RNG.random((40, 12), dtype=np.float32)
IMAGES = RNG.random((24, 1, 12, 10), dtype=np.float32)
VOLUMES = RNG.random((16, 2, 6, 8, 5), dtype=np.float32)
SEQUENCES = RNG.random((12, 3, 5), dtype=np.float32)
LARGE = RNG.random((6, 1, 80, 80), dtype=np.float32)
INPUTS = {"rows": ROWS, "images": IMAGES, "volumes": VOLUMES}
FRAME = pd.DataFrame(ROWS, columns=[f"x{i}" for i in range(12)])
Y, THREE = np.arange(40) % 2, np.arange(40) % 3
NUMBERS = ROWS[:, 0] + 2 * ROWS[:, 1]
GROUPS = np.arange(40) // 2
WEIGHTS = 0.5 + RNG.random(40)
ATTRIBUTES = np.column_stack([ROWS[:, 0] * 100, ROWS[:, 1] > 0.5])
LACKING = np.where(RNG.random((40, 2)) < 0.2, np.nan, ATTRIBUTES)
SOME = np.where(RNG.random(40) < 0.3, -1, Y)

COMMON = {
    "n_threads": 1,
    "random_state": 0,
    "device": "cpu",
    "n_components": 4,
    "hidden_layer_sizes": (8,),
    "channels": (2, 4),
    "max_iter": 3,
    "batch_size": 16,
}
PHASES = {"head_max_iter": 2, "finetune_max_iter": 2}
PREDICTORS = ("AutoencoderClassifier", "AutoencoderRegressor")
RECURRENT = ("SequenceClassifier", "SequenceRegressor")
SMALL = {
    "ConvolutionalSparseAutoencoder": {"kernel_size": 3, "scales": (1, 2)},
    "SegNetSegmenter": {"depth": 2, "width": 4, "n_convolutions": 1, "batch_size": 4},
    "UNetSegmenter": {"depth": 2, "width": 4, "n_convolutions": 1, "batch_size": 4},
    **dict.fromkeys(PREDICTORS, PHASES),
    **{kind: PHASES | {"hidden_size": 4} for kind in RECURRENT},
}

# What is read of a fitted estimator that has it.
READ = {
    "transform": lambda e, X, y: e.transform(X),
    "predict": lambda e, X, y: e.predict(X),
    "predict_proba": lambda e, X, y: e.predict_proba(X),
    "decision_function": lambda e, X, y: e.decision_function(X),
    "reconstruct": lambda e, X, y: e.reconstruct(X),
    "denoise": lambda e, X, y: e.denoise(X),
    "score_samples": lambda e, X, y: e.score_samples(X),
    "score": lambda e, X, y: e.score(X, y),
    "inverse_transform": lambda e, X, y: e.inverse_transform(e.transform(X)),
    "sample": lambda e, X, y: e.sample(3, random_state=0),
    "sample_posterior": lambda e, X, y: e.sample_posterior(X, random_state=0),
    "transform_pixels": lambda e, X, y: e.transform_pixels(X),
    "density": lambda e, X, y: e.density(X, dense_label=2),
    "quantify": lambda e, X, y: e.quantify(X),
    "list_layers": lambda e, X, y: e.list_layers(),
    "list_layers(X)": lambda e, X, y: e.list_layers(X),
    "get_feature_names_out": lambda e, X, y: e.get_feature_names_out(),
    "all_layers": lambda e, X, y: every_layer(e, X),
}


def every_layer(estimator, X):
    """Return the features of each layer by each way of pooling."""
    found = {}
    for row in estimator.list_layers():
        for pool in ("avg", "max", "avg+max", None):
            estimator.set_params(layer=row.name, pool=pool)
            found[row.name, pool] = estimator.transform(X)
    return found


def make(kind, *arguments, **parameters):
    """Return an estimator: small, unless its parameters say otherwise.

    Estimators among the parameters are made only now, so that an error is that of a case.
    """
    kind = getattr(skvae, kind)
    known = inspect.signature(kind).parameters
    small = {name: value for name, value in COMMON.items() if name in known}
    small |= SMALL.get(kind.__name__, {})
    made = {k: v() if isinstance(v, partial) else v for k, v in parameters.items()}
    return kind(*arguments, **small | made)


def fitted_before(kind, X, y=None, **parameters):
    """Return a frozen estimator."""
    return FrozenEstimator(make(kind, **parameters).fit(X, y))


def fit(kind, X, y=None, calls=("fit",), columns=None, **parameters):
    """Yield all that is to know of an estimator after calls of `fit`."""
    estimator = make(kind, **parameters)
    given = (columns or {}) | ({} if y is None else {"y": y})
    for call in calls:
        getattr(estimator, call)(X, **given)
    for name in fitted_names(estimator):
        yield name, partial(getattr, estimator, name)
    for name, read in READ.items():
        needed = "list_layers" if name == "all_layers" else name.partition("(")[0]
        if hasattr(estimator, needed):
            yield name, partial(read, estimator, X, y)


def fitted_names(estimator):
    """Return the names of what an estimator has learned, also where they are properties."""
    names = (name for name in dir(estimator) if name.endswith("_") and name[0] != "_")
    return [name for name in names if hasattr(estimator, name)]


def one(function, *arguments, **parameters):
    """Yield the result of a function as the only one."""
    yield "result", partial(function, *arguments, **parameters)
